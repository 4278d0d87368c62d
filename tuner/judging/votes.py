"""Votes on blind pairs, and how much each weighs. Knows no model and no person but by their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Won = Literal["a", "b", "tie", "both_bad"]

MOST_SHARE = Fraction(1, 2)
"""One person's votes weigh at most this much of all; somebody who votes alone decides alone, and that is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One person's verdict on one pair of answers."""

    question: str
    """Id of the pair: votes on the same two answers belong together and are no independent evidence."""
    person: str
    a: str
    """One of the two models."""
    b: str
    won: Won
    """`tie` and `both_bad` prefer neither."""


def turned(vote: Vote, first: str) -> Vote:
    """Promises the same verdict with `first` as `a`. Raises ValueError for a vote that is not about it."""
    if first not in (vote.a, vote.b):
        raise ValueError(f"a vote must be about the model that comes first, got {first!r} in {vote.a!r}, {vote.b!r}")
    if vote.a == first:
        return vote
    won: Won = "b" if vote.won == "a" else "a" if vote.won == "b" else vote.won
    return Vote(question=vote.question, person=vote.person, a=vote.b, b=vote.a, won=won)


def fair_weights(votes: Sequence[Vote]) -> list[Fraction]:
    """Promises a weight for each vote, 1 where nobody votes more than all others together. Nobody's weights make up
    more than MOST_SHARE of the sum, neither over all votes nor over those on the same two models, as soon as a second
    person has voted there."""
    weights = [Fraction(1)] * len(votes)
    by_models: dict[frozenset[str], list[int]] = defaultdict(list)
    for at, vote in enumerate(votes):
        by_models[frozenset((vote.a, vote.b))].append(at)
    for places in by_models.values():
        _cap(votes, weights, places)
    _cap(votes, weights, range(len(votes)))
    return weights


def _cap(votes: Sequence[Vote], weights: list[Fraction], places: Iterable[int]) -> None:
    """Lightens the votes of the one person who outweighs all others together; at most one does."""
    totals: dict[str, Fraction] = defaultdict(Fraction)
    for at in places:
        totals[votes[at].person] += weights[at]
    heaviest = max(totals, key=lambda person: totals[person], default=None)
    if heaviest is None:
        return
    others = sum(totals.values(), Fraction()) - totals[heaviest]
    if 0 < others < totals[heaviest]:
        for at in places:
            if votes[at].person == heaviest:
                weights[at] *= others / totals[heaviest]
