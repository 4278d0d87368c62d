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
class Leaf:
    """One layer's adapters, for autograd."""

    a: torch.Tensor
    """(slots, rank, in)"""
    b: torch.Tensor
    """(slots, rank, out)"""


class Stack:
    """`values`, `grads`, `first` and `second` (moments): (slots, width), 0 in a slot that holds nothing."""

    def __init__(self, shapes: Sequence[Shape], slots: int, rank: int, device: torch.device,
                 dtype: torch.dtype = torch.float32) -> None:
        self.shapes, self.slots, self.rank, self.device, self.dtype = tuple(shapes), slots, rank, device, dtype
        self._starts = [0, *accumulate(rank * (one.inputs + one.outputs) for one in self.shapes)]
        self.values, self.grads, self.first, self.second = (
            torch.zeros(slots, self._starts[-1], device=device, dtype=dtype) for _ in range(4))
        self.leaves = {shape.name: self._leaf(place) for place, shape in enumerate(self.shapes)}

    def put(self, slot: int, weights: Weights) -> None:
        """Promises a slot as new: these weights, no gradient, no moments. Raises ValueError for too large a rank."""
        largest = max((a.shape[0] for a, _ in weights.values()), default=0)
        if largest > self.rank:
            raise ValueError(f"rank <= {self.rank} must hold, got {largest}")
        self.clear(slot)
        with torch.no_grad():
            for name, (a, b) in weights.items():
                self.leaves[name].a[slot, : a.shape[0]] = a
                self.leaves[name].b[slot, : a.shape[0]] = b.t()

    def take(self, slot: int, names: Sequence[str], rank: int) -> Weights:
        """Promises copies of a slot's weights, of the trial's own rank."""
        found = {name: self.leaves[name] for name in names}
        return {name: (leaf.a[slot, :rank].detach().clone(), leaf.b[slot, :rank].detach().t().clone(
            memory_format=torch.contiguous_format)) for name, leaf in found.items()}

    def clear(self, slot: int) -> None:
        for part in (self.values, self.grads, self.first, self.second):
            part[slot] = 0

    def add(self, grads: Sequence[torch.Tensor | None]) -> None:
        """Adds gradients of `flat_leaves()`, in its order, to what is there. No other slot's number is looked at:
        each lands in its own row."""
        places = [view for place in range(len(self.shapes)) for view in self._views(self.grads, place)]
        found = [(place, grad) for place, grad in zip(places, grads, strict=True) if grad is not None]
        if found:
            torch._foreach_add_(*map(list, zip(*found, strict=True)))

    def flat_leaves(self) -> list[torch.Tensor]:
        return [part for leaf in self.leaves.values() for part in (leaf.a, leaf.b)]

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
        return (flat[:, start:middle].view(self.slots, self.rank, shape.inputs),
                flat[:, middle:end].view(self.slots, self.rank, shape.outputs))

    def _leaf(self, place: int) -> Leaf:
        a, b = (view.detach().requires_grad_() for view in self._views(self.values, place))
        return Leaf(a=a, b=b)
