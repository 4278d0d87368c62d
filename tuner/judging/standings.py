"""Many models, ordered by the votes on pairs of them, with honest intervals: Bradley-Terry with ties, bootstrapped.

P(a is preferred to b) = pa / (pa + pb + v sqrt(pa pb)), P(neither) = v sqrt(pa pb) / (the same): Davidson (1970), "On
extending the Bradley-Terry model to accommodate ties", equation 2. Fitted by Hunter's (2004) minorisation steps.
Own code: of the kept libraries choix knows no ties, and evalica brings pandas along for the same thirty lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuner.judging.luck import Duel, duel
from tuner.judging.votes import Vote, fair_weights

_Array = NDArray[np.float64]

RESAMPLES = 400
COVERAGE = 0.95
_STEPS = 400
_CLOSE = 1e-7
_PRIOR = 0.5
"""Votes each way that every pair of models is given before the first real one, so that 3 of 3 is no certainty."""
_PRIOR_RESAMPLED = 2
"""Questions each way that the resampling adds: Agresti and Coull (1998) add as many to get intervals that hold."""

_FLOOR = 0.25
"""Votes each way in every resampling, so that none runs away; measured: the intervals hold as often as without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model on a board."""

    subject: str
    place: int
    """1 and up; models that the votes cannot tell apart share one."""
    votes: int
    share: float
    """How often it would be preferred to the board's reference, of the votes that prefer one; the reference: 0.5."""
    low: float
    """COVERAGE of the resamplings lie from here ..."""
    high: float
    """... to here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Models that votes connect, directly or by way of others. What is on two boards cannot be compared yet."""

    reference: str
    standings: tuple[Standing, ...]
    """Best first."""
    duels: tuple[Duel, ...]
    """Every two models that met, those with most votes first."""
    votes: int
    questions: int
    people: int


def boards(votes: Sequence[Vote], references: Sequence[str] = (), seed: int = 0) -> list[Board]:
    """Promises a board for each group of connected models, the one with most votes first.

    `references`: what shares are told against, the first that stands on the board; else the board's last model.
    Deterministic for a seed. Blocks for some tenths of a second: call it in a thread.
    """
    found = []
    for group in _groups(votes):
        own = [vote for vote in votes if vote.a in group]
        found.append(_board(own, sorted(group), references, np.random.default_rng(seed)))
    return sorted(found, key=lambda board: -board.votes)


def _groups(votes: Sequence[Vote]) -> list[set[str]]:
    groups: list[set[str]] = []
    for vote in votes:
        joined = {vote.a, vote.b}
        rest = []
        for group in groups:
            if group & joined:
                joined |= group
            else:
                rest.append(group)
        groups = [*rest, joined]
    return groups


def _board(votes: list[Vote], names: list[str], references: Sequence[str], rng: np.random.Generator) -> Board:
    questions = sorted({vote.question for vote in votes})
    wins, ties = _tables(votes, names, questions)
    met = (wins.sum(0) + wins.sum(0).T + ties.sum(0)) > 0
    strengths = _fit(wins.sum(0)[None] + _PRIOR * met, ties.sum(0)[None])[0]
    resampled = _resample(wins, ties, met, rng)
    order = np.argsort(-strengths, kind="stable")
    reference = next((name for name in references if name in names), names[int(order[-1])])
    at = names.index(reference)
    share = strengths / (strengths + strengths[at])
    spread = resampled / (resampled + resampled[:, at : at + 1])
    low, high = np.quantile(spread, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=0)
    above = (resampled[:, :, None] > resampled[:, None, :]).mean(0) > (1 + COVERAGE) / 2  # [i, j]: i surely before j
    cast = {name: sum(name in (vote.a, vote.b) for vote in votes) for name in names}
    standings = tuple(
        Standing(
            subject=names[i],
            place=1 + int(above[:, i].sum()),
            votes=cast[names[i]],
            share=float(share[i]),
            low=float(min(low[i], share[i])),
            high=float(max(high[i], share[i])),
        )
        for i in order
    )
    return Board(
        reference=reference,
        standings=standings,
        duels=_duels(votes),
        votes=len(votes),
        questions=len(questions),
        people=len({vote.person for vote in votes}),
    )


def _duels(votes: list[Vote]) -> tuple[Duel, ...]:
    met: dict[tuple[str, str], list[Vote]] = {}
    for vote in votes:
        first, second = sorted((vote.a, vote.b))
        met.setdefault((first, second), []).append(vote)
    found = [duel(own, first, second) for (first, second), own in met.items()]
    return tuple(sorted(found, key=lambda each: -each.votes))


def _tables(votes: list[Vote], names: list[str], questions: list[str]) -> tuple[_Array, _Array]:
    """wins: (questions, models, models), [q, i, j] the weight that prefers i to j; ties: the same, both ways round."""
    shape = (len(questions), len(names), len(names))
    wins, ties = np.zeros(shape), np.zeros(shape)
    at = {question: place for place, question in enumerate(questions)}
    for vote, weight in zip(votes, fair_weights(votes), strict=True):
        q, i, j = at[vote.question], names.index(vote.a), names.index(vote.b)
        if vote.won == "a":
            wins[q, i, j] += float(weight)
        elif vote.won == "b":
            wins[q, j, i] += float(weight)
        else:
            ties[q, i, j] += float(weight)
            ties[q, j, i] += float(weight)
    return wins, ties


def _resample(wins: _Array, ties: _Array, met: NDArray[np.bool_], rng: np.random.Generator) -> _Array:
    """(RESAMPLES, models) strengths, each from as many questions drawn with replacement as there are."""
    count, models, _ = wins.shape
    pairs = [(i, j) for i in range(models) for j in range(models) if met[i, j]]
    added = np.zeros((len(pairs) * _PRIOR_RESAMPLED, models, models))
    for place, (i, j) in enumerate(pairs * _PRIOR_RESAMPLED):
        added[place, i, j] = 1.0
    all_wins = np.concatenate([wins, added]).reshape(count + len(added), -1)
    all_ties = np.concatenate([ties, np.zeros_like(added)]).reshape(count + len(added), -1)
    total = len(all_wins)
    drawn = rng.multinomial(total, np.full(total, 1 / total), size=RESAMPLES).astype(float)
    shape = (RESAMPLES, models, models)
    return _fit((drawn @ all_wins).reshape(shape) + _FLOOR * met, (drawn @ all_ties).reshape(shape))


def _fit(wins: _Array, ties: _Array) -> _Array:
    """Strengths (samples, models), each row with mean log 0, of wins and ties (samples, models, models)."""
    samples, models, _ = wins.shape
    games: Any = wins + wins.transpose(0, 2, 1) + ties
    earned = (wins + ties / 2).sum(2)
    tied = ties.sum((1, 2)) / 2
    strength, tie = np.ones((samples, models)), np.where(tied > 0, 1.0, 0.0)
    for _ in range(_STEPS):
        root = np.sqrt(strength[:, :, None] * strength[:, None, :])
        whole = strength[:, :, None] + strength[:, None, :] + tie[:, None, None] * root
        met = (games / whole * (1 + tie[:, None, None] / 2 * root / strength[:, :, None])).sum(2)
        fresh = earned / np.maximum(met, 1e-300)
        fresh /= np.exp(np.log(fresh).mean(1, keepdims=True))
        drawn = (games * root / whole).sum((1, 2)) / 2
        tie = np.where(tied > 0, tied / np.maximum(drawn, 1e-300), 0.0)
        is_done = np.abs(np.log(fresh / strength)).max() < _CLOSE
        strength = fresh
        if is_done:
            break
    return strength
