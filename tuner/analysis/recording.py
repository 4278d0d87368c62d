"""A recorded search from a file: one JSON object a line, without a job, a plan or a store. What a line says: lines.py.

A recording may come from another program, so it is read with patience: see `tuner.analysis.lines`. What cannot be read
is named by its line, all such lines at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tuner.analysis.lines import BadLine, read_line
from tuner.analysis.study import Study, is_number, median, searched_on_log
from tuner.events import TrialRecord
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Choices, Range, Spec
from tuner.problems import Problem, ProblemError

MOST_PROBLEMS = 5
"""Bad lines that are told of at once."""
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
    """Promises the study of trials without a plan."""
    space = _space(trials)
    default = next((trial for trial in trials if trial.number == 0), None)
    return Study(
        number=0, model="", metric="loss", maximise=False, planned=len(trials), state="finished", space=space,
        defaults=dict(default.settings) if default is not None else {}, trials=tuple(trials), tests=(), recorded=True,
        log_by_name={name: _on_log(name, spec) for name, spec in space.items()},
    )


def _space(trials: Sequence[TrialRecord]) -> dict[str, Spec]:
    names = dict.fromkeys(name for trial in trials for name in trial.settings)
    space: dict[str, Spec] = {}
    for name in names:
        values = [trial.settings[name] for trial in trials if name in trial.settings]
        if len(set(values)) < 2:
            continue
        numbers = all(is_number(value) for value in values)
        if numbers and len(set(values)) >= 4:
            space[name] = Range(low=min(values), high=max(values), log=_spans_decades(name, values))
        else:
            space[name] = Choices(values=tuple(sorted(set(values), key=(lambda one: one) if numbers else str)))
    return space


def _spans_decades(name: str, values: Sequence[float]) -> bool:
    """True for a knob that is tried so by habit, and where the middle run lies nearer to the geometric middle."""
    low, high = min(values), max(values)
    if low <= 0 or high / low < 4:
        return False
    if name in KNOBS and KNOBS[name].log:
        return True
    place = math.log(median(values) / low) / math.log(high / low)
    return high / low >= 20 and abs(place - 0.5) < abs((median(values) - low) / (high - low) - 0.5)


def _on_log(name: str, spec: Spec) -> bool:
    return bool(spec.log) if isinstance(spec, Range) else searched_on_log(name, spec)
