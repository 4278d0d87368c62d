"""A recorded search from a file: one JSON object a line, without a job, a plan or a store."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from tuner.analysis.study import Study, is_number, searched_on_log
from tuner.events import Cause, TrialRecord, TrialState
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Choices, Range, Spec

_SIGNS: tuple[tuple[Cause, str], ...] = (
    ("out_of_memory", r"out.?of.?memory|\boom\b|cannot allocate"),
    ("nan", r"\bnan\b|\binf\b|not a number|non-?finite"),
    ("diverged", r"diverge|exploded|blew up"),
    ("bad_data", r"bad.data|no examples|empty data"),
    ("worker_lost", r"worker.lost|preempted"),
)
"""Cause -> what a recorded error says of it; the first that fits."""

_ALIASES = {"lr": "learning_rate", "rank": "lora_rank", "r": "lora_rank", "alpha": "lora_alpha",
            "dropout": "lora_dropout", "warmup": "warmup_ratio", "schedule": "lr_schedule", "bs": "batch_size",
            "num_epochs": "epochs", "max_seq_length": "max_length"}
"""Other programs' names of our knobs."""


def read_recording(lines: Iterable[str]) -> Study:
    """Promises the study of `lines`, each `{"number", "params", "state", "value", "train_loss", "curve", "error"}`.

    The value is a validation loss. The space is what was tried: a setting that never changed was not searched.
    Raises ValueError with the line's number where a line is no such object.
    """
    trials = tuple(sorted((_trial(place, line) for place, line in enumerate(lines, start=1) if line.strip()),
                          key=lambda trial: trial.number))
    space = _space(trials)
    default = next((trial for trial in trials if trial.number == 0), None)
    return Study(
        number=0, model="", metric="loss", maximise=False, planned=len(trials), state="finished", space=space,
        defaults=dict(default.settings) if default is not None else {}, trials=trials, tests=(),
        log_by_name={name: _on_log(name, spec) for name, spec in space.items()},
    )


def _trial(place: int, line: str) -> TrialRecord:
    try:
        value = json.loads(line)
        state, error = str(value.get("state", "complete")), str(value.get("error") or "")
        if state not in get_args(TrialState):
            raise ValueError(f"a state must be one of {get_args(TrialState)}, got {state!r}")
        score = _finite(value.get("value"))
        return TrialRecord(
            number=int(value.get("number", place - 1)),
            settings={_ALIASES.get(name, name): setting for name, setting in value["params"].items()},
            state=state,  # type: ignore[arg-type]
            value=score if state == "complete" else None, cause=_cause(state, error, value), error=error,
            curve=tuple((int(step), _finite(train), _finite(valid)) for step, train, valid in value.get("curve") or ()),
            seconds=float(value.get("seconds") or 0.0),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"line {place} must be a recorded trial, got {line.strip()[:80]!r}") from error


def _finite(value: Any) -> float | None:
    return float(value) if is_number(value) and math.isfinite(value) else None


def _cause(state: str, error: str, value: Mapping[str, Any]) -> Cause:
    """What ended the trial, by its error's words; a failure without a word about it diverged when its numbers did."""
    if state == "pruned":
        return "pruned"
    if state == "stopped":
        return "stopped"
    if state != "failed":
        return ""
    for cause, signs in _SIGNS:
        if re.search(signs, error, re.IGNORECASE):
            return cause
    losses = [loss for point in value.get("curve") or () for loss in point[1:] if is_number(loss)]
    if any(not math.isfinite(loss) for loss in losses):
        return "nan"
    risen = len(losses) > 1 and losses[-1] > 1.5 * losses[0]
    return "diverged" if risen and not error else "crashed"


def _space(trials: tuple[TrialRecord, ...]) -> dict[str, Spec]:
    names = dict.fromkeys(name for trial in trials for name in trial.settings)
    space: dict[str, Spec] = {}
    for name in names:
        values = [trial.settings[name] for trial in trials if trial.settings.get(name) is not None]
        if len(set(values)) < 2:
            continue
        if all(is_number(value) for value in values) and len(set(values)) > 6:
            space[name] = Range(low=min(values), high=max(values), log=_spans_decades(name, values))
        else:
            numbers = all(is_number(value) for value in values)
            space[name] = Choices(values=tuple(sorted(set(values), key=(lambda one: one) if numbers else str)))
    return space


def _spans_decades(name: str, values: list[float]) -> bool:
    habit = KNOBS[name].log if name in KNOBS else True
    return habit and min(values) > 0 and max(values) / min(values) >= 20


def _on_log(name: str, spec: Spec) -> bool:
    return bool(spec.log) if isinstance(spec, Range) else searched_on_log(name, spec)
