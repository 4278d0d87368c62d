"""The adapters, gradients and moments of all slots as four flat tensors. Knows no model and no trial.

Row s is slot s. A layer has A as (slots, rank, in) and B, transposed, as (slots, rank, out): views of the flat rows,
so that one pass over a row is one pass over everything that a trial learns. Ranks are padded with zeros: a zero row of
A beside a zero row of B gets the gradient 0 in both, and stays 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

Weights = Mapping[str, tuple[torch.Tensor, torch.Tensor]]
"""By layer: A (rank, in) and B (out, rank), as an adapter file holds them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A layer that can carry adapters."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """One layer's adapters of some slots, in their order; leaves for autograd."""

    a: torch.Tensor
    """(chosen, rank, in)"""
    b: torch.Tensor
    """(chosen, rank, out)"""


class Stack:
    """`values`, `grads`, `first` and `second` (moments): (slots, width), 0 in a slot that holds nothing."""

    def __init__(self, shapes: Sequence[Shape], slots: int, rank: int, device: torch.device,
                 dtype: torch.dtype = torch.float32) -> None:
        self.shapes, self.slots, self.rank, self.device, self.dtype = tuple(shapes), slots, rank, device, dtype
        self._starts = [0, *accumulate(rank * (one.inputs + one.outputs) for one in self.shapes)]
        self.values, self.grads, self.first, self.second = (
            torch.zeros(slots, self._starts[-1], device=device, dtype=dtype) for _ in range(4))
        self._all = self.by_layer(self.values)

    def put(self, slot: int, weights: Weights) -> None:
        """Promises a slot as new: these weights, no gradient, no moments. Raises ValueError for too large a rank."""
        largest = max((a.shape[0] for a, _ in weights.values()), default=0)
        if largest > self.rank:
            raise ValueError(f"rank <= {self.rank} must hold, got {largest}")
        self.clear(slot)
        _write(self._all, slot, weights)

    def put_moments(self, slot: int, first: Weights, second: Weights) -> None:
        """Promises moments as `take` gave them."""
        _write(self.by_layer(self.first), slot, first)
        _write(self.by_layer(self.second), slot, second)

    def take(self, slot: int, names: Sequence[str], rank: int, of: torch.Tensor | None = None) -> Weights:
        """Promises copies of a slot's weights, or of what `of` (`first`, `second`) has in their place, of the trial's
        own rank."""
        layers = self._all if of is None else self.by_layer(of)
        found = {name: layers[name] for name in names}
        return {name: (leaf.a[slot, :rank].detach().clone(), leaf.b[slot, :rank].detach().t().clone(
            memory_format=torch.contiguous_format)) for name, leaf in found.items()}

    def clear(self, slot: int) -> None:
        for part in (self.values, self.grads, self.first, self.second):
            part[slot] = 0

    def rows(self, slots: Sequence[int], dtype: torch.dtype) -> dict[str, Rows]:
        """Promises copies of the adapters of these slots, by layer; their gradients can be asked for."""
        return self.by_layer(self.values.index_select(0, self._places(slots)).to(dtype), leaves=True)

    def add(self, slots: Sequence[int], grads: Sequence[torch.Tensor | None]) -> None:
        """Adds the gradients of `rows(slots)`, A and B of each layer in turn, to what is there. No other slot's number
        is looked at: each lands in its own row."""
        widths = [self.rank * width for shape in self.shapes for width in (shape.inputs, shape.outputs)]
        flat = [grad.flatten(1) if grad is not None else self.values.new_zeros(len(slots), width)
                for grad, width in zip(grads, widths, strict=True)]
        self.grads.index_add_(0, self._places(slots), torch.cat(flat, dim=1).to(self.dtype))

    def _places(self, slots: Sequence[int]) -> torch.Tensor:
        return torch.tensor(slots, dtype=torch.int64, device=self.device)

    def grown(self, rank: int) -> Stack:
        """Promises a stack of a larger rank with the same contents."""
        larger = Stack(self.shapes, self.slots, rank, self.device, self.dtype)
        for place in range(len(self.shapes)):
            for old, new in ((self.values, larger.values), (self.grads, larger.grads), (self.first, larger.first),
                             (self.second, larger.second)):
                for small, large in zip(self._views(old, place), larger._views(new, place), strict=True):
                    large[:, : self.rank] = small
        return larger

    def _views(self, flat: torch.Tensor, place: int) -> tuple[torch.Tensor, torch.Tensor]:
        shape, start = self.shapes[place], self._starts[place]
        middle, end = start + self.rank * shape.inputs, self._starts[place + 1]
        return (flat[:, start:middle].view(flat.shape[0], self.rank, shape.inputs),
                flat[:, middle:end].view(flat.shape[0], self.rank, shape.outputs))

    def by_layer(self, flat: torch.Tensor, leaves: bool = False) -> dict[str, Rows]:
        """Promises views of `values` or of something of its shape."""
        views = [[view.detach().requires_grad_(leaves) for view in self._views(flat, place)]
                 for place in range(len(self.shapes))]
        return {shape.name: Rows(a=a, b=b) for shape, (a, b) in zip(self.shapes, views, strict=True)}


def _write(layers: Mapping[str, Rows], slot: int, weights: Weights) -> None:
    with torch.no_grad():
        for name, (a, b) in weights.items():
            layers[name].a[slot, : a.shape[0]] = a
            layers[name].b[slot, : a.shape[0]] = b.t()
