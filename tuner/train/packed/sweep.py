"""Trials in the slots of a pack, from settings to checkpoint. Whatever happens to one, the others go on.

The same outcomes as tuner/train/trial.py gives one trial at a time. Knows no process.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Any, TypeVar

import torch

from tuner.data.render import Encoded
from tuner.evaluate.losses import Losses, Stopped, losses
from tuner.train.bench import Bench
from tuner.train.course import Course, Progress, Wish
from tuner.train.health import TrialBrokeError, lacks_memory
from tuner.train.lessons import Micro
from tuner.train.packed.fresh import carried
from tuner.train.packed.memory import Costs, budget_bytes, plan_memory
from tuner.train.packed.pack import Pack
from tuner.train.packed.probe import fitted
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

Found = TypeVar("Found")

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class _Runs:
    number: int
    settings: Mapping[str, Any]
    course: Course
    began: float
    turns: int = 0


@dataclass(frozen=True, kw_only=True)
class _Waits:
    """A trial for which the memory has no room beside those under way."""

    number: int
    settings: Mapping[str, Any]
    beside: int


class Sweep:
    """Trials side by side on a bench. `turn` is called again and again by one thread."""

    def __init__(self, bench: Bench, slots: int, tell: Callable[[int, Progress], None],
                 ended: Callable[[int, TrialOutcome], None], wish: Callable[[int], Wish], *,
                 tokens_at_once: int | None = None, memory_bytes: int | None = None, rank: int = 64,
                 narrowed: Callable[[int, int], None] = lambda _together, _now: None,
                 now: Callable[[], float] = time.time) -> None:
        """`tell` and `ended` get a trial's number first; a slot is free when `ended` is called.

        With `tokens_at_once` there are `slots` slots and passes of so many tokens. Without, slots (never more) and
        tokens are planned so that adapters of up to `rank` take at most `memory_bytes`, by default half of what is
        free. `narrowed` gets how many trials the memory did not hold together all the same, and how many at most are
        tried together from then on; all of them go on.

        Raises CannotPackError when the bench's model takes one trial at a time only.
        """
        self._bench, self._rank = bench, rank
        self._costs: Costs | None = None
        self._memory_bytes = budget_bytes(bench.base.device) if memory_bytes is None else memory_bytes
        if tokens_at_once is None:
            self._costs, slots, tokens_at_once = fitted(bench.base, slots, rank, self._memory_bytes)
            log.info("%d trials side by side, %d tokens at once", slots, tokens_at_once)
        self.slots, self._tokens_at_once, self._trials_at_once = slots, tokens_at_once, slots
        self._pack = Pack(bench.base, slots)
        self._tell, self._told_end, self._wish, self._narrowed, self._now = tell, ended, wish, narrowed, now
        self._runs: dict[int, _Runs] = {}
        self._waiting: dict[int, _Waits] = {}

    @property
    def is_idle(self) -> bool:
        return not self._runs and not self._waiting

    def start(self, slot: int, number: int, settings: Mapping[str, Any]) -> None:
        """Promises a trial in the slot, or its outcome. Raises ValueError when the slot is not free."""
        if held := self._runs.get(slot) or self._waiting.get(slot):
            raise ValueError(f"a slot holds one trial, slot {slot} holds trial {held.number}")
        began = time.monotonic()
        with self._outcomes(slot, number, began):
            if self._wish(number):
                raise Stopped
            chosen = TrialSettings.from_mapping(settings)
            course = course_of(self._bench, chosen, lambda at: self._tell(number, at), lambda: self._wish(number))
            if not self._finds_room(slot, chosen):
                self._waiting[slot] = _Waits(number=number, settings=settings, beside=len(self._runs))
                self._narrowed(len(self._runs) + 1, len(self._runs))
                return
            behind = min((run.turns for run in self._runs.values()), default=0)
            self._runs[slot] = _Runs(number=number, settings=settings, course=course, began=began, turns=behind)

    def _finds_room(self, slot: int, chosen: TrialSettings) -> bool:
        """Places the trial, unless the memory holds it only once others have ended."""
        if self._costs is not None and chosen.lora_rank > self._rank:
            costs, self._rank = self._costs.of_rank(chosen.lora_rank / self._rank), chosen.lora_rank
            self._costs, found = costs, plan_memory(costs, self._memory_bytes, self.slots, self._tokens_at_once)
            self._tokens_at_once = found.tokens if found is not None and found.slots == self.slots else 1
        try:
            self._pack.place(slot, chosen)
        except Exception as error:
            if not (self._runs and lacks_memory(error)):
                raise
        else:
            return True
        self._pack.clear(slot)
        self._free()
        return False

    def turn(self) -> None:
        """One micro-batch of as many trials as fit, fewest turns first, and whatever becomes due by it.

        Raises CheckpointWriteError only.
        """
        for slot, late in list(self._waiting.items()):
            if self._wish(late.number) or len(self._runs) < late.beside:
                del self._waiting[slot]
                self.start(slot, late.number, late.settings)
        for slot, run in list(self._runs.items()):
            if wish := self._wish(run.number):
                with self._outcomes(slot, run.number, run.began):
                    self._end(slot, run, wish)
        shares = self._pack.gradients(work, self._too_much) if (work := self._next_work()) else {}
        for slot, share in shares.items():
            run = self._runs[slot]
            with self._outcomes(slot, run.number, run.began):
                if isinstance(share, Exception):
                    if lacks_memory(share):
                        share.args = (f"{_size(work[slot])}: {share}",)
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
                if work and (room < 0 or len(work) == self._trials_at_once):
                    break
                run.turns += 1
                work[slot] = micro
        return work

    def _too_much(self, trials: int, tokens: int) -> None:
        log.warning("the memory did not hold %d trials with %d tokens at once: fewer from now on", trials, tokens)
        self._tokens_at_once = max(1, min(self._tokens_at_once, tokens) // 2)
        self._trials_at_once = min(self._trials_at_once, -(-trials // 2))
        self._narrowed(trials, self._trials_at_once)

    def _advance(self, whole: list[int]) -> None:
        """The optimiser step of these slots, and what follows it."""
        if not whole:
            return
        norms, rates = self._sparing(self._pack.norms, whole), {}
        for slot in norms:
            run = self._runs[slot]
            with self._outcomes(slot, run.number, run.began):
                rates[slot] = run.course.rate(norms[slot])

        def step(slots: Sequence[int]) -> dict[int, float]:
            chosen = {slot: rates[slot] for slot in slots}
            self._pack.advance(chosen, norms)
            return chosen

        for slot in self._sparing(step, list(rates)):
            run = self._runs[slot]
            with self._outcomes(slot, run.number, run.began):
                self._after_step(slot, run)

    def _sparing(self, work: Callable[[Sequence[int]], dict[int, float]], slots: Sequence[int]) -> dict[int, float]:
        """`work` for all slots together; where the memory is short of that, for one after the other."""
        try:
            return work(slots)
        except Exception as error:
            if not lacks_memory(error):
                raise
        self._free()
        found: dict[int, float] = {}
        for slot in slots:
            run = self._runs[slot]
            with self._outcomes(slot, run.number, run.began):
                found |= work([slot])
        return found

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

        def measure() -> Losses:
            with self._pack.alone(slot):
                return losses(base.model, examples, base.device, base.layout, lambda: bool(self._wish(run.number)))

        return self._again(measure)

    def _again(self, work: Callable[[], Found]) -> Found:
        """Once more with all memory that can be freed, where it was short."""
        try:
            return work()
        except Exception as error:
            if not lacks_memory(error):
                raise
        self._free()
        return work()

    def _end(self, slot: int, run: _Runs, wish: Wish) -> None:
        """Scores, saves and tells; raises what `_outcomes` makes an outcome of."""
        trained = run.course.ended(wish)

        def scored() -> tuple[dict[str, Any], Wish]:
            with self._pack.alone(slot):
                return trial_scores(self._bench, trained, lambda: self._wish(run.number))

        scores, ended = self._again(scored)
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

    def _free(self) -> None:
        gc.collect()
        if self._bench.base.device.type == "cuda":
            torch.cuda.empty_cache()


def _size(micro: Micro) -> str:
    return f"a batch of {len(micro.examples)} examples of up to {max(len(one.ids) for one in micro.examples)} tokens"
