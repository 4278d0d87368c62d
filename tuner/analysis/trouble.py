"""What went wrong in one trial, read from its record and its curve. Over all trials: thresholds.py."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.analysis.repeats import repeated_groups, spread_of
from tuner.analysis.study import Study, broke_down, finite, is_number, median, rounded
from tuner.events import Finding, Strength, TrialRecord

RISE = 1.05
"""A validation loss this many times its lowest counts as risen."""
OF_START = 0.02
"""Share of the loss at the start below which a difference is none: next to nothing may double."""
BEHIND = 0.2
"""Share of the best run's loss by which a run must have ended above it to be clearly worse."""
FALLING = 0.05
"""Share of its value that the validation loss must lose over the last third to count as still falling."""
OF_FALL = 1 / 8
"""Share of its whole fall that it must lose there: of one that comes to rest, e^-x, a tenth is then to come."""
LEFT = 0.1
"""Share of the loss at the start that a run must still have for something to be left to learn, whatever others did."""
LITTLE = 0.5
"""Share of the best run's fall of the loss below which a run learnt little."""
WELL = 0.8
"""Share of it from which a run learnt well."""
PARTED = 100
"""Ways to share out the runs that learnt little of which one alone puts them all at the lowest learning rates."""
MUCH = 0.3
"""Share of the loss at the start that the best run must have lost for others to be held against it."""

_LOGGED = re.compile(r"\[([0-9a-f]{8})\]")
"""The reference that the worker writes before a crash's error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The finite points of a trial's curve."""

    train: tuple[tuple[int, float], ...]
    valid: tuple[tuple[int, float], ...]
    last_step: int


def curve_of(trial: TrialRecord) -> Curve:
    points = sorted(trial.curve, key=lambda point: point[0])
    train = tuple((step, value) for step, value, _ in points if value is not None and math.isfinite(value))
    valid = tuple((step, value) for step, _, value in points if value is not None and math.isfinite(value))
    return Curve(train=train, valid=valid, last_step=points[-1][0] if points else 0)


def trial_findings(study: Study) -> tuple[Finding, ...]:
    """Promises at most one finding a trial, in the order of their numbers; a trial that went well has none."""
    start = start_loss(study)
    falls = {trial.number: fall(trial, start) for trial in study.complete}
    found = (_one(study, trial, falls) for trial in study.ended)
    return tuple(finding for finding in found if finding is not None)


def _one(study: Study, trial: TrialRecord, falls: Mapping[int, float | None]) -> Finding | None:
    facts: dict[str, Any] = {"trial": trial.number, "seconds": rounded(trial.seconds, 3)}
    if trial.state == "pruned":
        steps = curve_of(trial).last_step
        return Finding(kind="pruned", strength="strong", facts=facts | {"step": steps or None})
    if trial.state == "stopped" or trial.cause == "stopped":
        return Finding(kind="stopped", strength="strong", facts=facts)
    if trial.state == "failed":
        return _failed(study, trial, facts)
    if broke_down(trial):
        return _broken(study, trial, facts)
    return (_overfitted(study, trial, facts) or _learnt_little(study, trial, facts, falls)
            or _still_falling(study, trial, facts))


def _failed(study: Study, trial: TrialRecord, facts: dict[str, Any]) -> Finding:
    match trial.cause:
        case "nan" | "diverged":
            return _broken(study, trial, facts)
        case "out_of_memory":
            batch, length = trial.settings.get("batch_size"), trial.settings.get("max_length")
            tokens = batch * length if is_number(batch) and is_number(length) else None
            facts |= {"batch_size": batch, "max_length": length, "tokens": tokens}
            return Finding(kind="out_of_memory", strength="strong", facts=facts)
        case "bad_data":
            return Finding(kind="bad_data", strength="strong", facts=facts)
        case "worker_lost":
            return Finding(kind="worker_lost", strength="strong", facts=facts)
        case _:
            return Finding(kind="crashed", strength="strong", facts=facts | {"reference": _reference(study, trial)})


def _broken(study: Study, trial: TrialRecord, facts: dict[str, Any]) -> Finding:
    suspect, strength = _suspect_too_high(study, trial)
    facts |= {"not_a_number": trial.cause == "nan", "step": curve_of(trial).last_step or None, "suspect": suspect,
              "learning_rate": trial.settings.get("learning_rate"), "given_up": trial.state == "failed"}
    if suspect is None:
        return Finding(kind="diverged", strength="strong", facts=facts)
    facts["sound_up_to"] = rounded(max(_rate(other) for other in study.complete if not broke_down(other)), 3)
    return Finding(kind="learning_rate_too_high", strength=strength, facts=facts)


def _reference(study: Study, trial: TrialRecord) -> str:
    """What a person can tell the operator, who finds the trial's log by it: the log's own, else job and trial."""
    logged = _LOGGED.match(trial.error)
    return logged.group(1) if logged else f"{study.number}-{trial.number}"


def _suspect_too_high(study: Study, trial: TrialRecord) -> tuple[str | None, Strength]:
    """Blames the learning rate only where it was tested: three sound runs, or one beside three broken, all lower."""
    rate = trial.settings.get("learning_rate")
    if "learning_rate" not in study.searched or not is_number(rate):
        return None, "none"
    sound = [value for other in study.complete
             if not broke_down(other) and is_number(value := other.settings.get("learning_rate"))]
    broken = [other for other in study.trials if broke_down(other)]
    tested = len(sound) >= 3 or (len(sound) >= 1 and len(broken) >= 3)
    if not tested or max(sound) >= rate:
        return None, "none"
    return "learning_rate", "strong" if len(broken) >= 3 and len(sound) >= 6 else "weak"


def _overfitted(study: Study, trial: TrialRecord, facts: dict[str, Any]) -> Finding | None:
    """Validation loss past its lowest point for good, while the training loss goes on falling."""
    curve = curve_of(trial)
    if len(curve.valid) < 3:
        return None
    place = min(range(len(curve.valid)), key=lambda index: curve.valid[index][1])
    step, lowest = curve.valid[place]
    after = [value for _, value in curve.valid[place + 1:]]
    if not after or lowest <= 0 or after[-1] < RISE * lowest or after[-1] - lowest <= 2 * _jitter(curve.valid, place):
        return None
    if after[-1] - lowest < OF_START * max(value for _, value in curve.valid[: place + 1]):
        return None
    train_then, train_last = value_at(curve.train, step), curve.train[-1][1] if curve.train else None
    if train_then is None or train_last is None or train_last >= train_then:
        return None
    epochs = trial.settings.get("epochs")
    part = step / curve.last_step if curve.last_step > 0 else None
    facts |= {"from_step": step, "epochs": epochs,
              "from_epoch": max(1, math.ceil(part * epochs - 1e-9)) if part and is_number(epochs) else None,
              "lowest": rounded(lowest), "last": rounded(after[-1]), "rise": rounded(after[-1] / lowest - 1, 2),
              "is_best": study.best is not None and study.best.number == trial.number}
    return Finding(kind="overfitted", strength="strong" if len(after) >= 3 else "weak", facts=facts)


def _jitter(valid: Sequence[tuple[int, float]], place: int) -> float:
    """How much the validation loss goes up by itself on its way down: the median rise before its lowest point."""
    rises = [b - a for (_, a), (_, b) in itertools.pairwise(valid[: place + 1]) if b > a]
    return median(rises) if rises else 0.0


def value_at(points: Sequence[tuple[int, float]], step: int) -> float | None:
    """Promises the value measured nearest to `step`; None without any."""
    return min(points, key=lambda point: (abs(point[0] - step), point[0]))[1] if points else None


def late_fall(curve: Curve) -> tuple[float, float] | None:
    """Promises the validation loss at two thirds of the run, on the line between its neighbours, and at its end; None
    where it was not measured on both sides."""
    step = curve.last_step * 2 / 3
    for (before, high), (after, low) in itertools.pairwise(curve.valid):
        if before <= step < after:
            return high + (low - high) * (step - before) / (after - before), curve.valid[-1][1]
    return None


def untouched_loss(study: Study) -> float | None:
    """What the model loses before any training, on the sealed test; None while that is not known."""
    base = study.test("base")
    losses = [loss for loss in base.losses if math.isfinite(loss)] if base is not None else []
    return sum(losses) / len(losses) if losses else None


def start_loss(study: Study) -> float | None:
    """What the model loses before any training: `untouched_loss`; while that is not known, the highest loss with which
    a sound run's curve begins. A curve may begin at the end of an epoch, when most is learnt."""
    known = untouched_loss(study)
    if known is not None:
        return known
    curves = [curve_of(trial) for trial in study.trials if not broke_down(trial)]
    return max((points[0][1] for curve in curves for points in (curve.train, curve.valid) if points), default=None)


def fall(trial: TrialRecord, start: float | None = None) -> float | None:
    """Share of the loss at the start that the (validation, else training) loss lost; None without a curve.

    The start is the untouched model's loss where it is known, else the curve's own first value.
    """
    curve = curve_of(trial)
    points = curve.valid if len(curve.valid) >= 2 else curve.train
    if len(points) < 2:
        return None
    first = max(start or 0.0, points[0][1])
    return 1 - points[-1][1] / first if first > 0 else None


def fall_of_training(trial: TrialRecord) -> float | None:
    """Share of its first training loss that a run lost; None without a curve of it."""
    train = curve_of(trial).train
    return 1 - train[-1][1] / train[0][1] if len(train) >= 2 and train[0][1] > 0 else None


def _learnt_little(
    study: Study, trial: TrialRecord, facts: dict[str, Any], others: Mapping[int, float | None]
) -> Finding | None:
    """Less than half of what the best run of the same study learnt."""
    mine = others.get(trial.number)
    best = max((value for value in others.values() if value is not None), default=None)
    if mine is None or best is None or best < MUCH or mine >= LITTLE * best:
        return None
    facts |= {"fall": rounded(max(mine, 0.0), 2), "best_fall": rounded(best, 2), "still_falling": False}
    lowest, learnt_above = _parted_by_rate(study, others, best)
    below, above = len(lowest), len(learnt_above)
    parted = above > 0 and (below >= 3 or math.comb(below + above, above) >= PARTED)
    if parted and trial.number in {other.number for other in lowest}:
        facts |= {"learning_rate": trial.settings["learning_rate"],
                  "learnt_from": min(_rate(other) for other in learnt_above)}
        strength: Strength = "strong" if below >= 3 and above >= 3 else "weak"
        return Finding(kind="learning_rate_too_low", strength=strength, facts=facts)
    return Finding(kind="learnt_too_little", strength="weak", facts=facts)


def _parted_by_rate(
    study: Study, falls: Mapping[int, float | None], best: float
) -> tuple[Sequence[TrialRecord], Sequence[TrialRecord]]:
    """The runs at the lowest learning rates that all learnt little, and those above them that learnt well."""
    if "learning_rate" not in study.searched:
        return (), ()
    ordered = sorted((trial for trial in study.complete if _rate(trial) > 0), key=_rate)
    lowest = tuple(itertools.takewhile(lambda trial: (falls[trial.number] or 0.0) < LITTLE * best, ordered))
    return lowest, [trial for trial in ordered[len(lowest):] if (falls[trial.number] or 0.0) >= WELL * best]


def _rate(trial: TrialRecord) -> float:
    """The trial's learning rate; 0 where it is not known."""
    value = trial.settings.get("learning_rate")
    return float(value) if is_number(value) else 0.0


def _still_falling(study: Study, trial: TrialRecord, facts: dict[str, Any]) -> Finding | None:
    """It still fell at its end, and there was more to learn."""
    curve = curve_of(trial)
    found = late_fall(curve)
    if found is None or not is_falling(curve):
        return None
    (then, last), start = found, max(start_loss(study) or 0.0, curve.valid[0][1])
    if not _had_more_to_learn(study, trial, last, start):
        return None
    facts |= {"fall": rounded(1 - last / start, 2), "late_fall": rounded((then - last) / then, 2),
              "still_falling": True, "epochs": trial.settings.get("epochs")}
    return Finding(kind="learnt_too_little", strength="strong", facts=facts)


def is_falling(curve: Curve) -> bool:
    """True where the validation loss ended lowest and lost 5% or more over the last third, an eighth of its fall."""
    found = late_fall(curve)
    if found is None or len(curve.valid) < 4:
        return False
    then, last = found
    if then <= 0 or last > min(value for _, value in curve.valid):
        return False
    return then - last >= max(FALLING * then, OF_FALL * (curve.valid[0][1] - last))


def _had_more_to_learn(study: Study, trial: TrialRecord, last: float, start: float) -> bool:
    """True where the best run ended clearly lower, or where much of the loss at the start was left: but not of a run as
    good as a best one that came to rest."""
    is_much_left = last >= LEFT * start
    other = curve_of(study.best) if study.best is not None and study.best.number != trial.number else None
    if study.best is None or other is None or not other.valid:
        return is_much_left
    lowest = other.valid[-1][1]
    spread, _ = spread_of(repeated_groups(study))
    noise = 2 * math.sqrt(2) * spread  # of the difference of two runs
    by_luck = finite(trial.value) and study.cost(trial) - study.cost(study.best) <= noise
    if by_luck or last - lowest <= FALLING * lowest:
        return is_much_left and is_falling(other)
    return is_much_left or last - lowest > max(BEHIND * lowest, OF_START * start)
