"""A recorded search as the findings see it: trials, space and which way is better. Knows no store and no sentence."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeGuard

from tuner.events import TestResult, TrialRecord
from tuner.plan.knobs import KNOBS
from tuner.plan.plan import MAXIMISED
from tuner.plan.space import Choices, Range, Settings, Spec, Value
from tuner.repeats import confirmed_best
from tuner.store.records import Job

RISEN = 1.5
"""A loss this many times its first one means that training broke down."""
BROKEN = frozenset({"diverged", "nan"})
"""Causes that mean that the training itself broke down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything a finding may be computed from."""

    number: int
    """The job's number, as people say it."""
    model: str
    metric: str
    maximise: bool
    planned: int
    """Tries in all, trial 0 included."""
    state: Literal["finished", "stopped", "running"]
    space: Mapping[str, Spec]
    defaults: Settings
    trials: tuple[TrialRecord, ...]
    """By number."""
    tests: tuple[TestResult, ...]
    general_chat: int = 0
    ran_s: float = 0.0
    recommended: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    log_by_name: Mapping[str, bool] = field(default_factory=dict)
    recorded: bool = False
    """True for a recording from a file: there is no model to talk with and no job to extend."""
    spelled: Mapping[str, str] = field(default_factory=dict)
    """Knobs that the recording calls otherwise -> its name."""
    repeats: tuple[TrialRecord, ...] = ()
    """Runs of some trials' settings with other seeds, after the search: no trials."""
    chosen: int | None = None
    """Number of the trial that the repeats confirmed as the best; None: the best value decides."""

    @property
    def searched(self) -> tuple[str, ...]:
        return tuple(self.space)

    @property
    def complete(self) -> tuple[TrialRecord, ...]:
        """Trials that ran to their end with a usable value."""
        return tuple(trial for trial in self.trials if trial.state == "complete" and finite(trial.value))

    @property
    def ended(self) -> tuple[TrialRecord, ...]:
        return tuple(trial for trial in self.trials if trial.state != "running")

    @property
    def best(self) -> TrialRecord | None:
        """The confirmed best; without one the complete trial with the best value; of equals the earliest."""
        confirmed = next((trial for trial in self.complete if trial.number == self.chosen), None)
        return confirmed or min(self.complete, key=lambda trial: (self.cost(trial), trial.number), default=None)

    def without(self, number: int) -> Study:
        """The same study as if trial `number` had never been."""
        return dataclasses.replace(self, trials=tuple(trial for trial in self.trials if trial.number != number))

    def cost(self, trial: TrialRecord) -> float:
        """The trial's value turned so that less is better. The trial must have a finite value."""
        assert trial.value is not None
        return -trial.value if self.maximise else trial.value

    def trial(self, number: int) -> TrialRecord | None:
        return next((trial for trial in self.trials if trial.number == number), None)

    def test(self, subject: str) -> TestResult | None:
        return next((result for result in self.tests if result.subject == subject), None)

    def is_log(self, name: str) -> bool:
        return self.log_by_name.get(name, False)

    def is_numeric(self, name: str) -> bool:
        """True when the values of `name` can be put in order: a range, or a list of numbers only."""
        spec = self.space.get(name)
        if isinstance(spec, Choices):
            return all(is_number(value) for value in spec.values)
        return spec is not None

    def axis(self, name: str, value: Value) -> float:
        """Where `value` lies on the scale on which `name` was searched."""
        number = float(value)
        return math.log10(number) if self.is_log(name) and number > 0 else number


def broke_down(trial: TrialRecord) -> bool:
    """True when learning itself broke: given up for it, or run to an end at which the loss was far above its start."""
    if trial.state == "failed":
        return trial.cause in BROKEN
    if trial.state != "complete":
        return False
    losses = [valid for _, _, valid in trial.curve if finite(valid)]
    losses = losses or [train for _, train, _ in trial.curve if finite(train)]
    return len(losses) > 1 and losses[-1] > RISEN * max(losses[0], 0.0) and losses[-1] > 0


def is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def finite(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def study_of(
    job: Job, trials: Sequence[TrialRecord], tests: Sequence[TestResult], repeats: Sequence[TrialRecord] = ()
) -> Study:
    """Promises the study of a stored job, whatever state it is in."""
    plan = job.plan
    state: Literal["finished", "stopped", "running"]
    match job.state:
        case "finished":
            state = "finished"
        case "stopped" | "failed":
            state = "stopped"
        case _:
            state = "running"
    return Study(
        number=job.number, model=plan.model, metric=plan.metric, maximise=plan.metric in MAXIMISED,
        planned=plan.trials, state=state, space=dict(plan.space), defaults=dict(plan.defaults),
        trials=tuple(sorted(trials, key=lambda trial: trial.number)), tests=tuple(tests),
        general_chat=plan.general_chat, ran_s=job.ran_s,
        log_by_name={name: searched_on_log(name, spec) for name, spec in plan.space.items()},
        repeats=tuple(sorted(repeats, key=lambda repeat: repeat.number)),
        chosen=confirmed_best(plan, trials, repeats),
    )


def searched_on_log(name: str, spec: Spec) -> bool:
    """True when `spec` says so, or says nothing and the knob is tried on a logarithmic scale by habit."""
    habit = name in KNOBS and KNOBS[name].log
    if isinstance(spec, Range):
        return habit if spec.log is None else spec.log
    if isinstance(spec, Choices):
        return habit and all(isinstance(value, int | float) and value > 0 for value in spec.values)
    return False


def median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def rounded(value: float, digits: int = 4) -> float:
    """`value` to `digits` significant digits: facts are for reading, and the same on every machine."""
    if not math.isfinite(value) or value == 0:
        return 0.0
    return float(f"{value:.{digits}g}")


def neat_between(low: float, high: float) -> float:
    """The number with the fewest significant digits that lies strictly between (else at the middle of) the two."""
    middle = math.sqrt(low * high) if low > 0 else (low + high) / 2
    for digits in (1, 2, 3):
        value = float(f"{middle:.{digits}g}")
        if low < value < high:
            return value
    return rounded(middle, 6)
