"""The child's work: loads what a Setup names, runs trials, opens the sealed test, tells what happens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from pathlib import Path
from typing import Any

from tuner.problems import Problem, ProblemError
from tuner.runners.base import Narrowed, Ready, RunnerEvent, Scored, Setup, StepDone, TrialEnded, TrialSpec, Validated
from tuner.runners.child_inbox import Inbox
from tuner.runners.slots import slots_for
from tuner.runners.wire import Score
from tuner.train.bench import Bench, load_splits
from tuner.train.course import Progress
from tuner.train.model import choose_threads, is_small, load_base, saved_adapter
from tuner.train.packed.memory import budget_bytes, peak_bytes
from tuner.train.scoring import score_sealed_test
from tuner.train.trial import TrialOutcome, run_trial

log = logging.getLogger(__name__)


class Work:
    """One bench for the child's whole life."""

    def __init__(self, setup: Setup, tell: Callable[[RunnerEvent], None], inbox: Inbox) -> None:
        """Raises ProblemError when the model or the data cannot be loaded."""
        self._tell, self._inbox, self.setup = tell, inbox, setup
        try:
            splits = load_splits(Path(setup.examples), setup.split, setup.split_seed, setup.general_chat)
        except (OSError, ValueError, KeyError) as error:
            raise ProblemError([Problem(key="runner.data_missing", facts={})]) from error
        base = load_base(setup.model)
        choose_threads(base)
        self.bench = Bench(base=base, splits=splits, metric=setup.metric, checkpoints=Path(setup.checkpoints),
                           manifest=dict(setup.manifest))

    def moved(self, tell: Callable[[RunnerEvent], None], inbox: Inbox) -> Work:
        """Promises the same bench for another parent."""
        other = copy(self)
        other._tell, other._inbox = tell, inbox
        return other

    @property
    def slots(self) -> int:
        """Trials to train side by side: as many as were asked for, else as many as suit the device."""
        weights = sum(weight.numel() for weight in self.bench.base.model.parameters())
        base = self.bench.base
        return self.setup.slots or slots_for(base.device.type, weights, self.setup.runs, is_small=is_small(base))

    @property
    def memory_bytes(self) -> int:
        """What trials may take of the device's memory: the chat's share of a GPU is left out."""
        return budget_bytes(self.bench.base.device, self.setup.chat_share)

    def ready(self, slots: int = 1, alone: str = "", *, parks: bool = False) -> None:
        """Tells that trials may be started in so many places; `alone`: why one at a time although more were wanted."""
        base = self.bench.base
        self._tell(Ready(device=base.device.type, device_name=base.device_name, slots=slots, alone=alone, parks=parks))

    def narrowed(self, together: int, now: int) -> None:
        """Tells that the memory holds only `now` of these trials at once."""
        self._tell(Narrowed(together=together, now=now))

    def run(self, trial: TrialSpec) -> None:
        """Promises a TrialEnded, unless the parent closes meanwhile. Raises CheckpointWriteError for a full disk."""
        number = trial.number
        self.ended(number, run_trial(self.bench, number, trial.settings, lambda at: self.progress(number, at),
                                     lambda: self._inbox.ending(number)))

    def progress(self, number: int, at: Progress) -> None:
        if at.valid_loss is None:
            self._tell(StepDone(number=number, step=at.step, steps=at.steps, train_loss=at.train_loss))
        else:
            self._tell(Validated(number=number, step=at.step, steps=at.steps, valid_loss=at.valid_loss))

    def ended(self, number: int, ended: TrialOutcome) -> None:
        """Tells the last word about a trial, unless the parent closes."""
        self._inbox.forget(number)
        if self._inbox.closing:
            return
        metrics = {**ended.metrics, "peak_memory_bytes": peak_bytes(self.bench.base.device)}
        self._tell(TrialEnded(
            number=number, outcome=ended.outcome, cause=ended.cause, error=ended.error, metrics=metrics,
            checkpoint=ended.checkpoint, seconds=ended.seconds, tokens=ended.tokens,
        ))

    def score(self, asked: Score) -> None:
        """Promises a Scored for the base model (`checkpoint` None) or a trial's adapter."""
        base = self.bench.base
        place: Any = nullcontext()
        if asked.checkpoint is not None:
            place = saved_adapter(base, self.bench.checkpoints / asked.checkpoint)
        with place:
            result = score_sealed_test(self.bench, asked.subject, asked.trial)
        self._tell(Scored(result=result))
