"""A model's linear layers while it answers: each adds the products of the checkpoints at hand.

The packed layer of training without its gradients. Layers that read the same input are multiplied together where their
weights can be laid out for it, on a processor in fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from tuner.chat.engine.frozen import Frozen, lays_out
from tuner.train.packed.memory import free_bytes
from tuner.train.packed.product import add_products
from tuner.train.packed.spans import Spans
from tuner.train.packed.stack import Shape

_TOGETHER = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Names of layers that usually read the same input. Where they do not, each product is made once for each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Adapters side by side, of layers that read the same input."""

    a: torch.Tensor
    """(adapters, in, layers that some adapter tunes * rank)"""
    b: Mapping[int, torch.Tensor]
    """By place among the layers: (adapters, rank, out)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Tokens that follow each other in a stream, and whose they are."""

    tokens: slice
    adapters: slice
    """Of those side by side, the ones that the spans are of."""
    spans: Spans


class Products:
    """While this lives, the model's layers are changed."""

    def __init__(self, model: Any, shapes: Sequence[Shape], device: torch.device,
                 parts: Callable[[], Sequence[Part]]) -> None:
        """`parts`: whose the tokens at hand are. Asked only while there are adapters."""
        head = model.get_output_embeddings()
        self._layers = [*(model.get_submodule(shape.name) for shape in shapes), head]
        held = sum(parameter.nbytes for layer in self._layers for parameter in layer.parameters())
        is_laid_out = (device.type == "cpu" and model.dtype == torch.float32 and lays_out()
                       and 2 * held < free_bytes())
        self.families = _families(shapes) if is_laid_out else [(shape,) for shape in shapes]
        """Layers that are multiplied together."""
        self._families = {}
        for family in self.families:
            layers = [model.get_submodule(shape.name) for shape in family]
            own = _Family(Frozen(layers, is_laid_out=is_laid_out), [shape.outputs for shape in family], parts)
            self._families[family[0].name] = own
            for place, layer in enumerate(layers):
                layer.forward = _Forward(own, place)
        head.forward = Frozen([head], is_laid_out=is_laid_out)

    def use(self, adapters: Mapping[str, Beside]) -> None:
        """By the name of each family's first layer; no adapter tunes the others."""
        for name, family in self._families.items():
            family.use(adapters.get(name))

    def close(self) -> None:
        """The model is as it was loaded again."""
        for layer in self._layers:
            del layer.forward


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What of one family's adapters a part of the stream needs."""

    first: int
    """Token."""
    a: torch.Tensor
    b: list[tuple[int, torch.Tensor]]
    spans: Spans


class _Family:
    def __init__(self, frozen: Frozen, outputs: Sequence[int], parts: Callable[[], Sequence[Part]]) -> None:
        self._adapters: Beside | None = None
        self._cut: list[_Cut] = []
        self._cut_for: Sequence[Part] = ()
        self._frozen, self._outputs, self._parts = frozen, tuple(outputs), parts
        self._x: torch.Tensor | None = None
        self._left: dict[int, torch.Tensor] = {}
        """Products of `_x` that are still to be asked for."""

    def use(self, adapters: Beside | None) -> None:
        self._adapters, self._cut, self._cut_for = adapters, [], ()

    def product(self, x: torch.Tensor, place: int) -> torch.Tensor:
        """x: (..., in). Promises that of the layer at `place`."""
        if self._x is x and place in self._left:
            found = self._left.pop(place)
            if not self._left:
                self._x = None
            return found
        out = self._frozen(x)
        flat = out.view(-1, out.shape[-1])
        outs = [flat] if len(self._outputs) == 1 else [own.contiguous() for own in flat.split(self._outputs, dim=1)]
        if self._adapters is not None:
            self._add(outs, x.reshape(-1, x.shape[-1]), self._adapters, self._parts())
        if len(outs) == 1:
            return out
        self._left = {at: own.view(*x.shape[:-1], -1) for at, own in enumerate(outs)}
        self._x = x
        return self._left.pop(place)

    def _add(self, outs: Sequence[torch.Tensor], x: torch.Tensor, adapters: Beside, parts: Sequence[Part]) -> None:
        if parts is not self._cut_for:  # from step to step the same while nobody comes or goes
            self._cut_for = parts
            self._cut = [
                _Cut(first=part.tokens.start, a=adapters.a[part.adapters], spans=part.spans,
                     b=[(at, b[part.adapters]) for at, b in adapters.b.items()]) for part in parts]
        for cut in self._cut:
            first = cut.first
            tuned = [(outs[at][first:] if first else outs[at], b) for at, b in cut.b]
            add_products(tuned, x[first:] if first else x, cut.a, cut.spans)


class _Forward:
    def __init__(self, family: _Family, place: int) -> None:
        self._family, self._place = family, place

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self._family.product(x, self._place)


def _families(shapes: Sequence[Shape]) -> list[tuple[Shape, ...]]:
    by_name = {shape.name: shape for shape in shapes}
    found: list[tuple[Shape, ...]] = []
    taken: set[str] = set()
    for shape in shapes:
        block, _, last = shape.name.rpartition(".")
        family: tuple[Shape, ...] = (shape,)
        for names in _TOGETHER:
            near = [by_name.get(f"{block}.{name}") for name in names]
            if last in names and all(one is not None and one.inputs == shape.inputs for one in near):
                family = tuple(one for one in near if one is not None)
        if shape.name not in taken:
            found.append(family)
            taken.update(one.name for one in family)
    return found
