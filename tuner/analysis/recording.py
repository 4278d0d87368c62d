"""A recorded search from a file: one JSON object a line, without a job, a plan or a store. What a line says: lines.py.

A recording may come from another program, so it is read with patience: see `tuner.analysis.lines`. What cannot be read
is named by its line, all such lines at once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

from tuner.analysis.lines import BadLine, knob_of, read_line
from tuner.analysis.study import Study, is_number, median, searched_on_log
from tuner.events import TrialRecord
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Choices, Range, Spec, Value
from tuner.problems import Problem, ProblemError

MOST_PROBLEMS = 5
"""Bad lines that are told of at once."""
PLAIN = ("learning_rate", "batch_size", "max_length", "epochs", "seed")
"""Knobs whose names mean nothing else, whatever their values."""
FIRST = 10
"""Trials that a search draws at random before it goes where the good ones are."""
BYTE_ORDER_MARK = "\ufeff"


def read_recording(lines: Iterable[str]) -> Study:
    """Promises the study of `lines`, each `{"number", "params", "state", "value", "train_loss", "curve", "error"}`.

    The value is a validation loss. The space is what was tried: a setting that never changed was not searched.
    Raises ProblemError with a problem for each line that is no trial, and when there is no line at all.
    """
    trials: list[TrialRecord] = []
    problems: list[Problem] = []
    lines_of: dict[int, int] = {}
    for place, line in enumerate(lines, start=1):
        text = line.strip().removeprefix(BYTE_ORDER_MARK).strip()
        if not text:
            continue
        try:
            trial = read_line(text, otherwise=len(trials))
            if trial.number in lines_of:
                raise BadLine("number_twice", number=trial.number, other=lines_of[trial.number])
            lines_of[trial.number] = place
            trials.append(trial)
        except BadLine as bad:
            problems.append(Problem(key=f"recording.{bad.key}", facts={"line": place, **bad.facts}))
    if not trials and not problems:
        problems.append(Problem(key="recording.empty"))
    if problems:
        raise ProblemError(problems[:MOST_PROBLEMS])
    return recorded_study(sorted(trials, key=lambda trial: trial.number))


def recorded_study(trials: Sequence[TrialRecord]) -> Study:
    """Promises the study of trials without a plan, each knob under its name in the catalogue where it has one."""
    spelled = _spelled(trials)
    names = {theirs: ours for ours, theirs in spelled.items()}
    trials = [dataclasses.replace(trial, settings={names.get(name, name): value
                                                   for name, value in trial.settings.items()}) for trial in trials]
    space = _space(trials)
    default = next((trial for trial in trials if trial.number == 0), None)
    return Study(
        number=0, model="", metric="loss", maximise=False, planned=len(trials), state="finished", space=space,
        defaults=dict(default.settings) if default is not None else {}, trials=tuple(trials), tests=(), recorded=True,
        log_by_name={name: _on_log(name, spec) for name, spec in space.items()}, spelled=spelled,
    )


def _spelled(trials: Sequence[TrialRecord]) -> dict[str, str]:
    """The catalogue's knob -> the recording's own name for it.

    A name stays as it is where two would be one knob, and where the values are none that people use for that knob: an
    "alpha" of 0.3 is somebody's own setting and not LoRA's.
    """
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for trial in trials for name in trial.settings):
        found.setdefault(knob_of(name), []).append(name)
    return {ours: theirs[0] for ours, theirs in found.items() if len(theirs) == 1 and ours != theirs[0]
            and (ours in PLAIN or _is_usual(ours, _values(trials, theirs[0])))}


def _values(trials: Sequence[TrialRecord], name: str) -> list[Value]:
    return [trial.settings[name] for trial in trials if name in trial.settings]


def _is_usual(name: str, values: Sequence[Value]) -> bool:
    """True when people try the knob `name` with all of `values`."""
    knob = KNOBS[name]
    return all(knob.usual_low <= value <= knob.usual_high for value in values if is_number(value))


def _space(trials: Sequence[TrialRecord]) -> dict[str, Spec]:
    names = dict.fromkeys(name for trial in trials for name in trial.settings)
    space: dict[str, Spec] = {}
    for name in names:
        values = _values(trials, name)
        if len(set(values)) < 2:
            continue
        numbers = [value for value in values if is_number(value)]
        if len(numbers) == len(values) and len(set(values)) >= 4:
            space[name] = Range(low=min(numbers), high=max(numbers), log=_spans_decades(name, numbers))
        else:
            in_order = sorted(set(numbers)) if len(numbers) == len(values) else sorted(set(values), key=str)
            space[name] = Choices(values=tuple(in_order))
    return space


def _spans_decades(name: str, values: Sequence[float]) -> bool:
    """True for a knob that is tried so by habit, and where the first runs lie about the geometric middle.

    Later runs may lie where the good ones are, whatever the scale.
    """
    low, high = min(values), max(values)
    if low <= 0 or high / low < 4:
        return False
    if name in KNOBS and KNOBS[name].log and _is_usual(name, values):
        return True
    middle = median(values[:FIRST])
    place = math.log(middle / low) / math.log(high / low)
    return high / low >= 20 and abs(place - 0.5) < abs((middle - low) / (high - low) - 0.5)


def _on_log(name: str, spec: Spec) -> bool:
    return bool(spec.log) if isinstance(spec, Range) else searched_on_log(name, spec)
