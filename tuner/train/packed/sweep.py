"""Trials in the slots of a pack, from settings to checkpoint. Whatever happens to one, the others go on.

The same outcomes as tuner/train/trial.py gives one trial at a time. Knows no process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any

import torch

from tuner.data.render import Encoded
from tuner.evaluate.losses import Losses, Stopped, losses
from tuner.train.bench import Bench
from tuner.train.course import Course, Progress, Wish
from tuner.train.health import TrialBrokeError
from tuner.train.lessons import Micro
from tuner.train.packed.fresh import carried
from tuner.train.packed.memory import free_bytes, tokens_in_flight
from tuner.train.packed.pack import Pack
from tuner.train.settings import TrialSettings
from tuner.train.trial import (
    CheckpointWriteError,
    TrialOutcome,
    cause_of,
    course_of,
    save_trial,
    short_error,
    trial_scores,
)

TOKENS_AT_ONCE = 4096
"""Tokens of one forward pass at most. Measured on one core: from 500 on a token costs the same."""

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class _Runs:
    number: int
    settings: Mapping[str, Any]
    course: Course
    began: float
    turns: int = 0


class Sweep:
    """`slots` trials side by side on a bench. `turn` is called again and again by one thread."""

    def __init__(self, bench: Bench, slots: int, tell: Callable[[int, Progress], None],
                 ended: Callable[[int, TrialOutcome], None], wish: Callable[[int], Wish],
                 tokens_at_once: int | None = None, now: Callable[[], float] = time.time) -> None:
        """`tell` and `ended` get a trial's number first; a slot is free when `ended` is called. Without
        `tokens_at_once`, as many as the free memory holds.

        Raises CannotPackError when the bench's model takes one trial at a time only.
        """
        self._bench, self._pack = bench, Pack(bench.base, slots)
        self._tell, self._told_end, self._wish, self._now = tell, ended, wish, now
        self._tokens_at_once = tokens_at_once or tokens_in_flight(
            free_bytes(bench.base.device), self._pack.bytes_a_token(), TOKENS_AT_ONCE)
        self._runs: dict[int, _Runs] = {}

    @property
    def is_idle(self) -> bool:
        return not self._runs

    def start(self, slot: int, number: int, settings: Mapping[str, Any]) -> None:
        """Promises a trial in the slot, or its outcome. Raises ValueError when the slot is not free."""
        if slot in self._runs:
            raise ValueError(f"a slot holds one trial, slot {slot} holds trial {self._runs[slot].number}")
        began = time.monotonic()
        with self._outcomes(slot, number, began):
            chosen = TrialSettings.from_mapping(settings)
            course = course_of(self._bench, chosen, lambda at: self._tell(number, at), lambda: self._wish(number))
            self._pack.place(slot, chosen)
            behind = min((run.turns for run in self._runs.values()), default=0)
            self._runs[slot] = _Runs(number=number, settings=settings, course=course, began=began, turns=behind)

    def turn(self) -> None:
        """One micro-batch of as many trials as fit, fewest turns first, and whatever becomes due by it.

        Raises CheckpointWriteError only.
        """
        for slot, run in list(self._runs.items()):
            if wish := self._wish(run.number):
                with self._outcomes(slot, run.number, run.began):
                    self._end(slot, run, wish)
        shares = self._pack.gradients(work) if (work := self._next_work()) else {}
        for slot, share in shares.items():
            run = self._runs[slot]
            with self._outcomes(slot, run.number, run.began):
                if isinstance(share, Exception):
                    raise share
                run.course.took(share)
        self._advance([slot for slot in shares if slot in self._runs and self._runs[slot].course.is_whole])

    def _next_work(self) -> dict[int, Micro]:
        work: dict[int, Micro] = {}
        room = self._tokens_at_once
        for slot, run in sorted(self._runs.items(), key=lambda item: (item[1].turns, item[0])):
            with self._outcomes(slot, run.number, run.began):
                micro = run.course.micro()
                room -= sum(len(example.ids) for example in micro.examples)
                if work and room < 0:
                    break
                run.turns += 1
                work[slot] = micro
        return work

    def _advance(self, whole: list[int]) -> None:
        """The optimiser step of these slots, and what follows it."""
        if not whole:
            return
        norms, rates = self._pack.norms(), {}
        for slot in whole:
            run = self._runs[slot]
            with self._outcomes(slot, run.number, run.began):
                rates[slot] = run.course.rate(norms[slot])
        self._pack.advance(rates, norms)
        for slot in rates:
            run = self._runs[slot]
            with self._outcomes(slot, run.number, run.began):
                self._after_step(slot, run)

    def _after_step(self, slot: int, run: _Runs) -> None:
        course = run.course
        course.stepped()
        try:
            if course.validates:
                course.validated(self._measure(slot, run, course.valid))
            if known := course.end_epoch():
                course.heard(self._measure(slot, run, known))
        except Stopped:
            return self._end(slot, run, self._wish(run.number))
        course.go_on()
        if course.is_finished:
            self._end(slot, run, "")
        return None

    def _measure(self, slot: int, run: _Runs, examples: Sequence[Encoded]) -> Losses:
        """Of the trial as it stands. Raises Stopped: a wish cuts it short."""
        base = self._bench.base
        with self._pack.alone(slot):
            return losses(base.model, examples, base.device, base.layout, stop=lambda: bool(self._wish(run.number)))

    def _end(self, slot: int, run: _Runs, wish: Wish) -> None:
        """Scores, saves and tells; raises what `_outcomes` makes an outcome of."""
        trained = run.course.ended(wish)
        with self._pack.alone(slot):
            scores, ended = trial_scores(self._bench, trained, lambda: self._wish(run.number))
        outcome = TrialOutcome(outcome=ended or "complete", cause=ended, metrics=scores, tokens=trained.tokens)
        if ended != "pruned" and trained.step:
            name = f"trial-{run.number}"
            with carried(self._bench.base, run.course.settings, self._pack.weights(slot)) as adapted:
                save_trial(self._bench, adapted, name, run.number, run.settings, scores, self._now())
            outcome = replaced(outcome, checkpoint=name)
        self._leave(slot, run.number, run.began, outcome)

    @contextmanager
    def _outcomes(self, slot: int, number: int, began: float) -> Iterator[None]:
        """Makes an outcome of what goes wrong with one trial."""
        try:
            yield
        except CheckpointWriteError:
            raise
        except Stopped:
            wish = self._wish(number) or "stopped"
            self._leave(slot, number, began, TrialOutcome(outcome=wish, cause=wish))
        except Exception as error:
            cause = cause_of(error)
            if cause == "crashed":
                log.exception("trial %d crashed", number)
            elif not isinstance(error, TrialBrokeError):
                log.warning("trial %d: %s", number, short_error(error))
            self._leave(slot, number, began, TrialOutcome(outcome="failed", cause=cause, error=short_error(error)))

    def _leave(self, slot: int, number: int, began: float, outcome: TrialOutcome) -> None:
        self._runs.pop(slot, None)
        self._pack.clear(slot)
        if self._bench.base.device.type == "cuda":
            torch.cuda.empty_cache()
        self._told_end(number, replaced(outcome, seconds=time.monotonic() - began))
