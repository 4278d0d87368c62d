"""When a trial that is under way is not worth finishing. Pure functions over curves; knows no plan and no Optuna.

A curve is (percent of the trial's own steps -> validation loss): trials differ in batch size and epochs, so step
numbers mean nothing between them. Optuna's pruners keep their rungs in attributes of running trials, which a rebuilt
search has lost; here the verdict follows from the stored curves alone.

Protection: below `PROTECTED` percent nothing is judged, nor before the learning rate's own warm-up is well over,
because losses that depend on a schedule favour small learning rates early. Nor is a trial at its last step.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from tuner.plan.plan import RUNGS, Pruner

Curve = Mapping[int, float]

PROTECTED = 20
REDUCTION = 2
"""eta of ASHA and Hyperband: one in two goes on at each rung."""
HALVING_NEEDS = 3
"""Trials at a rung before one of them is given up."""
MARGIN = 0.2
"""Of the loss at the cut: a trial behind it by less goes on, because the order changes by as much later."""
MEDIAN_NEEDS = 4
"""Finished trials before the median means anything."""
BRACKETS: tuple[tuple[int, ...], ...] = (RUNGS, RUNGS[1:], ())
"""Rungs of Hyperband's brackets in percent, from the hastiest, which is ASHA's, to the one that never prunes.

Measured by replaying eight recorded sweeps of the embedded model (three of 16 trials of 5 epochs, five of 12 trials of
6 epochs over few examples) in 30 orders each, four side by side. With these rungs, this margin and eta 2 the winner was
lost in 0.4% of the orders, and 32% of the work saved. Margin 0.05: lost in 4%, 38% saved. Rungs 25 and 50 with 0.05,
judged at the ends of epochs: lost in 8%, 30% saved. A third rung at 30 or 60 lost three times as many; judging those
that went on first again, when others have come, twice as many.
"""


def percent_of(step: int, steps: int) -> int:
    """Promises 0 to 100; 100 only at the last step."""
    return 100 if step >= steps else 100 * step // steps


def is_hopeless(pruner: Pruner, number: int, curve: Curve, others: Mapping[int, Curve], finished: Iterable[int],
                warmup_ratio: float = 0.0) -> bool:
    """Promises whether trial `number`, judged at the end of `curve`, should end. Trial 0 never does: it is what all
    others are compared with. `others`: the curves of all other trials; `finished`: those of them that ran to the end.
    """
    if number == 0 or not curve:
        return False
    percent = max(curve)
    if percent >= 100 or percent < max(PROTECTED, 100 * warmup_ratio + 10):
        return False
    match pruner:
        case "none":
            return False
        case "median":
            return _below_the_median(percent, curve, [others[other] for other in finished if other in others])
        case "asha":
            return _falls_at_a_rung(BRACKETS[0], curve, others.values())
        case "hyperband":
            bracket = number % len(BRACKETS)
            rivals = [other for key, other in others.items() if key % len(BRACKETS) == bracket]
            return _falls_at_a_rung(BRACKETS[bracket], curve, rivals)


def _below_the_median(percent: int, curve: Curve, finished: Sequence[Curve]) -> bool:
    """The median stopping rule (Golovin et al., "Google Vizier", 2017, section 3.2.2) as Optuna has it: the best loss
    so far against the others' latest at this point, which forgives a trial that overfits later.
    """
    rivals = [other[max(seen)] for other in finished if (seen := [at for at in other if at <= percent])]
    return len(rivals) >= MEDIAN_NEEDS and min(curve.values()) > statistics.median(rivals)


def _falls_at_a_rung(rungs: Sequence[int], curve: Curve, others: Iterable[Curve]) -> bool:
    """Asynchronous successive halving, Li et al., "A System for Massively Parallel Hyperparameter Tuning" (2020),
    algorithm 2, without pausing: a trial ends when, on reaching a rung, it is not among the better half of those that
    have reached it, nor close behind. The first ones of a rung go on. It is judged once a rung.
    """
    now = max(curve)
    before = max((percent for percent in curve if percent < now), default=0)
    crossed = [rung for rung in rungs if before < rung <= now]
    if not crossed:
        return False
    rivals = [_at(other, crossed[-1]) for other in others if max(other, default=0) >= crossed[-1]]
    everybody = sorted([*rivals, curve[now]])
    if len(everybody) < HALVING_NEEDS:
        return False
    cut = everybody[len(everybody) // REDUCTION - 1]
    return curve[now] > cut + MARGIN * abs(cut)


def _at(curve: Curve, rung: int) -> float:
    """The loss at the first validation on or after `rung`, where the trial was judged."""
    return curve[min(percent for percent in curve if percent >= rung)]
