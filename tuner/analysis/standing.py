"""Where each trial stands in the order of its study, the unfinished ones too. Knows no knob."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tuner.analysis.chance import Array
from tuner.analysis.study import BROKEN, Study
from tuner.analysis.trouble import curve_of
from tuner.events import TrialRecord

BEHIND = 0.5
"""A pruned trial is never placed in the better half: it was stopped because it was behind."""
UNKNOWN = 0.75
"""The place of a pruned trial whose curve does not tell: the middle of the worse half."""
FEWEST_BESIDE = 4
"""Complete trials measured at about the same step, from which their losses say where a pruned one stood."""


def ranked_trials(study: Study) -> tuple[tuple[TrialRecord, ...], Array]:
    """Trials with their place in the order, best lowest: complete ones by value, pruned ones where they stood among
    the complete ones at their last step, broken-down ones last.

    A pruned trial was behind when it was stopped, a diverged one is worth nothing: both say something about knobs.
    Failures of another kind (memory, data, crash) say nothing about how well a setting learns and are left out.
    """
    complete = study.complete
    if not complete:
        return (), np.zeros(0)
    values = np.asarray([study.cost(trial) for trial in complete])
    worst = float(values.max())
    pruned = tuple(trial for trial in study.trials if trial.state == "pruned")
    broken = tuple(trial for trial in study.trials if trial.state == "failed" and trial.cause in BROKEN)
    places = [_place(trial, complete) for trial in pruned]
    costs = [*values, *(float(np.quantile(values, place)) for place in places)]
    costs += [worst + 2 * max(1.0, abs(worst))] * len(broken)
    return (*complete, *pruned, *broken), np.asarray(costs)


def counted(study: Study) -> int:
    """Promises how many trials say how well their settings learn: complete ones, and pruned ones as soon as enough
    complete ones show where they stood."""
    complete = len(study.complete)
    pruned = sum(trial.state == "pruned" for trial in study.trials)
    return complete + (pruned if complete >= FEWEST_BESIDE else 0)


def _place(trial: TrialRecord, complete: Sequence[TrialRecord]) -> float:
    """The share of the complete trials that were ahead of `trial` at its last measured step, at least half."""
    curve = curve_of(trial)
    by_valid = bool(curve.valid)
    points = curve.valid if by_valid else curve.train
    if not points:
        return UNKNOWN
    step, loss = points[-1]
    beside = []
    for other in complete:
        theirs = curve_of(other).valid if by_valid else curve_of(other).train
        then = [point for point in theirs if step / 2 <= point[0] <= step]
        if then:
            beside.append(then[-1][1])
    if len(beside) < FEWEST_BESIDE:
        return UNKNOWN
    return max(BEHIND, sum(one < loss for one in beside) / len(beside))
