"""Puts the slots' products into an unmodified model, and takes them out again. Knows no loss and no optimiser."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch

from tuner.problems import ProblemError
from tuner.train.dropout import Dropout
from tuner.train.packed.product import slot_product
from tuner.train.packed.spans import Spans
from tuner.train.packed.stack import Rows, Shape
from tuner.train.targets import target_names

Reason = Literal["layers", "head", "arguments", "numbers"]
"""No layer to tune or one of an unknown kind; no plain linear head; positions, or answer tokens only, cannot be asked
for; the packed forward gives other numbers than the model's own."""


class CannotPackError(Exception):
    """This model's trials have to be trained one at a time."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        self.reason: Reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


Route = Callable[[int], Spans]
"""From the tokens of a stream to whose they are, in the order of the rows."""


def tunable(model: Any) -> list[Shape]:
    """Promises every layer that some trial may tune, in the model's order. Raises CannotPackError."""
    from transformers.pytorch_utils import Conv1D

    try:
        names = target_names(model, "all")
    except ProblemError as error:
        raise CannotPackError("layers", str(error)) from error
    found = []
    for name in names:
        layer = model.get_submodule(name)
        if type(layer) not in (torch.nn.Linear, Conv1D) or not layer.weight.dtype.is_floating_point:
            raise CannotPackError("layers", f"{name} is a {type(layer).__name__}")
        outputs, inputs = plain(layer)[0].shape
        found.append(Shape(name=name, inputs=inputs, outputs=outputs))
    return found


def plain_head(model: Any) -> Any:
    """Promises the vocabulary head, a linear layer. Raises CannotPackError."""
    head = model.get_output_embeddings()
    if type(head) is not torch.nn.Linear:
        raise CannotPackError("head", type(head).__name__)
    if not {"position_ids", "logits_to_keep"} <= inspect.signature(model.forward).parameters.keys():
        raise CannotPackError("arguments", type(model).__name__)
    return head


@contextmanager
def routed(model: Any, rows: Mapping[str, Rows], route: Route, drops: Dropout | None = None) -> Iterator[None]:
    """While open, every layer that `rows` names adds the products of the slots that `route` names; the model itself is
    left as it is. In a layer that a slot does not tune, its rows are zeros and stay so."""
    changed = [(model.get_submodule(name), name) for name in rows]
    for layer, name in changed:
        layer.forward = _Forward(layer, name, rows[name], route, drops)
    try:
        yield
    finally:
        for layer, _ in changed:
            del layer.forward


@contextmanager
def headless(head: Any) -> Iterator[None]:
    """While open, a model gives hidden states where it gave logits."""
    head.forward = lambda hidden: hidden
    try:
        yield
    finally:
        del head.forward


class _Forward:
    def __init__(self, layer: Any, name: str, rows: Rows, route: Route, drops: Dropout | None) -> None:
        self.weight, self.bias = plain(layer)
        self.name, self.rows, self.route, self.drops = name, rows, route, drops

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.reshape(-1, x.shape[-1])
        mask = None if self.drops is None else self.drops.mask(self.name, flat.shape[1])
        out = slot_product(flat, self.weight, self.bias, self.rows.a, self.rows.b, self.route(len(flat)), mask)
        return out.view(*x.shape[:-1], -1)


def plain(layer: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(out, in) and bias; GPT-2's Conv1D keeps its weights transposed."""
    weight = layer.weight if isinstance(layer, torch.nn.Linear) else layer.weight.t()
    return weight, layer.bias
