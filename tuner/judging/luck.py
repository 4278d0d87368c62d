"""Two models against each other: how often each was preferred, and whether that could be luck."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from tuner.judging.votes import Vote, fair_weights, turned

ALPHA = 0.01
"""Where luck would do as much less often than this, it is called no luck. Stricter than the usual 5%, because a team
looks again after every vote: measured, two equal models are then called different in fewer than 5% of all series of
60 votes with a look after each."""
MOST_NEEDED = 200
"""Votes still needed are told up to here; beyond, the two are too alike to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """What the votes on two models say."""

    a: str
    """The one that was preferred more often; of two alike, the one that comes first in the alphabet."""
    b: str
    votes: int
    for_a: int
    for_b: int
    ties: int
    both_bad: int
    questions: int
    people: int
    most_by_one: float
    """Share of the votes that one person cast, 0 to 1, before weighing."""
    p: float
    """How often luck alone would set the two at least this far apart, with the weights of `fair_weights`."""
    needed: int | None
    """Votes still missing until it would be no luck if they fell as so far, one question each; 0: none; None: more
    than MOST_NEEDED."""

    @property
    def is_luck(self) -> bool:
        return self.p > ALPHA


def duel(votes: Sequence[Vote], first: str, second: str) -> Duel:
    """Promises what `votes`, all of them about these two, say. Raises ValueError for none.

    The test is exact: were the two models alike, every question's votes would as likely have fallen the other way
    round, all together, because the sides were drawn by lot. p is the share of all such turns that set the two at least
    as far apart as they are. Ten people's votes on one question are therefore one piece of evidence. With one vote a
    question it is the sign test.
    """
    if not votes:
        raise ValueError("a duel needs at least one vote, got none")
    ours = [turned(vote, first) for vote in votes]
    nets = _nets(ours)
    if sum(nets) < 0 or (sum(nets) == 0 and second < first):
        first, second = second, first
        ours = [turned(vote, first) for vote in votes]
        nets = _nets(ours)
    counts = {won: sum(vote.won == won for vote in ours) for won in ("a", "b", "tie", "both_bad")}
    cast: dict[str, int] = defaultdict(int)
    for vote in ours:
        cast[vote.person] += 1
    p = chance_of(nets)
    return Duel(
        a=first,
        b=second,
        votes=len(ours),
        for_a=counts["a"],
        for_b=counts["b"],
        ties=counts["tie"],
        both_bad=counts["both_bad"],
        questions=len({vote.question for vote in ours}),
        people=len(cast),
        most_by_one=max(cast.values()) / len(ours),
        p=p,
        needed=0 if p <= ALPHA else _needed(nets, len(ours)),
    )


def _nets(votes: Sequence[Vote]) -> list[int]:
    """By question: how much weight prefers `a` less what prefers `b`, in a common whole unit."""
    nets: dict[str, Fraction] = defaultdict(Fraction)
    for vote, weight in zip(votes, fair_weights(votes), strict=True):
        nets[vote.question] += weight if vote.won == "a" else -weight if vote.won == "b" else 0
    unit = math.lcm(*(net.denominator for net in nets.values()))
    return [int(net * unit) for net in nets.values()]


def chance_of(nets: Sequence[int]) -> float:
    """Promises the exact share of all sign patterns of `nets` whose sum is at least as far from 0 as that of `nets`."""
    sizes = [abs(net) for net in nets if net]
    unit = math.gcd(*sizes) if sizes else 1
    sizes, seen = [size // unit for size in sizes], abs(sum(nets)) // unit
    reach = sum(sizes)
    chances = np.zeros(2 * reach + 1)  # chances: (sum + reach,) float64
    chances[reach] = 1.0
    for size in sizes:
        turned_ = np.zeros_like(chances)
        turned_[size:] += chances[: len(chances) - size] / 2
        turned_[: len(chances) - size] += chances[size:] / 2
        chances = turned_
    far = np.abs(np.arange(-reach, reach + 1)) >= seen
    return float(min(1.0, chances[far].sum()))


def _needed(nets: Sequence[int], votes: int) -> int | None:
    """Goes on at the same pace: as many questions decided a vote, the same share of them won."""
    won, decided = sum(net > 0 for net in nets), sum(net != 0 for net in nets)
    if decided == 0 or 2 * won <= decided:
        return None
    for extra in range(1, MOST_NEEDED + 1):
        more = decided + extra * min(1.0, decided / votes)
        total = int(more)
        ahead = math.floor(won / decided * total)
        if ahead * 2 > total and sign_test(ahead, total) <= ALPHA:
            return extra
    return None


def sign_test(won: int, total: int) -> float:
    """Promises how often a fair coin falls at least this unevenly, both ways counted."""
    high = max(won, total - won)
    tail = sum(math.comb(total, count) for count in range(high, total + 1))
    return min(1.0, 2 * tail / float(2**total))
