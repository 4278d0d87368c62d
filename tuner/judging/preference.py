"""Which of many tries people prefer, by votes on pairs of them, how sure that is, and which pair says most next.

Bradley-Terry strengths with a normal prior at their most likely, and Laplace's approximation of what is not known about
them: with a handful of votes on a dozen tries the leaderboard's bootstrap would have nothing to draw from. A vote that
prefers neither counts half a win for each. Pure: knows no store and no model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuner.judging.votes import Vote, fair_weights

_Array = NDArray[np.float64]

SPREAD = 1.0
"""Standard deviation of a try's strength before any vote, in log odds."""
HUNCH = 0.25
"""Strength, in log odds, that a standard deviation of the guide is worth before any vote: about one vote in four."""
MOST_HUNCH = 2.0
HABIT = 0.95
"""How often somebody who votes by side and does not look would take that side ..."""
BY_HABIT = 0.05
"""... and how many people are taken to do so, before any vote."""
DRAWS = 400
_STEPS = 50
_CLOSE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What votes say about tries of one job."""

    names: tuple[str, ...]
    strength: _Array
    """(names,) log odds, most likely."""
    covariance: _Array
    """(names, names)"""
    met: Mapping[str, int]
    """Votes that each one was in."""
    pairs: Mapping[frozenset[str], int]
    """Votes on each two that met."""

    def share(self, name: str, against: str) -> float:
        """Promises how often `name` would be preferred to `against`, 0 to 1: the mean over what is not known, so that
        few votes move it little (MacKay, "The evidence framework applied to classification", 1992, equation 23)."""
        if name == against:
            return 0.5
        i, j = self.names.index(name), self.names.index(against)
        gap, spread = self._between(i, j)
        return float(1 / (1 + math.exp(-gap / math.sqrt(1 + math.pi * spread / 8))))

    def chances(self, seed: int = 0) -> _Array:
        """Promises (names,): how likely each one is to be the strongest."""
        drawn = np.random.default_rng(seed).multivariate_normal(
            self.strength, self.covariance, size=DRAWS, method="cholesky")
        wins = np.bincount(drawn.argmax(1), minlength=len(self.names))
        return np.asarray(wins / DRAWS, dtype=np.float64)

    def best(self) -> str:
        """The strongest of those that met somebody, of all where nobody did; of equals the first."""
        known = [name for name in self.names if self.met[name]] or list(self.names)
        return max(known, key=lambda name: (self.strength[self.names.index(name)], -self.names.index(name)))

    def _between(self, i: int, j: int) -> tuple[float, float]:
        c = self.covariance
        return float(self.strength[i] - self.strength[j]), float(max(c[i, i] + c[j, j] - 2 * c[i, j], 0.0))


def preferences(votes: Sequence[Vote], names: Sequence[str], guide: Mapping[str, float] | None = None) -> Preferences:
    """Promises the strengths of `names` by the votes between two of them; other votes are passed over.

    `votes`: `a` is what stood on the left. `guide`: a loss of some names, less is better: a weak hunch where votes are
    missing. A person's votes weigh no more than `fair_weights` says, and less the surer it is that they go by side.
    """
    names = tuple(names)
    at = {name: place for place, name in enumerate(names)}
    votes = [vote for vote in votes if vote.a in at and vote.b in at and vote.a != vote.b]
    blind = by_side(votes)
    fair = zip(votes, fair_weights(votes), strict=True)
    weights = np.array([float(weight) * (1 - blind[vote.person]) for vote, weight in fair])
    first = np.array([at[vote.a] for vote in votes], dtype=int)
    second = np.array([at[vote.b] for vote in votes], dtype=int)
    won = np.array([{"a": 1.0, "b": 0.0}.get(vote.won, 0.5) for vote in votes])
    before = _hunches(names, guide or {})
    strength, precision = before.copy(), np.eye(len(names)) / SPREAD**2
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-(strength[first] - strength[second])))
        slope = -(strength - before) / SPREAD**2
        np.add.at(slope, first, weights * (won - chance))
        np.add.at(slope, second, -weights * (won - chance))
        precision = np.eye(len(names)) / SPREAD**2
        bend = weights * chance * (1 - chance)
        for i, j, sign in ((first, first, 1), (second, second, 1), (first, second, -1), (second, first, -1)):
            np.add.at(precision, (i, j), sign * bend)
        step = np.linalg.solve(precision, slope)
        strength = strength + step
        if np.abs(step).max(initial=0.0) < _CLOSE:
            break
    met = Counter(name for vote in votes for name in (vote.a, vote.b))
    return Preferences(
        names=names, strength=strength, covariance=np.asarray(np.linalg.inv(precision), dtype=np.float64),
        met={name: met[name] for name in names}, pairs=Counter(frozenset((vote.a, vote.b)) for vote in votes))


def by_side(votes: Sequence[Vote]) -> dict[str, float]:
    """Promises for each person how likely the votes go by side, whatever the answers are, 0 to 1. Sides are drawn by
    lot, so the votes of somebody who reads fall on both; one of eight in a row on the same side is hardly chance."""
    sides: dict[str, Counter[str]] = {}
    for vote in votes:
        sides.setdefault(vote.person, Counter())[vote.won] += 1
    found = {}
    for person, count in sides.items():
        left, right = count["a"], count["b"]
        told = max(left, right) * math.log(2 * HABIT) + min(left, right) * math.log(2 * (1 - HABIT))
        odds = BY_HABIT / (1 - BY_HABIT) * math.exp(min(told, 50.0)) / 2
        found[person] = odds / (1 + odds)
    return found


def next_pair(known: Preferences, seed: int = 0) -> tuple[str, str]:
    """Promises the two whose comparison says most about which one is the best. Raises ValueError for fewer than two.

    Who met nobody yet comes first, against the best so far: nobody can win unseen. Else the pair with the largest
    expected gain: what is unknown about the two, times how open their comparison is (the Fisher information of one
    vote), times how likely one of them is the best. Of equals the pair that met less often, then the first.
    """
    names = known.names
    if len(names) < 2:
        raise ValueError(f"two tries are needed for a pair, got {len(names)}")
    unseen = [name for name in names if not known.met[name]]
    seen = [name for name in names if known.met[name]]
    if unseen:
        opponent = known.best() if seen else names[0]
        fresh = [name for name in unseen if name != opponent]
        return max(fresh, key=lambda name: (known.strength[names.index(name)], -names.index(name))), opponent
    chances = known.chances(seed)
    found: tuple[float, int, str, str] | None = None
    for i, one in enumerate(names):
        for j in range(i + 1, len(names)):
            gap, spread = known._between(i, j)
            chance = 1 / (1 + math.exp(-gap))
            gain = float((chances[i] + chances[j]) * spread * chance * (1 - chance))
            each = (round(gain, 9), -known.pairs.get(frozenset((one, names[j])), 0), one, names[j])
            if found is None or each[:2] > found[:2]:
                found = each
    assert found is not None
    return found[2], found[3]


def _hunches(names: Sequence[str], guide: Mapping[str, float]) -> _Array:
    """(names,) what the guide's losses are worth, in log odds; 0 for those that have none."""
    losses = [guide[name] for name in names if name in guide and math.isfinite(guide[name])]
    spread = float(np.std(losses)) if len(losses) > 1 else 0.0
    if spread == 0:
        return np.zeros(len(names))
    mean = float(np.mean(losses))
    scores = [(mean - guide[name]) / spread if name in guide and math.isfinite(guide[name]) else 0.0 for name in names]
    return np.asarray(HUNCH * np.clip(np.array(scores), -MOST_HUNCH, MOST_HUNCH), dtype=np.float64)
