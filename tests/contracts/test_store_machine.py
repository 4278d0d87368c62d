"""Whatever people and workers do in whatever order, the queue keeps its promises. Searched by hypothesis."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from store_samples import Clock, new_job, trial

from tuner.events import TrialFinished
from tuner.store import LeaseLost, Store
from tuner.store.records import Job, JobState

T = TypeVar("T")

TEAMS = st.sampled_from(["red", "blue"])
WORKERS = st.sampled_from(["a", "b", "c"])
NUMBERS = st.integers(1, 4)
LEASE_S = 60.0
RELEASED: list[JobState] = ["finished", "stopped", "paused", "failed", "queued"]


class QueueMachine(RuleBasedStateMachine):
    """Model: who holds which job, which trials are on record, how many events were written."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.store: Store | None = None
        self.messages: dict[tuple[str, str], int] = {}
        self.numbers: dict[str, int] = {"red": 0, "blue": 0}
        self.holder: dict[int, str] = {}
        self.beaten: dict[int, float] = {}
        self.recorded: dict[int, set[int]] = {}
        self.running: dict[int, set[int]] = {}
        self.events = 0
        self.started_at = self.clock.now

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @property
    def door(self) -> Store:
        assert self.store is not None
        return self.store

    @initialize()
    def open(self) -> None:
        self.store = self.do(Store.open(Path(self.folder.name), self.clock))

    def teardown(self) -> None:
        if self.store is not None:
            self.do(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @rule()
    def restart(self) -> None:
        self.do(self.door.close())
        self.open()

    @rule(seconds=st.sampled_from([1.0, 30.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(team=TEAMS, message=st.integers(0, 5))
    def submit(self, team: str, message: int) -> None:
        job, queued = self.do(self.door.submit(new_job(f"m-{message}", team, trials=3)))
        known = self.messages.get((team, f"m-{message}"))
        assert queued == (known is None)
        if known is None:
            self.numbers[team] += 1
            assert job.number == self.numbers[team]
            self.messages[team, f"m-{message}"] = job.id
            self.recorded[job.id], self.running[job.id] = set(), set()
        else:
            assert job.id == known

    @rule(team=TEAMS, number=NUMBERS, asked=st.sampled_from(["stop", "pause", "resume", "extend"]))
    def ask(self, team: str, number: int, asked: Literal["stop", "pause", "resume", "extend"]) -> None:
        before = self.do(self.door.job(team, number))
        match asked:
            case "stop" | "pause":
                after = self.do(self.door.wish(team, number, asked))
            case "resume":
                after = self.do(self.door.resume(team, number))
            case "extend":
                after = self.do(self.door.extend(team, number, trials=1))
        assert (before is None) == (after is None) == (number > self.numbers[team])
        if before is not None and after is not None:
            assert (before.id, before.worker, before.ran_s) == (after.id, after.worker, after.ran_s)
            assert (before.state == "running") == (after.state == "running")  # people never take a lease

    @rule(worker=WORKERS)
    def claim(self, worker: str) -> None:
        waiting = {job.id for job in self.all_jobs() if job.state == "queued" or self.is_lost(job)}
        job = self.do(self.door.claim(worker, LEASE_S))
        assert (job is None) == (not waiting)
        if job is not None:
            assert job.id in waiting
            self.holder[job.id] = worker
            self.beaten[job.id] = self.clock.now
            lost = self.do(self.door.abandon_running_trials(job.id, worker))
            assert set(lost) == self.running[job.id]
            self.running[job.id] = set()

    def is_lost(self, job: Job) -> bool:
        return job.state == "running" and self.beaten[job.id] + LEASE_S <= self.clock.now

    def all_jobs(self) -> list[Job]:
        return [job for team in self.numbers for job in self.do(self.door.jobs(team))]

    @rule(data=st.data(), worker=WORKERS, number=st.integers(0, 3), act=st.sampled_from(["beat", "start", "record"]))
    def work(self, data: st.DataObject, worker: str, number: int, act: str) -> None:
        if not self.messages:
            return
        job = data.draw(st.sampled_from(sorted(self.messages.values())))
        event = TrialFinished(number=number, state="complete", value=0.5, cause="", best=True)
        if self.holder.get(job) != worker:
            with pytest.raises(LeaseLost):
                self.do(self.act(act, job, worker, number, event))
        elif act == "start" and number in self.recorded[job]:
            with pytest.raises(ValueError, match="runs once"):
                self.do(self.act(act, job, worker, number, event))
        else:
            self.do(self.act(act, job, worker, number, event))
            if act == "beat":
                self.beaten[job] = self.clock.now
            elif act == "start":
                self.running[job].add(number)
            elif number not in self.recorded[job]:
                self.recorded[job].add(number)
                self.running[job].discard(number)
                self.events += 1

    async def act(self, act: str, job: int, worker: str, number: int, event: TrialFinished) -> None:
        match act:
            case "beat":
                await self.door.heartbeat(job, worker, LEASE_S)
            case "start":
                await self.door.start_trial(job, worker, number, {"epochs": 1})
            case _:
                await self.door.record_trial(job, worker, trial(number), event)

    @rule(data=st.data(), state=st.sampled_from(RELEASED))
    def release(self, data: st.DataObject, state: JobState) -> None:
        if not self.holder:
            return
        job = data.draw(st.sampled_from(sorted(self.holder)))
        before = self.do(self.door.job_by_id(job))
        self.do(self.door.release(job, self.holder.pop(job), state))
        after = self.do(self.door.job_by_id(job))
        self.running[job] = set()
        assert after.ran_s >= before.ran_s
        assert after.wish == "" or (after.state, after.wish) == ("queued", "stop")

    @invariant()
    def nothing_is_lost_and_nothing_is_twice(self) -> None:
        if self.store is None:
            return
        jobs = self.all_jobs()
        assert sorted(job.id for job in jobs) == sorted(self.messages.values())
        for job in jobs:
            assert job.worker == self.holder.get(job.id)
            assert (job.state == "running") == (job.worker is not None)
            assert (job.ended_at is not None) == (job.state in ("finished", "stopped", "failed"))
            assert 0 <= job.ran_s <= self.clock.now - self.started_at
            found = {record.number: record.state for record in self.do(self.door.trials(job.id))}
            assert {number for number, state in found.items() if state == "complete"} == self.recorded[job.id]
            assert {number for number, state in found.items() if state == "running"} == self.running[job.id]
        seqs = [event.seq for event in self.do(self.door.events(0))]
        assert seqs == sorted(set(seqs))
        assert len(seqs) == self.events


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=15, stateful_step_count=40, deadline=None)
