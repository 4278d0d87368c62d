"""Adapters side by side: whoever comes and goes, each place holds its owner's weights and nothing else."""

from __future__ import annotations

import random

import pytest
import torch

from tuner.chat.engine.side import Loaded, Places, Side
from tuner.train.packed.stack import Shape

pytestmark = pytest.mark.usefixtures("one_thread")
FAMILIES = (
    (Shape(name="q", inputs=6, outputs=4), Shape(name="k", inputs=6, outputs=2)),
    (Shape(name="o", inputs=4, outputs=6),))


def adapter(seed: int, rank: int, names: tuple[str, ...]) -> Loaded:
    draw = torch.Generator().manual_seed(seed)
    weights = {shape.name: (torch.randn(shape.inputs, rank, generator=draw),
                            torch.randn(rank, shape.outputs, generator=draw))
               for family in FAMILIES for shape in family if shape.name in names}
    return Loaded(weights=weights, rank=rank, scale=seed / 2, nbytes=0)


def assert_holds(side: Side, wanted: dict[int, Loaded]) -> None:
    """Each layer's product of each adapter is that of the adapter alone."""
    assert set(side.owners) == set(wanted)
    assert side.ranks == tuple(wanted[owner].rank for owner in side.owners)
    assert side.scales == tuple(wanted[owner].scale for owner in side.owners)
    for family in FAMILIES:
        tuned = {at for at, shape in enumerate(family) for one in wanted.values() if shape.name in one.weights}
        assert (family[0].name in side.layers) == bool(tuned)
        if not tuned:
            continue
        beside = side.layers[family[0].name]
        assert set(beside.b) == tuned
        low = beside.a.shape[2] // len(tuned)
        for index, (at, b) in enumerate(beside.b.items()):
            for place, owner in enumerate(side.owners):
                got = beside.a[place, :, index * low : (index + 1) * low] @ b[place]
                own = wanted[owner].weights.get(family[at].name)
                expected = torch.zeros_like(got) if own is None else own[0] @ own[1]
                torch.testing.assert_close(got, expected)


def places(budget_bytes: int) -> Places:
    return Places(FAMILIES, budget_bytes=budget_bytes, device=torch.device("cpu"), dtype=torch.float32)


@pytest.mark.parametrize("budget_bytes", [0, 2**20])
def test_each_place_is_its_owners_whoever_comes_and_goes(budget_bytes: int) -> None:
    draw, own = random.Random(3), places(budget_bytes)
    kinds = [("q", "k", "o"), ("q", "k", "o"), ("q",), ("k", "o")]
    known = {owner: adapter(owner, draw.choice([2, 2, 3]), draw.choice(kinds)) for owner in range(12)}
    for _ in range(300):
        wanted = {owner: known[owner] for owner in sorted(draw.sample(range(12), draw.randint(0, 9)))}
        assert_holds(own.hold(wanted), wanted)


def test_who_stays_keeps_their_place_and_is_not_copied_again() -> None:
    own = places(2**20)
    known = {owner: adapter(owner, 2, ("q", "k", "o")) for owner in range(6)}
    side = own.hold({owner: known[owner] for owner in (0, 1, 2)})
    marked = side.layers["q"].a
    marked[side.owners.index(1)] = 7.0
    after = own.hold({owner: known[owner] for owner in (1, 2, 4, 5)})
    place = after.owners.index(1)
    assert place == side.owners.index(1)
    assert (after.layers["q"].a[place] == 7.0).all(), "its weights are still those of before"


def test_many_places_are_given_back_when_few_are_wanted() -> None:
    own = places(2**20)
    known = {owner: adapter(owner, 2, ("q", "k", "o")) for owner in range(32)}
    many = own.hold(known).layers["q"].a.untyped_storage().nbytes()
    few = own.hold({3: known[3]}).layers["q"].a.untyped_storage().nbytes()
    assert 4 * few < many
