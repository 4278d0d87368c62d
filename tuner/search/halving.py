"""Asynchronous successive halving with trials that wait: which goes on at a rung, which waits, which is given up.

Pure functions over curves, as tuner/search/pruning.py has them; knows no plan and no Optuna. A trial that reaches a
rung goes on while it is among the best quarter of those that have reached it (Li et al., "A System for Massively
Parallel Hyperparameter Tuning", 2020, algorithm 2). Else it waits, so that others can come. Once nobody can come any
more, those close behind go on too, and the rest is given up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tuner.plan.plan import RUNGS
from tuner.search.pruning import PROTECTED, Curve

PROMOTED = 4
"""eta of ASHA: one in so many goes on at once."""
CLOSE_BEHIND = 0.3
"""Of the loss at the cut: a trial behind it by less goes on in the end, because the order changes by as much later.

Measured by replaying eight recorded sweeps of the embedded model (three of 16 trials of 5 epochs, five of 12 trials of
6 epochs over few examples) in 30 orders each, four or eight side by side: the winner was lost in none of the orders,
and 39% of the work saved, of 16 trials 55%. Eta 3 with 0.2: lost in up to 1.3%, 40% and 53% saved. Eta 4 with 0.2: lost
in 10%, 44% saved. Ending trials at once when they are not among the better half, nor within 0.2 of it
(tuner/search/pruning.py), lost it in 0.4% and saved 28% and 39%.
"""


def rung_of(curve: Curve, warmup_ratio: float = 0.0) -> int | None:
    """Promises the last rung that the trial has reached; None before the first one that its warm-up lets count."""
    now = max(curve, default=0)
    if now < max(PROTECTED, 100 * warmup_ratio + 10):
        return None
    return max((rung for rung in RUNGS if rung <= now), default=None)


def crosses(curve: Curve, warmup_ratio: float = 0.0) -> bool:
    """Promises whether the trial has come to a rung with its last validation, and has steps left."""
    rung, now = rung_of(curve, warmup_ratio), max(curve, default=0)
    if rung is None or now >= 100:
        return False
    return rung_of({percent: loss for percent, loss in curve.items() if percent < now}, warmup_ratio) != rung


def goes_on(rung: int, curve: Curve, others: Collection[Curve], *, may_come: bool) -> bool:
    """Promises whether a trial goes on from `rung`. `others`: the curves of all others, however they ended;
    `may_come`: another one may still reach the rung."""
    mine = loss_at(curve, rung)
    everybody = sorted([mine, *(loss_at(other, rung) for other in others if max(other, default=0) >= rung)])
    if len(everybody) < PROMOTED:  # of a few nobody is best, and nobody is given up
        return not may_come
    cut = everybody[len(everybody) // PROMOTED - 1]
    return mine <= cut + (0.0 if may_come else CLOSE_BEHIND * abs(cut))


def may_come(rung: int, under_way: Mapping[int, Curve], *, more: bool) -> bool:
    """Promises whether a trial may still reach the rung: one under way or waiting below it, or one not begun."""
    return more or any(max(curve, default=0) < rung for curve in under_way.values())


def loss_at(curve: Curve, rung: int) -> float:
    """The loss at the first validation on or after `rung`, where the trial was judged."""
    return curve[min(percent for percent in curve if percent >= rung)]
