"""One claimed job from its first trial to its report: ask, run, tell, record; obey wishes; survive the runner.

First the search, then its confirmation (the best settings again with other seeds), then the sealed test, once.

Knows no queue and no process: it is handed a ledger and a crew. What runs next is tuner.worker.order's business. What
it promises, whoever dies when: a trial is recorded once, a wish is obeyed within about a second, and an ended job has
its report.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

from tuner.checkpoints.save import forget_drafts
from tuner.events import Cause, Event, JobPaused, JobStarted, TrialRecord
from tuner.runners.base import Broken, Narrowed, Runner, StepDone, TrialEnded, TrialSpec, Validated
from tuner.store.records import Job, Wish
from tuner.worker.course import Course
from tuner.worker.crew import MAY_PASS, Crew, Dead, GaveUp
from tuner.worker.ending import Reason, ended_trials, finish
from tuner.worker.ledger import Ledger
from tuner.worker.limits import Limits
from tuner.worker.logs import note
from tuner.worker.measures import measure_run
from tuner.worker.order import Order
from tuner.worker.prepare import Prepared
from tuner.worker.recording import Recording
from tuner.worker.runs import Runs
from tuner.worker.steering import AwaitsVotes

STOPPING_S = 60.0
"""For the trials under way to write down what they learnt after a person stopped them."""


class Paused(Exception):
    """A person asked for a pause, and nothing is under way any more."""


class Study:
    def __init__(self, job: Job, prepared: Prepared, ledger: Ledger, crew: Crew, home: Path, *,
                 clock: Callable[[], float]) -> None:
        self._job = job
        self._prepared = prepared
        self._ledger = ledger
        self._crew = crew
        self._folder = home / prepared.folder
        self._limits = Limits(job, clock)
        self._runs = Runs()
        self._places: int | None = None
        """Fewer than the runner has, after it died with several trials under way."""
        self._stop_by: float | None = None
        self._told_start = False
        self._recording = Recording(job.id, ledger, self._folder, prepared.folder)

    def obey(self, wish: Wish) -> None:
        """Takes a person's wish; called from the heartbeat."""
        if wish != self._limits.wish:
            note("job.wish", self._job.id, wish=wish)
            self._limits.wish = wish
            self._crew.wake()

    async def run(self) -> None:
        """Promises a released job. Raises LeaseLost, ProblemError for what no other try would mend."""
        records = await self._ledger.take_over()
        for draft in await asyncio.to_thread(forget_drafts, self._folder):
            note("checkpoint.draft_removed", self._job.id, draft=draft)
        await self._recording.forget_parked()
        self._again = bool(records) or self._job.ran_s > 0
        self._order = await asyncio.to_thread(Order, self._job, self._ledger, self._recording, records)
        try:
            reason = await self._search_and_confirm()
            await self._order.settle()
            await finish(self._order.plan, reason, self._ledger, self._crew, self._loaded)
        except Paused:
            await self._crew.close()
            await self._ledger.take_over()
            done = len(await ended_trials(self._ledger))
            await self._ledger.release("paused", JobPaused(trials_done=done))
        except AwaitsVotes as waiting:
            await self._crew.close()
            await self._ledger.release("paused", waiting.event, votes_wanted=waiting.event.wanted)

    # Trials

    async def _search_and_confirm(self) -> Reason:
        """The search, and more of it wherever a person extends the job; then what its confirmation still lacks."""
        while True:
            self._order.search()
            reason = await self._train()
            if reason == "stopped":
                return reason
            if await self._order.is_extended():
                continue
            await self._order.confirm()
            ended = await self._train()
            if ended == "stopped":
                await self._ledger.take_over()  # what was under way runs again, should the job be resumed
                return ended
            if not await self._order.is_extended():
                return reason

    async def _train(self) -> Reason:
        """Until nothing is left to start and nothing is under way."""
        while True:
            try:
                await self._fill()
                if not self._runs:
                    waiting = None if self._limits.wish else await self._order.awaited(is_over=self._is_ending())
                    if waiting is not None:
                        raise waiting
                    if self._is_ending() or not await self._order.may_start(0):
                        reason = self._reason()
                        await self._give_up(self._runs.waiting)
                        return reason
                    continue
                await self._step()
            except Dead as dead:
                await self._bury(dead.broken)
            except GaveUp as over:
                # A full disk is not the trials' fault: their numbers run again when the job is resumed.
                if over.broken.key in ("runner.died", "runner.no_memory", "runner.stalled"):
                    await self._bury(over.broken)
                raise

    async def _step(self) -> None:
        """One event, or one wish."""
        event = await self._crew.next()
        now = self._now()
        self._runs.share_time(now)
        match event:
            case StepDone() | Validated():
                course = self._runs.courses.get(event.number)
                if course is not None:
                    await self._watch(course, event, now)
            case TrialEnded():
                await self._ended(event)
            case Narrowed():
                await self._recording.narrowed(event.together, event.now)
            case _:
                pass
        await self._stop_what_is_unwanted(now)

    async def _fill(self) -> None:
        """Starts trials while there is a free slot and something to start."""
        while not self._is_ending() and await self._order.may_start(len(self._runs)):
            await self._give_up(self._order.given_up())
            runner = self._crew.runner
            if runner is not None and len(self._runs) >= self._slots(runner):
                return
            if runner is None and await self._load() is None:
                continue  # A wish came; the loop's condition decides.
            asked = await self._order.ask()
            if asked is None:
                return
            await self._start(*asked)

    async def _load(self) -> Runner | None:
        """A loaded runner, with its device told and its speed measured; None when it is not wanted any more."""
        runner = await self._crew.load(lambda: self._limits.wish != "")
        device, load_s = self._crew.device, self._crew.load_s
        if runner is None or device is None:
            return None
        if not self._told_start:
            self._told_start = True
            await self._ledger.append(JobStarted(device=device.device_name, again=self._again,
                                                 slots=runner.slots, alone=device.alone))
        await self._recording.begin(device.device)
        if load_s is not None:
            await self._ledger.measure(f"load_seconds:{self._prepared.card.name}", load_s)
        return runner

    async def _start(self, spec: TrialSpec, event: Event | None) -> None:
        runner = self._crew.runner
        assert runner is not None
        if event is not None:
            await self._ledger.start(spec.number, spec.settings, event)
        slot = self._runs.begin(spec.number, spec.settings, runner.slots, self._now())
        note("trial.started", self._job.id, trial=spec.number, slot=slot)
        await runner.start(slot, spec)

    async def _watch(self, course: Course, event: StepDone | Validated, now: float) -> None:
        told = course.saw(event, now)
        if told is not None and not self._order.is_confirming:
            await self._ledger.progress(told)
        runner, device = self._crew.runner, self._crew.device
        if not isinstance(event, Validated) or event.number in self._runs.stopping or runner is None:
            return
        verdict = self._order.verdict(event, parks=device is not None and device.parks)
        if verdict:
            note(f"trial.{verdict}", self._job.id, trial=event.number, step=event.step)
            self._runs.stopping.add(event.number)
            await runner.stop(event.number, verdict)

    async def _ended(self, event: TrialEnded) -> None:
        course = self._runs.courses.get(event.number)
        if course is None:
            return
        self._crew.succeeded()
        if self._order.is_confirming and event.number in self._runs.stopping:
            self._runs.end(event.number)  # dropped, so that it runs again should the job be resumed
            return
        record = course.record(event, self._order.plan.measured)
        if event.outcome == "parked":
            self._order.park(event.number)
            self._runs.park(record, self._now())
            await self._recording.parked(event.number)
            return
        if record.cause == "crashed":
            record = dataclasses.replace(record, error=self._recording.with_reference(record.number, record.error))
        await self._record(record)
        if record.state == "complete":
            await measure_run(self._ledger, self._prepared.card.name, self._order.plan, course, event, self._now())

    async def _record(self, record: TrialRecord) -> None:
        await self._order.record(record)
        self._runs.end(record.number)

    async def _give_up(self, numbers: Iterable[int]) -> None:
        """Those that waited have ended."""
        for number in numbers:
            await self._record(self._runs.give_up(number))
            await self._recording.forget_parked(number)

    async def _bury(self, broken: Broken) -> None:
        """The runner died. Of one trial that was under way: it has failed, with a number under which the log tells
        more. Of several, nobody knows which one it was: they run again, half as many at a time."""
        together = len(self._runs)
        if together > 1 and broken.key in MAY_PASS:
            return await self._run_again(together)
        cause: Cause = "out_of_memory" if broken.key == "runner.no_memory" else "crashed"
        for course in list(self._runs.courses.values()):
            error = self._recording.with_reference(course.number, broken.error)
            await self._record(course.lost(cause, error))
        if broken.key != "runner.no_memory":
            self._places = None  # the culprit is known, and the memory holds the others
        return None

    async def _run_again(self, together: int) -> None:
        for number in [*self._runs.courses, *self._runs.waiting]:
            self._order.forget(number)
        self._runs.clear()
        await self._recording.forget_parked()
        await self._ledger.take_over()
        self._crew.succeeded()
        self._places = (together + 1) // 2
        await self._recording.narrowed(together, self._places)

    def _slots(self, runner: Runner) -> int:
        return min(runner.slots, self._places or runner.slots)

    # Wishes and time

    def _is_ending(self) -> bool:
        return self._limits.wish != "" or self._is_time_over() or self._order.is_exhausted

    def _is_time_over(self) -> bool:
        """Several at once end as late as one would that begins in the last moment."""
        under_way = self._runs.left_s(self._order.usual_s)
        return self._limits.is_time_over(self._order.plan, self._order.reserved_s + under_way)

    def _reason(self) -> Reason:
        """Why training is over. Raises Paused."""
        if self._limits.wish == "pause":
            raise Paused
        if self._limits.wish == "stop":
            return "stopped"
        return "done" if self._order.is_whole else "time"

    async def _stop_what_is_unwanted(self, now: float) -> None:
        """Obeys a wish while trials are under way. A pause drops them: their numbers run again."""
        if self._limits.wish == "pause":
            self._runs.clear()
            raise Paused
        if self._limits.wish != "stop":
            return
        runner = self._crew.runner
        if self._stop_by is None:
            self._stop_by = now + STOPPING_S
            asyncio.get_running_loop().call_later(STOPPING_S, self._crew.wake)
        for number in self._runs.courses:
            if runner is not None and number not in self._runs.stopping:
                self._runs.stopping.add(number)
                await runner.stop(number, "pruned" if self._order.is_confirming else "stopped")
        if now >= self._stop_by:
            await self._crew.close()
            if self._order.is_confirming:
                self._runs.clear()
            for course in list(self._runs.courses.values()):
                await self._record(dataclasses.replace(course.lost("stopped"), state="stopped"))

    async def _loaded(self) -> Runner:
        """A loaded runner for the sealed test. Raises Paused; a stop changes nothing any more."""
        while True:
            if self._limits.wish == "pause":
                raise Paused
            runner = self._crew.runner or await self._crew.load(lambda: self._limits.wish == "pause")
            if runner is not None:
                return runner

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
