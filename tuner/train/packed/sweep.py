"""Trials in the slots of a pack, from settings to checkpoint. Whatever happens to one, the others go on.

The same outcomes as tuner/train/trial.py gives one trial at a time. Knows no process.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace as replaced
from typing import Any, TypeVar

import torch

from tuner.data.render import Encoded
from tuner.evaluate.losses import Losses, Stopped, losses
from tuner.train.bench import Bench
from tuner.train.course import Progress, Wish
from tuner.train.health import TrialBrokeError, lacks_memory
from tuner.train.lessons import Micro
from tuner.train.packed.fresh import carried
from tuner.train.packed.memory import Costs, budget_bytes, plan_memory
from tuner.train.packed.pack import Pack
from tuner.train.packed.parking import park, unpark
from tuner.train.packed.passes import Passes
from tuner.train.packed.places import Run, Waits, size_of
from tuner.train.packed.probe import RANK, fitted
from tuner.train.settings import TrialSettings
from tuner.train.trial import (
    CheckpointWriteError,
    TrialOutcome,
    cause_of,
    course_of,
    how_it_ended,
    save_trial,
    short_error,
    trial_scores,
)

Found = TypeVar("Found")

log = logging.getLogger(__name__)


class Sweep:
    """Trials side by side on a bench. `turn` is called again and again by one thread."""

    def __init__(self, bench: Bench, slots: int, tell: Callable[[int, Progress], None],
                 ended: Callable[[int, TrialOutcome], None], wish: Callable[[int], Wish], *,
                 tokens_at_once: int | None = None, memory_bytes: int | None = None, rank: int = RANK,
                 costs: Costs | None = None,
                 narrowed: Callable[[int, int], None] = lambda _together, _now: None,
                 now: Callable[[], float] = time.time) -> None:
        """`tell` and `ended` get a trial's number first; a slot is free when `ended` is called.

        With `tokens_at_once` there are `slots` slots and passes of so many tokens. Without, slots (never more) and
        tokens are planned so that adapters of up to `rank` take at most `memory_bytes`, by default half of what is
        free, by `costs` if they are known; the first passes find out how many tokens pay. `narrowed` gets how many
        trials the memory did not hold together all the same, and how many at most are tried together from then on;
        all of them go on.

        Raises CannotPackError when the bench's model takes one trial at a time only.
        """
        self._bench, self._rank = bench, rank
        self._costs: Costs | None = None
        self._memory_bytes = budget_bytes(bench.base.device) if memory_bytes is None else memory_bytes
        if tokens_at_once is None:
            self._costs, slots, tokens_at_once = fitted(bench.base, slots, rank, self._memory_bytes, costs)
            log.info("%d trials side by side, at most %d tokens at once", slots, tokens_at_once)
        self.slots, self._pack = slots, Pack(bench.base, slots)
        self._passes = Passes(self._pack, tokens_at_once, narrowed, is_timed=self._costs is not None)
        self._tell, self._told_end, self._wish, self._narrowed, self._now = tell, ended, wish, narrowed, now
        self._runs: dict[int, Run] = {}
        self._waiting: dict[int, Waits] = {}

    @property
    def is_idle(self) -> bool:
        return not self._runs and not self._waiting

    def start(self, slot: int, number: int, settings: Mapping[str, Any], *, parked: bool = False) -> None:
        """Promises a trial in the slot, or its outcome; one that was `parked` goes on where it stood, whichever sweep
        parked it. Raises ValueError when the slot is not free."""
        if held := self._runs.get(slot) or self._waiting.get(slot):
            raise ValueError(f"a slot holds one trial, slot {slot} holds trial {held.number}")
        began = time.monotonic()
        with self._outcomes(slot, number, began):
            if self._ending(number):
                raise Stopped
            state = unpark(self._bench.checkpoints, number, self._bench.base.device) if parked else None
            self._begin(slot, Waits(number=number, settings=settings, beside=len(self._runs), began=began, state=state))

    def _begin(self, slot: int, new: Waits) -> None:
        number, state = new.number, new.state
        chosen = TrialSettings.from_mapping(new.settings)
        course = course_of(self._bench, chosen, lambda at: self._tell(number, at), lambda: self._ending(number),
                           state and state["course"])
        if not self._finds_room(slot, chosen, state and state["slot"]):
            self._waiting[slot] = replaced(new, beside=len(self._runs))
            self._narrowed(len(self._runs) + 1, len(self._runs))
            return
        behind = min((run.turns for run in self._runs.values()), default=0)
        self._runs[slot] = Run(number=number, settings=new.settings, course=course, turns=behind,
                               began=new.began - (state["seconds"] if state else 0.0))

    def _ending(self, number: int) -> Wish:
        """What ends the trial wherever it stands; one that is to be parked goes on to its next step first."""
        wish = self._wish(number)
        return "" if wish == "parked" else wish

    def _finds_room(self, slot: int, chosen: TrialSettings, state: Mapping[str, Any] | None) -> bool:
        """Places the trial, unless the memory holds it only once others have ended."""
        if self._costs is not None and chosen.lora_rank > self._rank:
            costs, self._rank = self._costs.of_rank(chosen.lora_rank / self._rank), chosen.lora_rank
            self._costs, found = costs, plan_memory(costs, self._memory_bytes, self.slots, self._passes.most)
            self._passes.limit(found.tokens if found is not None and found.slots == self.slots else 1)
        try:
            self._pack.place(slot, chosen, state)
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
            if self._ending(late.number) or len(self._runs) < late.beside:
                del self._waiting[slot]
                with self._outcomes(slot, late.number, late.began):
                    if self._ending(late.number):
                        raise Stopped
                    self._begin(slot, replaced(late, began=time.monotonic()))
        for slot, run in list(self._runs.items()):
            wish = self._wish(run.number)
            with self._outcomes(slot, run.number, run.began):
                if wish == "parked" and run.course.is_between and run.may_wait:
                    self._park(slot, run)
                elif wish and wish != "parked":
                    self._end(slot, run, wish)
        work = self._next_work()
        shares = self._passes.gradients(work, was_cut=len(work) < len(self._runs)) if work else {}
        for slot, share in shares.items():
            run = self._runs[slot]
            with self._outcomes(slot, run.number, run.began):
                if isinstance(share, Exception):
                    if lacks_memory(share):
                        share.args = (f"{size_of(work[slot])}: {share}",)
                    raise share
                run.course.took(share)
        self._advance([slot for slot in shares if slot in self._runs and self._runs[slot].course.is_whole])

    def _next_work(self) -> dict[int, Micro]:
        work: dict[int, Micro] = {}
        room = self._passes.tokens
        for slot, run in sorted(self._runs.items(), key=lambda item: (item[1].turns, item[0])):
            with self._outcomes(slot, run.number, run.began):
                micro = run.course.micro()
                room -= sum(len(example.ids) for example in micro.examples)
                if work and (room < 0 or len(work) == self._passes.trials):
                    break
                run.turns += 1
                work[slot] = micro
        return work

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

    def _after_step(self, slot: int, run: Run) -> None:
        course = run.course
        course.stepped()
        try:
            if course.validates:
                course.validated(self._measure(slot, run, course.valid))
            if known := course.end_epoch():
                course.heard(self._measure(slot, run, known))
        except Stopped:
            return self._end(slot, run, self._ending(run.number))
        course.go_on()
        if course.is_finished:
            self._end(slot, run, "")
        return None

    def _measure(self, slot: int, run: Run, examples: Sequence[Encoded]) -> Losses:
        """Of the trial as it stands. Raises Stopped: a wish cuts it short."""
        base = self._bench.base

        def measure() -> Losses:
            with self._pack.alone(slot):
                return losses(base.model, examples, base.device, base.layout, lambda: bool(self._ending(run.number)))

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

    def _park(self, slot: int, run: Run) -> None:
        """Puts a trial aside between two steps; one for which the disk has no room goes on instead."""
        trained = run.course.ended("parked")
        scores, _ = trial_scores(self._bench, trained, lambda: "parked")
        run.may_wait = park(self._bench.checkpoints, run.number, {
            "course": run.course.state(), "slot": self._pack.state(slot), "seconds": time.monotonic() - run.began})
        if run.may_wait:
            self._leave(slot, run.number, run.began,
                        TrialOutcome(outcome="parked", metrics=scores, tokens=trained.tokens))

    def _end(self, slot: int, run: Run, wish: Wish) -> None:
        """Scores, saves and tells; raises what `_outcomes` makes an outcome of."""
        trained = run.course.ended(wish)

        def scored() -> tuple[dict[str, Any], Wish]:
            with self._pack.alone(slot):
                return trial_scores(self._bench, trained, lambda: self._ending(run.number))

        scores, ended = self._again(scored)
        outcome = TrialOutcome(**how_it_ended(ended), metrics=scores, tokens=trained.tokens)
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
            self._leave(slot, number, began, TrialOutcome(**how_it_ended(self._ending(number) or "stopped")))
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

