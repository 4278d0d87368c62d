"""Adapters side by side, as the products of a step read them. Knows no file and no budget of what is loaded.

Who comes is copied to a free place; nobody else's weights are touched, unless a larger rank or another layer comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from tuner.chat.engine.products import Beside
from tuner.train.packed.stack import Shape

Owner = int
"""Number of an adapter; answers of NOBODY are the untouched model's."""
NOBODY: Owner = -1
LEAST_PLACES = 8
"""Where the budget has room for them. A processor gives memory only for those that are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One adapter in memory."""

    weights: Mapping[str, tuple[torch.Tensor, ...]]
    """By layer, Aᵀ (in, rank) and Bᵀ (rank, out) as the model computes."""
    rank: int
    scale: float
    nbytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Adapters side by side: place s of each layer's is owner s."""

    owners: tuple[Owner, ...] = ()
    ranks: tuple[int, ...] = ()
    scales: tuple[float, ...] = ()
    layers: Mapping[str, Beside] = field(default_factory=dict)
    """By the first layer of each family of which some adapter tunes a layer; zeros where one does not."""


class Places:
    """Room for adapters side by side."""

    def __init__(self, families: Sequence[Sequence[Shape]], *, budget_bytes: int, device: torch.device,
                 dtype: torch.dtype) -> None:
        """`budget_bytes`: as much may be kept free for those who may come; what is needed is taken in any case."""
        self._families, self._budget_bytes = families, budget_bytes
        self._device, self._dtype = device, dtype
        self.clear()

    def clear(self) -> None:
        self._rank, self._tuned = 0, frozenset[str]()
        self._owners: list[Owner] = []
        self._stores: dict[str, Beside] = {}
        """As `Side.layers`, with free places behind."""
        self._count = 0

    def hold(self, wanted: Mapping[Owner, Loaded]) -> Side:
        """Promises these adapters side by side. What it gave before must not be used any more, even if this raises."""
        rank = max((one.rank for one in wanted.values()), default=0)
        tuned = frozenset(name for one in wanted.values() for name in one.weights)
        if (rank, tuned) != (self._rank, self._tuned):
            self.clear()
            self._rank, self._tuned = rank, tuned
        if not len(wanted) <= self._count <= max(LEAST_PLACES, 4 * len(wanted)):
            self._resize(wanted)
        coming = [owner for owner in wanted if owner not in self._owners]
        free = [place for place, owner in enumerate(self._owners) if owner not in wanted]
        for owner in coming:
            place = free.pop(0) if free else len(self._owners)
            self._write(place, wanted[owner])
            self._owners[place : place + 1] = [owner]
        for place in reversed(free):
            last = self._owners.pop()
            if place < len(self._owners):
                self._write(place, wanted[last])
                self._owners[place] = last
        count, held = len(self._owners), [wanted[owner] for owner in self._owners]
        return Side(
            owners=tuple(self._owners), ranks=tuple(one.rank for one in held), scales=tuple(one.scale for one in held),
            layers={name: Beside(a=store.a[:count], b={at: b[:count] for at, b in store.b.items()})
                    for name, store in self._stores.items()} if held else {})

    def _resize(self, wanted: Mapping[Owner, Loaded]) -> None:
        """Makes room for all who are wanted, for twice as many where that is within the budget: else each who comes
        would have all others written anew."""
        each = sum(self._rank * (shape.inputs + shape.outputs) for family in self._families for shape in family
                   if shape.name in self._tuned) * self._dtype.itemsize
        count = max(len(wanted), min(max(2 * len(wanted), LEAST_PLACES), self._budget_bytes // max(each, 1)))
        owners, self._owners = [owner for owner in self._owners if owner in wanted], []
        self._stores = {family[0].name: self._empty(family, count) for family in self._families
                        if any(shape.name in self._tuned for shape in family)}
        self._count = count
        for place, owner in enumerate(owners):
            self._write(place, wanted[owner])
            self._owners.append(owner)

    def _empty(self, family: Sequence[Shape], count: int) -> Beside:
        tuned = [(at, shape) for at, shape in enumerate(family) if shape.name in self._tuned]
        inputs, low = family[0].inputs, len(tuned) * self._rank
        if self._device.type == "cpu":  # products of a token are fastest with the rank last
            a = torch.empty(count, inputs, low, dtype=self._dtype)
        else:
            a = torch.empty(count, low, inputs, device=self._device, dtype=self._dtype).transpose(1, 2)
        return Beside(a=a, b={at: torch.empty(count, self._rank, shape.outputs, device=self._device, dtype=self._dtype)
                              for at, shape in tuned})

    def _write(self, place: int, one: Loaded) -> None:
        """All of a place: whoever was there before leaves nothing."""
        for family in self._families:
            store = self._stores.get(family[0].name)
            if store is None:
                continue
            a = store.a[place]
            for index, (at, all_b) in enumerate(store.b.items()):
                own_a, b = a[:, index * self._rank : (index + 1) * self._rank], all_b[place]
                weights = one.weights.get(family[at].name)
                rank = 0 if weights is None else weights[0].shape[1]
                if weights is not None:
                    own_a[:, :rank], b[:rank] = weights
                own_a[:, rank:], b[rank:] = 0, 0
