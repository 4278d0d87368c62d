"""Which values to search next: near sound runs, away from where they broke, learnt nothing or filled the memory.

Every range lies inside what people use, or is none at all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.analysis.study import Study, broke_down, is_number, rounded
from tuner.events import TrialRecord
from tuner.plan.knobs import KNOBS

APART = 3.0
"""A suggested learning rate stays this factor away from the lowest one that broke."""
FAR = 100.0
"""Where no run came through, the search goes down to this part of its upper end."""

OTHER = {"batch_size": "max_length", "max_length": "batch_size"}
"""What takes memory together."""

Bounds = tuple[float, float]
_RATE = "learning_rate"


def below_broken(study: Study) -> Bounds | None:
    """Learning rates about the sound ones and well below the lowest that broke; the usual ones where none was sound."""
    broken = _values(study, _RATE, [trial for trial in study.trials if broke_down(trial)])
    if not broken:
        return None
    top = min(broken) / APART
    sound = [rate for rate in _values(study, _RATE, [trial for trial in study.complete if not broke_down(trial)])
             if rate <= top]
    usual = KNOBS[_RATE].default_range
    if sound:
        return _rates(min(sound) / APART, min(max(sound) * APART, top))
    if usual is not None and usual[1] <= top:
        return _rates(*usual)
    return _rates(top / FAR, top)


def above_too_low(study: Study, learnt_from: float) -> Bounds | None:
    """Learning rates about and above the lowest one that learnt well, well below any that broke."""
    return _rates(learnt_from / APART, min(learnt_from * APART * APART, _ceiling(study)))


def above_all(study: Study) -> Bounds | None:
    """Learning rates above all that were tried; the usual ones where they lie above them."""
    tried = _values(study, _RATE, study.complete)
    if not tried:
        return None
    usual = KNOBS[_RATE].default_range
    if usual is not None and usual[0] >= max(tried):
        return _rates(*usual)
    return _rates(max(tried), min(max(tried) * FAR, _ceiling(study)))


def within_memory(study: Study, name: str, cut: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Batch sizes, or lengths, that need less memory than every run that ran out of it, beside what is kept of the
    other one; those of the best run are among them."""
    tried = [int(value) for value in _values(study, name, study.trials)]
    _, kept = beside_kept(study, name)
    beside = [kept] if kept is not None else _values(study, OTHER[name], study.trials)
    if not tried:
        return None
    if cut is not None and cut["name"] == "batch_tokens" and beside:
        high = int(cut["value"] // max(beside))
    else:
        out = _values(study, name, [trial for trial in study.trials if trial.cause == "out_of_memory"])
        high = int(min(out) // 2) if out else 0
    high = 2 ** (high.bit_length() - 1) if high > 0 else 0
    if kept is not None and study.best is not None:
        high = min(max(high, int(study.best.settings[name])), max(tried))
    low = max(KNOBS[name].usual_low, min(min(tried), high // 4))
    return (int(low), high) if low < high else None


def beside_kept(study: Study, name: str) -> tuple[str, float | None]:
    """The knob that takes memory beside `name`, and what a new search keeps of it: the best run's, where both were
    searched."""
    other = OTHER[name]
    both = study.best is not None and {name, other} <= set(study.searched)
    found = study.best.settings.get(other) if both and study.best is not None else None
    sure = both and study.best is not None and is_number(study.best.settings.get(name))
    return other, float(found) if sure and is_number(found) else None


def sound(low: float, high: float, *, whole: bool) -> tuple[float, float] | None:
    """From `low` to the highest sound value, neither rounded outwards."""
    if whole:
        return (math.ceil(low), math.floor(high)) if math.ceil(low) < math.floor(high) else None
    bounds = _up(low), _down(high)
    return bounds if bounds[0] < bounds[1] else None


def is_whole(name: str) -> bool:
    """True for a knob that counts."""
    return name in KNOBS and KNOBS[name].kind == "int"


def _ceiling(study: Study) -> float:
    broken = _values(study, _RATE, [trial for trial in study.trials if broke_down(trial)])
    return min(broken) / APART if broken else KNOBS[_RATE].usual_high


def _rates(low: float, high: float) -> Bounds | None:
    knob = KNOBS[_RATE]
    bounds = rounded(max(low, knob.usual_low), 1), rounded(min(high, knob.usual_high), 1)
    return bounds if 0 < bounds[0] < bounds[1] else None


def _values(study: Study, name: str, trials: Sequence[TrialRecord]) -> list[float]:
    """What `trials` used; for a knob that was not searched, what all runs used."""
    values = (trial.settings.get(name, study.defaults.get(name)) for trial in trials)
    return [float(value) for value in values if is_number(value)]


def _down(value: float, digits: int = 2) -> float:
    """`value` with two significant digits, never more than it."""
    near = rounded(value, digits)
    return near if near <= value else rounded(near - 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1), digits)


def _up(value: float, digits: int = 2) -> float:
    near = rounded(value, digits)
    return near if near >= value or value == 0 else rounded(
        near + 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1), digits)
