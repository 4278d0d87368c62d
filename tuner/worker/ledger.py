"""One job's rows, written patiently: while the disk is full, a write waits and is tried again. Nothing is forgotten.

Knows the store and the lease; nothing of runners. LeaseLost goes through: whoever lost the job stops writing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from tuner.events import Event, TestResult, TrialRecord
from tuner.judging.votes import Vote
from tuner.plan.plan import Plan
from tuner.problems import Problem
from tuner.store import Store, StoreUnavailable
from tuner.store.records import Job, JobState, Wish
from tuner.worker.logs import note

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 20.0

T = TypeVar("T")


async def patiently(what: str, job: int | None, write: Callable[[], Awaitable[T]]) -> T:
    """Promises that `write` happened, however long the store is unavailable."""
    wait_s = FIRST_WAIT_S
    while True:
        try:
            return await write()
        except StoreUnavailable as error:
            note("store.unavailable", job, level=logging.WARNING, writing=what, problem=error.problem.key)
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, LONGEST_WAIT_S)


class Ledger:
    """The store's methods for one job and its holder. All but `progress`, `measure` and `give_back` are patient."""

    def __init__(self, store: Store, job: Job, worker: str, lease_s: float) -> None:
        self._store = store
        self._id = job.id
        self._worker = worker
        self._lease_s = lease_s

    async def heartbeat(self) -> Wish | None:
        """None while the store is unavailable: the lease may run out, and then the next write tells."""
        try:
            return await self._store.heartbeat(self._id, self._worker, self._lease_s)
        except StoreUnavailable as error:
            note("store.unavailable", self._id, level=logging.WARNING, writing="heartbeat", problem=error.problem.key)
            return None

    async def take_over(self) -> list[TrialRecord]:
        """Promises the ended trials; those that a lost worker left running are forgotten, so that they run again."""
        lost = await self._patiently("abandon", lambda: self._store.abandon_running_trials(self._id, self._worker))
        for number in lost:
            note("trial.abandoned", self._id, trial=number)
        return await self.trials()

    async def trials(self) -> list[TrialRecord]:
        return await self._patiently("trials", lambda: self._store.trials(self._id))

    async def repeats(self) -> list[TrialRecord]:
        return await self._patiently("repeats", lambda: self._store.repeats(self._id))

    async def start(self, number: int, settings: Mapping[str, Any], event: Event) -> None:
        await self._patiently(
            "start", lambda: self._store.start_trial(self._id, self._worker, number, settings, event))

    async def record(self, trial: TrialRecord, event: Event) -> None:
        await self._patiently("record", lambda: self._store.record_trial(self._id, self._worker, trial, event))

    async def checkpoint(self, trial: int, folder: str, sha256: str, value: float | None) -> None:
        await self._patiently("checkpoint", lambda: self._store.add_checkpoint(
            self._id, self._worker, trial, folder, sha256, value))

    async def append(self, event: Event) -> None:
        await self._patiently("event", lambda: self._store.append(self._id, self._worker, event))

    async def tests(self) -> list[TestResult]:
        return await self._patiently("tests", lambda: self._store.tests(self._id))

    async def save_test(self, result: TestResult, event: Event) -> None:
        await self._patiently("test", lambda: self._store.save_test(self._id, self._worker, result, event))

    async def release(self, state: JobState, event: Event | None = None, problem: Problem | None = None, *,
                      votes_wanted: int = 0) -> None:
        await self._patiently("release", lambda: self._store.release(
            self._id, self._worker, state, problem, event, votes_wanted))
        note("job.released", self._id, state=state)

    async def give_back(self) -> None:
        """One try, for a worker that is ending: another one takes the job up at once, else when the lease runs out."""
        await self._store.release(self._id, self._worker, "queued")
        note("job.given_back", self._id)

    async def progress(self, event: Event) -> None:
        """Dropped while the store is unavailable: the next one says more."""
        try:
            await self._store.append(self._id, self._worker, event)
        except StoreUnavailable:
            return

    async def measure(self, key: str, value: float) -> None:
        try:
            await self._store.measure(key, value)
        except StoreUnavailable:
            return

    async def evidence(self, team: str) -> list[Vote]:
        return await self._patiently("votes", lambda: self._store.opinions.evidence(team))

    async def compared(self, team: str, number: int) -> int:
        return await self._patiently("comparisons", lambda: self._store.opinions.compared(team, number))

    async def votes_asked(self) -> int:
        """The comparisons that people were asked for last; 0: they were not asked yet."""
        stored = await self._patiently("asked", lambda: self._store.last_event(self._id, "VotesWanted"))
        return 0 if stored is None else int(stored.body["wanted"])

    async def revalue(self, values: Mapping[int, float | None]) -> None:
        await self._patiently("values", lambda: self._store.revalue(self._id, self._worker, values))

    async def heed_plan(self) -> Plan:
        return await self._patiently("plan", lambda: self._store.heed_plan(self._id, self._worker))

    async def fresh(self) -> Job:
        return await self._patiently("job", lambda: self._store.job_by_id(self._id))

    async def _patiently(self, what: str, write: Callable[[], Awaitable[T]]) -> T:
        return await patiently(what, self._id, write)
