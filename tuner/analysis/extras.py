"""What the job cost in time and energy, and the best run that may only have been lucky."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from tuner.analysis.chance import Array, basis
from tuner.analysis.importance import Claim, design
from tuner.analysis.repeats import lucky_repeat
from tuner.analysis.study import Study, is_number, median, rounded
from tuner.analysis.trouble import curve_of
from tuner.events import Finding, TrialRecord

STANDS_OUT = 6.0
LUCK_FEWEST = 20
_WAYS: tuple[Literal["rank", "scale"], ...] = ("rank", "scale")
"""A run is lucky only where it stands out whichever way its settings are held against the others'."""


def cost_findings(study: Study) -> tuple[Finding, ...]:
    """One `cost` finding once a trial has ended: time, trials an hour, what pruning saved (estimated), and what a GPU
    drew, where its counter was read with every run."""
    ended = study.ended
    again = [repeat for repeat in study.repeats if repeat.state != "running"]
    runs = (*ended, *again)
    seconds = sum(trial.seconds for trial in runs)
    if not ended or seconds <= 0:
        return ()
    whole = [trial.seconds for trial in study.complete if trial.seconds > 0]
    usual = median(whole) if whole else seconds / len(runs)
    pruned = [trial for trial in ended if trial.state == "pruned"]
    saved = sum(max(0.0, usual - trial.seconds) for trial in pruned) if whole else 0.0
    wall = study.ran_s if study.ran_s > 0 else seconds
    facts = {
        "trials": len(ended), "repeats": len(again), "repeat_seconds": rounded(sum(run.seconds for run in again), 3),
        "trial_seconds": rounded(seconds, 3), "wall_seconds": rounded(wall, 3),
        "usual_seconds": rounded(usual, 3), "an_hour": rounded(3600 * len(runs) / wall, 3) if wall > 0 else None,
        "pruned": len(pruned), "saved_seconds": rounded(saved, 2),
        "steps": max((curve_of(trial).last_step for trial in ended), default=0),
        **_drawn(runs, wall), **_narrowed(runs),
    }
    return (Finding(kind="cost", strength="strong", facts=facts),)


def _narrowed(runs: Sequence[TrialRecord]) -> dict[str, int]:
    """How many runs at once the machine held, where it did not hold as many as it was given."""
    at_once = [value for run in runs if is_number(value := run.metrics.get("at_once"))]
    return {"at_once": int(min(at_once))} if at_once else {}


def _drawn(runs: Sequence[TrialRecord], wall: float) -> dict[str, float | None]:
    """What the GPU was busy for and drew; None on a machine without one, or without a counter."""
    on_gpu = bool(runs) and all(run.metrics.get("device") == "cuda" for run in runs)
    joules = [run.metrics.get("energy_j") for run in runs]
    known = [value for value in joules if is_number(value)]
    watt_hours = sum(known) / 3600 if len(known) == len(runs) else None
    return {"gpu_seconds": rounded(wall, 3) if on_gpu else None,
            "watt_hours": None if watt_hours is None else rounded(watt_hours, 3)}


def lucky_findings(study: Study, claimed: tuple[Claim, ...]) -> tuple[Finding, ...]:
    """Promises a `lucky` finding where the best run stands out from what its settings explain.

    Rule: at least 20 complete runs, and the best lies 6 robust deviations (1.4826 times the median absolute residual)
    below the fit on the claimed knobs, and its lead over the second is half of that gap. Never more than weak: only
    running the same settings with another seed can tell luck from gold. Where that was done, `lucky_repeat` tells.
    """
    repeated = lucky_repeat(study)
    if repeated is not None:
        return (repeated,)
    best = study.best
    if best is None or study.chosen is not None or len(study.complete) < LUCK_FEWEST:
        return ()
    costs = np.asarray([study.cost(trial) for trial in study.complete])
    place = study.complete.index(best)
    deviations, gap = min(_stands_out(_residuals(study, claimed, costs, by), place) for by in _WAYS)
    lead = float(np.partition(costs, 1)[1] - costs[place])
    if deviations < STANDS_OUT or lead < gap / 2:
        return ()
    facts = {"trial": best.number, "best_value": rounded(best.value or 0.0), "deviations": rounded(deviations, 2),
             "trials": len(study.complete), "repeated": False}
    return (Finding(kind="lucky", strength="weak", facts=facts),)


def _stands_out(residual: Array, place: int) -> tuple[float, float]:
    """How far the run at `place` lies below the others, in robust deviations (0 without spread) and as it is."""
    others = np.delete(residual, place)
    scale = 1.4826 * float(np.median(np.abs(others - np.median(others))))
    gap = float(np.median(others)) - float(residual[place])
    return (gap / scale if scale > 0 else 0.0), gap


def _residuals(study: Study, claimed: tuple[Claim, ...], costs: Array, by: Literal["rank", "scale"]) -> Array:
    if not claimed:
        return costs - np.median(costs)
    base = basis(np.concatenate([design(study, claim.name, study.complete, by) for claim in claimed], axis=1))
    centred = costs - costs.mean()
    return centred - base @ (base.T @ centred)
