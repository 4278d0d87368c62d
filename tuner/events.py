"""What happens to a job, as it is stored and read back: small facts, and the Report at the end. No sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

TrialState = Literal["running", "complete", "pruned", "failed", "stopped"]
Cause = Literal["", "diverged", "nan", "out_of_memory", "bad_data", "crashed", "pruned", "stopped", "worker_lost"]
Strength = Literal["strong", "weak", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStarted:
    """A worker took the job up, for the first time or again after a loss or a pause."""

    device: str
    """`cpu`, `mps` or the GPU's name."""
    again: bool
    slots: int = 1
    """Tries that are trained side by side."""
    alone: str = ""
    """Why they are trained one at a time although more were wanted; empty when they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackNarrowed:
    """The memory did not hold so many tries side by side, or the process that trained them died: they go on with fewer
    at a time. No try is lost."""

    together: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStarted:
    number: int
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialProgress:
    """Written at most about twice a second a trial."""

    number: int
    step: int
    steps: int
    train_loss: float | None = None
    valid_loss: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialParked:
    """It waits until others have come as far; its next TrialProgress says that it goes on."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFinished:
    number: int
    state: TrialState
    value: float | None
    """The plan's metric on the validation split."""
    cause: Cause
    best: bool
    """True when no finished trial is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatStarted:
    """After the search: the settings of one of the best trials, or the defaults, run again with another seed."""

    number: int
    """The repeat's own, far above every trial's (tuner.repeats)."""
    repeat_of: int
    done: int
    """Repeats that had ended by then."""
    repeats: int
    """Repeats in all, as things stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatFinished:
    number: int
    repeat_of: int
    state: TrialState
    value: float | None
    cause: Cause
    done: int
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TestScored:
    """The sealed test was opened for `subject`, once, after the search."""

    __test__ = False

    subject: str
    """`base`, `default` or `best`."""
    right: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPaused:
    trials_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VotesWanted:
    """People are asked to compare answers of the tries so far, so that the search knows where to go on."""

    wanted: int
    """Comparisons in all, those before counted."""
    compared: int
    """How many there were then."""
    tries: int
    """Trained so far, the defaults among them."""
    is_reminder: bool = False
    """The job has been waiting for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAwaitsVotes:
    """The worker let go of the job; it goes on by itself when the votes are there."""

    wanted: int
    compared: int
    trials_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed:
    """The job itself cannot go on: the model does not load, the disk is full."""

    key: str
    """Key of a sentence under problems."""
    facts: Mapping[str, Any]
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that the study shows, with the numbers behind it."""

    kind: str
    strength: Strength
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial as it is stored; what analysis, search and reports read."""

    number: int
    settings: Mapping[str, Any]
    state: TrialState
    value: float | None = None
    cause: Cause = ""
    error: str = ""
    """What the log says of a crash; never shown to a person whole."""
    curve: tuple[tuple[int, float | None, float | None], ...] = ()
    """(step, train loss, validation loss) in order; None where it was not measured at that step."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Validation scores: loss, perplexity, token_accuracy, accuracy, chrf, rouge, bleu, general_chat_accuracy …"""
    seconds: float = 0.0
    checkpoint: str | None = None
    """Folder of the adapter, relative to the team's checkpoints."""
    repeat_of: int | None = None
    """The trial whose settings this run repeats with another seed; None for a trial of the search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """Scores of one subject on the sealed test, example by example in the same order for every subject."""

    __test__ = False

    subject: str
    """`base`, `default` or `best`."""
    trial: int | None
    rows: tuple[int, ...]
    """Row numbers in the person's file."""
    right: tuple[bool, ...]
    losses: tuple[float, ...]
    answers: tuple[str, ...]
    questions: tuple[str, ...] = ()
    """What was asked, in the same order."""
    references: tuple[str, ...] = ()
    """The answers in the person's file, in the same order."""
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All facts about a job's outcome. Made again from the same store, it is the same byte for byte."""

    job: int
    model: str
    metric: str
    maximise: bool
    findings: tuple[Finding, ...]
    trials: tuple[TrialRecord, ...]
    test: tuple[TestResult, ...]
    searched: tuple[str, ...]
    """Names of the searched knobs."""
    log_knobs: tuple[str, ...] = ()
    """Those of them that were searched on a logarithmic scale."""
    repeats: tuple[TrialRecord, ...] = ()
    """Runs of the best settings and the defaults with other seeds, after the search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFinished:
    reason: Literal["done", "stopped", "time"]
    report: Report


Event = (
    JobStarted
    | PackNarrowed
    | TrialStarted
    | TrialProgress
    | TrialParked
    | TrialFinished
    | RepeatStarted
    | RepeatFinished
    | TestScored
    | JobPaused
    | VotesWanted
    | JobAwaitsVotes
    | JobFailed
    | StudyFinished
)

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        JobStarted,
        PackNarrowed,
        TrialStarted,
        TrialProgress,
        TrialParked,
        TrialFinished,
        RepeatStarted,
        RepeatFinished,
        TestScored,
        JobPaused,
        VotesWanted,
        JobAwaitsVotes,
        JobFailed,
        StudyFinished,
    )
}


def event_to_json(event: Event) -> dict[str, Any]:
    """Promises a JSON object whose `kind` is the event's class name."""
    return {"kind": type(event).__name__, **dataclasses.asdict(event)}


def event_from_json(value: Mapping[str, Any]) -> Event:
    """The reverse of `event_to_json`. Raises KeyError for a kind that this version does not know."""
    fields = {key: part for key, part in value.items() if key != "kind"}
    if value["kind"] == "StudyFinished":
        fields["report"] = report_from_json(fields["report"])
    event: Event = _KINDS[value["kind"]](**fields)
    return event


def trial_from_json(value: Mapping[str, Any]) -> TrialRecord:
    fields = dict(value)
    fields["curve"] = tuple((step, train, valid) for step, train, valid in value.get("curve", ()))
    return TrialRecord(**fields)


def test_result_from_json(value: Mapping[str, Any]) -> TestResult:
    fields = dict(value)
    for name in ("rows", "right", "losses", "answers", "questions", "references"):
        fields[name] = tuple(value.get(name, ()))
    return TestResult(**fields)


test_result_from_json.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it where it is imported


def report_to_json(report: Report) -> dict[str, Any]:
    return dataclasses.asdict(report)


def report_from_json(value: Mapping[str, Any]) -> Report:
    fields = dict(value)
    fields["findings"] = tuple(Finding(**finding) for finding in value["findings"])
    fields["trials"] = tuple(trial_from_json(trial) for trial in value["trials"])
    fields["test"] = tuple(test_result_from_json(result) for result in value["test"])
    fields["searched"] = tuple(value["searched"])
    fields["log_knobs"] = tuple(value.get("log_knobs", ()))
    fields["repeats"] = tuple(trial_from_json(repeat) for repeat in value.get("repeats", ()))
    return Report(**fields)
