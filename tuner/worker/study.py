"""One claimed job from its first trial to its report: ask, run, tell, record; obey wishes; survive the runner.

First the search, then its confirmation (the best settings again with other seeds), then the sealed test, once.

Knows no queue and no process: it is handed a ledger, a crew and a search. What it promises, whoever dies when:
a trial is recorded once, a wish is obeyed within about a second, and an ended job has its report.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from tuner.checkpoints.save import forget_drafts
from tuner.events import (
    Cause,
    Event,
    JobPaused,
    JobStarted,
    Report,
    StudyFinished,
    TrialRecord,
    TrialStarted,
)
from tuner.repeats import best_trial
from tuner.runners.base import Broken, Runner, StepDone, TrialEnded, TrialSpec, Validated
from tuner.search import Search
from tuner.store.records import Job, Wish
from tuner.worker.confirm import Confirmation, reserved_s
from tuner.worker.course import Course
from tuner.worker.crew import Crew, Dead, GaveUp
from tuner.worker.ledger import Ledger
from tuner.worker.logs import note
from tuner.worker.measures import measure_run
from tuner.worker.prepare import Prepared
from tuner.worker.recording import Recording
from tuner.worker.runs import Runs
from tuner.worker.sealed import score_sealed_test

STOPPING_S = 60.0
"""For a trial to write down what it learnt after a person stopped it."""

Reason = Literal["done", "stopped", "time"]


class Paused(Exception):
    """A person asked for a pause, and nothing is under way any more."""


class Study:
    def __init__(self, job: Job, prepared: Prepared, ledger: Ledger, crew: Crew, home: Path, *,
                 clock: Callable[[], float]) -> None:
        self._job = job
        self._plan = job.plan
        self._prepared = prepared
        self._ledger = ledger
        self._crew = crew
        self._home = home
        self._clock = clock
        self._claimed_at = clock()
        self._wish: Wish = job.wish
        self._runs = Runs()
        self._stop_by: float | None = None
        self._exhausted = False
        self._told_start = False
        self._confirmation: Confirmation | None = None
        """None while the search goes on."""
        self._ended_trials: list[TrialRecord] = []
        """Those of the search."""
        self._recording = Recording(job.id, ledger, home / prepared.folder, prepared.folder)

    def obey(self, wish: Wish) -> None:
        """Takes a person's wish; called from the heartbeat."""
        if wish != self._wish:
            note("job.wish", self._job.id, wish=wish)
            self._wish = wish
            self._crew.wake()

    async def run(self) -> None:
        """Promises a released job. Raises LeaseLost, ProblemError for what no other try would mend."""
        records = await self._ledger.take_over()
        for draft in await asyncio.to_thread(forget_drafts, self._home / self._prepared.folder):
            note("checkpoint.draft_removed", self._job.id, draft=draft)
        self._again = bool(records) or self._job.ran_s > 0
        self._ended_trials = [record for record in records if record.state != "running"]
        self._search = await asyncio.to_thread(Search, self._plan, None, records)
        try:
            await self._finish(await self._search_and_confirm())
        except Paused:
            await self._crew.close()
            await self._ledger.take_over()
            done = len(await self._records())
            await self._ledger.release("paused", JobPaused(trials_done=done))

    # Trials

    async def _search_and_confirm(self) -> Reason:
        """The search, and more of it wherever a person extends the job; then what its confirmation still lacks."""
        while True:
            self._confirmation, self._exhausted = None, False
            reason = await self._train()
            if reason == "stopped":
                return reason
            if await self._is_extended():
                continue
            self._confirmation = Confirmation(self._plan, self._ended_trials, await self._ledger.repeats())
            self._exhausted = self._confirmation.is_done
            ended = await self._train()
            if ended == "stopped":
                await self._ledger.take_over()  # what was under way runs again, should the job be resumed
                return ended
            if not await self._is_extended():
                return reason

    async def _train(self) -> Reason:
        """Until nothing is left to start and nothing is under way."""
        while True:
            try:
                await self._fill()
                if not self._runs:
                    return self._reason()
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
        match event:
            case StepDone() | Validated():
                course = self._runs.courses.get(event.number)
                if course is not None:
                    await self._watch(course, event, now)
            case TrialEnded():
                await self._ended(event)
            case _:
                pass
        await self._stop_what_is_unwanted(now)

    async def _fill(self) -> None:
        """Starts trials while there is a free slot and something to start."""
        while not self._is_ending():
            runner = self._crew.runner
            if runner is not None and len(self._runs) >= runner.slots:
                return
            if runner is None and await self._load() is None:
                continue  # A wish came; the loop's condition decides.
            asked = await self._ask()
            if asked is None:
                self._exhausted = True
                return
            await self._start(*asked)

    async def _ask(self) -> tuple[TrialSpec, Event] | None:
        """What runs next, with the event that tells of it; None when nothing is left of this part of the job."""
        if self._confirmation is None:
            asked = await asyncio.to_thread(self._search.ask)
            if asked is None:
                return None
            number, settings = asked
            return TrialSpec(number=number, settings=settings), TrialStarted(number=number, settings=settings)
        if (await self._ledger.fresh()).plan != self._plan:
            return None  # a person wished for more: the search goes on first
        repeat = self._confirmation.ask()
        if repeat is None:
            return None
        return TrialSpec(number=repeat.number, settings=repeat.settings), self._confirmation.started(repeat)

    async def _load(self) -> Runner | None:
        """A loaded runner, with its device told and its speed measured; None when it is not wanted any more."""
        runner = await self._crew.load(lambda: self._wish != "")
        device, load_s = self._crew.device, self._crew.load_s
        if runner is None or device is None:
            return None
        if not self._told_start:
            self._told_start = True
            await self._ledger.append(JobStarted(device=device.device_name, again=self._again))
        await self._recording.begin(device.device)
        if load_s is not None:
            await self._ledger.measure(f"load_seconds:{self._prepared.card.name}", load_s)
        return runner

    async def _start(self, spec: TrialSpec, event: Event) -> None:
        runner = self._crew.runner
        assert runner is not None
        await self._ledger.start(spec.number, spec.settings, event)
        slot = self._runs.begin(spec.number, spec.settings, runner.slots)
        note("trial.started", self._job.id, trial=spec.number, slot=slot)
        await runner.start(slot, spec)

    async def _watch(self, course: Course, event: StepDone | Validated, now: float) -> None:
        told = course.saw(event, now)
        if self._confirmation is not None:
            return  # nothing of it is pruned: a mean needs whole runs
        if told is not None:
            await self._ledger.progress(told)
        if isinstance(event, Validated) and event.number not in self._runs.stopping:
            hopeless = self._search.report(event.number, event.step, event.steps, event.valid_loss)
            runner = self._crew.runner
            if hopeless and runner is not None:
                note("trial.pruned", self._job.id, trial=event.number, step=event.step)
                self._runs.stopping.add(event.number)
                await runner.stop(event.number, "pruned")

    async def _ended(self, event: TrialEnded) -> None:
        course = self._runs.courses.get(event.number)
        if course is None:
            return
        self._crew.succeeded()
        if self._confirmation is not None and event.number in self._runs.stopping:
            self._runs.end(event.number)  # dropped, so that it runs again should the job be resumed
            return
        record = course.record(event, self._plan.metric)
        if record.cause == "crashed":
            record = dataclasses.replace(record, error=self._recording.with_reference(record.number, record.error))
        await self._record(record)
        if record.state == "complete":
            await measure_run(self._ledger, self._prepared.card.name, self._crew.device, self._plan, course, event,
                              self._now())

    async def _record(self, record: TrialRecord) -> None:
        """Everything that is known about an ended run, in the store before anything else happens."""
        if self._confirmation is not None:
            await self._recording.repeat(record, self._confirmation)
        else:
            self._ended_trials.append(await self._recording.trial(record, self._search))
        self._runs.end(record.number)

    async def _bury(self, broken: Broken) -> None:
        """The runner died: the trials under way have failed, with a number under which the log tells more."""
        cause: Cause = "out_of_memory" if broken.key == "runner.no_memory" else "crashed"
        for course in list(self._runs.courses.values()):
            error = self._recording.with_reference(course.number, broken.error)
            await self._record(course.lost(cause, error))

    # Wishes and time

    def _is_ending(self) -> bool:
        return self._wish != "" or self._is_time_over() or self._exhausted

    def _is_time_over(self) -> bool:
        budget = self._plan.time_budget_s
        if budget is None:
            return False
        reserved = reserved_s(self._plan, self._ended_trials) if self._confirmation is None else 0.0
        return self._job.ran_s + self._clock() - self._claimed_at >= budget - reserved

    async def _is_extended(self) -> bool:
        """Whether a person wished for more meanwhile: the sealed test stays closed until that is done too."""
        plan = await self._ledger.heed_plan()
        if plan == self._plan:
            return False
        self._plan, self._exhausted = plan, False
        self._search.extend(plan)
        return True

    def _reason(self) -> Reason:
        """Why training is over. Raises Paused."""
        if self._wish == "pause":
            raise Paused
        if self._wish == "stop":
            return "stopped"
        return "done" if self._exhausted or self._search.is_done else "time"

    async def _stop_what_is_unwanted(self, now: float) -> None:
        """Obeys a wish while trials are under way. A pause drops them: their numbers run again."""
        if self._wish == "pause":
            self._runs.clear()
            raise Paused
        if self._wish != "stop":
            return
        runner = self._crew.runner
        if self._stop_by is None:
            self._stop_by = now + STOPPING_S
            asyncio.get_running_loop().call_later(STOPPING_S, self._crew.wake)
        for number in self._runs.courses:
            if runner is not None and number not in self._runs.stopping:
                self._runs.stopping.add(number)
                await runner.stop(number, "stopped" if self._confirmation is None else "pruned")
        if now >= self._stop_by:
            await self._crew.close()
            if self._confirmation is not None:
                self._runs.clear()
            for course in list(self._runs.courses.values()):
                await self._record(dataclasses.replace(course.lost("stopped"), state="stopped"))

    # The end

    async def _finish(self, reason: Reason) -> None:
        """The sealed test once a subject, then the report, in one write with the job's end."""
        records, repeats = await self._records(), await self._ledger.repeats()
        best = best_trial(self._plan, records, repeats)
        if best is not None:
            await score_sealed_test(self._ledger, self._crew, self._loaded, records, best)
        await self._crew.close()
        state: Literal["stopped", "finished"] = "stopped" if reason == "stopped" else "finished"
        job = dataclasses.replace(await self._ledger.fresh(), state=state)
        # Imported in a thread: analysis brings NumPy and Optuna along, and only an ended job needs it.
        report = await asyncio.to_thread(_analyse, job, records, await self._ledger.tests(), repeats)
        note("job.reported", self._job.id, reason=reason, trials=len(records), repeats=len(repeats))
        await self._ledger.release(state, StudyFinished(reason=reason, report=report))

    async def _loaded(self) -> Runner:
        """A loaded runner for the sealed test. Raises Paused; a stop changes nothing any more."""
        while True:
            if self._wish == "pause":
                raise Paused
            runner = self._crew.runner or await self._crew.load(lambda: self._wish == "pause")
            if runner is not None:
                return runner

    async def _records(self) -> list[TrialRecord]:
        return [record for record in await self._ledger.trials() if record.state != "running"]

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _analyse(job: Job, *stored: Any) -> Report:
    from tuner.analysis import build_report

    return build_report(job, *stored)
