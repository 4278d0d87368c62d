"""The contract between the worker and whatever trains: a child process with one slot, a packed engine, a Ray cluster.

A runner owns one base model and one data set for one job. It has `slots` places, known for good from Ready on; each
holds at most one trial.
Training never runs in the worker's own process, so that a CUDA crash or an OOM kill cannot take the worker with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tuner.events import Cause, TestResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a runner loads once. Survives JSON, because it crosses a process boundary."""

    model: str
    """`ModelCard.source`: a folder or a hub id."""
    examples: str
    """Path of the data set's examples (tuner.data.examples: one JSON object a line)."""
    split_seed: int
    split: tuple[int, int, int]
    """Examples for training, validation, sealed test: `tuner.data.split.split` finds the same rows from these."""
    general_chat: int
    """Examples of general chat in each epoch."""
    metric: str
    checkpoints: str
    """Folder in which each trial writes its adapter, one sub-folder a trial."""
    slots: int = 1
    """Trials to train side by side; 0: as many as suit the device and the model (`tuner.runners.slots`)."""
    runs: int = 1
    """How many runs may ever be under way at once: with `slots` 0, more places than that are of no use."""
    chat_share: float = 0.0
    """Share of a GPU's memory that is left to the chat, 0.0 to 1.0."""
    manifest: Mapping[str, Any] = field(default_factory=dict)
    """Facts that every checkpoint's manifest repeats: base model, data hash, plan hash, job, team's language …"""


StopAs = Literal["pruned", "stopped", "parked"]
"""What becomes of a trial that is stopped: given up, ended with what it has learnt, or put aside to go on later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSpec:
    number: int
    settings: Mapping[str, Any]
    """Every knob."""
    parked: bool = False
    """It was parked, and goes on where it stood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The model and the data are loaded; trials may be started."""

    device: str
    device_name: str
    slots: int = 1
    """Places for trials from now on; never more than `Setup.slots` where that names a number."""
    alone: str = ""
    """Why trials are trained one at a time although more were wanted; empty when they are not."""
    parks: bool = False
    """Trials can be put aside and go on later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """The memory did not hold so many trials' step at once: it was made again in parts, and no trial is lost. From now
    on at most `now` of them train in one go; the slots stay."""

    together: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """At most about twice a second a trial; the last step of a trial is always reported."""

    number: int
    step: int
    steps: int
    train_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """Token-weighted validation loss after `step`; comes after the StepDone of that step."""

    number: int
    step: int
    steps: int
    valid_loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnded:
    """The last word about a trial, or about one that is parked the last for now; its slot is free when this arrives."""

    number: int
    outcome: Literal["complete", "pruned", "stopped", "parked", "failed"]
    cause: Cause
    error: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Validation scores (loss, perplexity, token_accuracy, accuracy, chrf, rouge, bleu, general_chat_accuracy)."""
    checkpoint: str | None = None
    """Sub-folder of `Setup.checkpoints`; None when nothing usable was learnt."""
    seconds: float = 0.0
    tokens: int = 0
    """Real (not padding) tokens trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Answer to `score`."""

    result: TestResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The runner itself is gone or cannot load what it was given. Nothing follows. Trials under way are lost."""

    key: str
    """Key of a sentence under problems: `runner.model_missing`, `runner.died`, `runner.disk_full` …"""
    facts: Mapping[str, Any]
    error: str = ""


RunnerEvent = Ready | Narrowed | StepDone | Validated | TrialEnded | Scored | Broken


class Runner(Protocol):
    """Contract. `events()` is read by one task for the runner's whole life, in the order in which things happened.

    `start` on a slot that is not free raises ValueError. `stop` of a trial that is not running does nothing; a running
    one ends with `TrialEnded(outcome=as_outcome)` and keeps its adapter when as_outcome is "stopped" and it learnt
    something. Where Ready says that the runner `parks`, a trial that is stopped as "parked" waits in a file
    (tuner/checkpoints/parked.py), if the disk takes it, until it is started again, in any slot of any runner of the
    same job, or is forgotten with its file: its course and its end are those that it would have had without waiting.
    One trial's failure, NaN or stop changes nothing for the others. `score` opens the sealed test: the caller promises
    to ask once a subject. `close` ends the child within `timeout_s`, by force if need be, and may be called twice.
    Cancelling a caller cancels nothing inside the child.
    """

    slots: int

    async def start(self, slot: int, trial: TrialSpec) -> None: ...

    async def stop(self, number: int, as_outcome: StopAs) -> None: ...

    async def score(self, subject: str, trial: int | None, checkpoint: str | None) -> None: ...

    def events(self) -> AsyncIterator[RunnerEvent]: ...

    async def close(self, timeout_s: float = 10.0) -> None: ...
