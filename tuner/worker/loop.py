"""The worker's life: claim a job, see it through, claim the next. One job at a time; any number of workers on one home.

Knows the queue and what becomes of a job that breaks. A worker that is cancelled ends its child and gives the job back,
so that another one takes it up at once; one that is killed loses its lease instead, and its child ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

from tuner.events import JobFailed
from tuner.problems import Problem, ProblemError
from tuner.runners.local import launch_local
from tuner.store import LeaseLost, Store, StoreUnavailable
from tuner.store.records import Job
from tuner.worker.calibrate import calibrate
from tuner.worker.crew import Crew, Launch
from tuner.worker.ledger import Ledger, patiently
from tuner.worker.logs import logged, note
from tuner.worker.prepare import prepare
from tuner.worker.study import Study

LEASE_S = 30.0
POLL_S = 0.5
BEAT_S = 0.7
"""Between two looks at the job's wish; a shorter lease beats faster."""
REMIND_S = 60.0
"""Between two looks, of a worker that has nothing to do, at jobs that wait for people's votes."""
GIVING_BACK_S = 5.0


async def run(home: Path, *, once: bool = False, idle_exit_s: float | None = None, lease_s: float = LEASE_S,
              clock: Callable[[], float] = time.time, runner_factory: Launch = launch_local,
              measures: bool = False) -> None:
    """Promises that jobs of `home` are worked on until this is cancelled.

    `once`: one job at most. `idle_exit_s`: end after so long without a job. `measures`: while there is nothing to do,
    measure once how fast this machine trains. Raises StoreUnavailable when the home cannot be opened; later troubles of
    the disk are waited out.
    """
    async with await Store.open(home, clock) as store:
        with logged(home):
            worker = Worker(store, lease_s=lease_s, clock=clock, launch=runner_factory, measures=measures)
            note("worker.started", pid=os.getpid())
            try:
                await worker.work(once=once, idle_exit_s=idle_exit_s)
            finally:
                note("worker.ended", pid=os.getpid())


class Worker:
    def __init__(self, store: Store, *, lease_s: float, clock: Callable[[], float], launch: Launch,
                 measures: bool = False) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._store = store
        self._lease_s = lease_s
        self._clock = clock
        self._launch = launch
        self._measures = measures
        self._measuring: asyncio.Task[None] | None = None

    async def work(self, *, once: bool, idle_exit_s: float | None) -> None:
        """Until cancelled, or as `once` and `idle_exit_s` say."""
        try:
            await self._work(once, idle_exit_s)
        finally:
            await self._stop_measuring()

    async def _work(self, once: bool, idle_exit_s: float | None) -> None:
        loop = asyncio.get_running_loop()
        idle_since = remind_at = loop.time()
        while True:
            job = await patiently("claim", None, lambda: self._store.claim(self.name, self._lease_s))
            if job is not None:
                await self._stop_measuring()
                await self._see_through(job)
                idle_since = loop.time()
            if once or (idle_exit_s is not None and loop.time() - idle_since >= idle_exit_s):
                return
            if job is None:
                if loop.time() >= remind_at:
                    remind_at = loop.time() + REMIND_S
                    with contextlib.suppress(StoreUnavailable):
                        await self._store.remind()
                if self._measures and self._measuring is None:
                    self._measuring = asyncio.create_task(self._measure())
                await asyncio.sleep(POLL_S)

    async def _measure(self) -> None:
        with contextlib.suppress(StoreUnavailable):
            await calibrate(self._store, self._store.home / "logs" / "runner-measuring.log", self._launch)

    async def _stop_measuring(self) -> None:
        """A job comes first: its first trial measures just as well."""
        if self._measuring is not None and not self._measuring.done():
            self._measuring.cancel()
            await asyncio.wait([self._measuring])

    async def _see_through(self, job: Job) -> None:
        """Promises that the job is released, or somebody else's. Raises nothing but cancellation."""
        note("job.claimed", job.id, trials=job.plan.trials, method=job.plan.method)
        ledger = Ledger(self._store, job, self.name, self._lease_s)
        try:
            await self._run(job, ledger)
        except asyncio.CancelledError:
            await self._give_back(ledger, job)
            raise
        except LeaseLost:
            note("job.lost", job.id, level=logging.WARNING)
        except ProblemError as error:
            await self._fail(ledger, job, error.problems[0])
        except Exception:  # The process's edge: the job fails with a reference, the worker goes on.
            await self._fail(ledger, job, Problem(key="worker.unexpected"), trace=True)

    async def _run(self, job: Job, ledger: Ledger) -> None:
        prepared = await patiently("prepare", job.id, lambda: prepare(self._store, job))
        crew = Crew(prepared.setup, self._store.home / "logs" / f"runner-{job.id}.log", self._launch, job.id)
        study = Study(job, prepared, ledger, crew, self._store.home, clock=self._clock)
        try:
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._beat(ledger, study))
                await study.run()
                beating.cancel()
        except ExceptionGroup as several:
            lost = [error for error in several.exceptions if isinstance(error, LeaseLost)]
            raise (lost or several.exceptions)[0] from several
        finally:
            await crew.close(timeout_s=GIVING_BACK_S)

    async def _beat(self, ledger: Ledger, study: Study) -> None:
        """Keeps the lease and brings wishes. Raises LeaseLost, which ends the study."""
        while True:
            await asyncio.sleep(min(BEAT_S, self._lease_s / 4))
            wish = await ledger.heartbeat()
            if wish is not None:
                study.obey(wish)

    async def _give_back(self, ledger: Ledger, job: Job) -> None:
        try:
            async with asyncio.timeout(GIVING_BACK_S):
                await ledger.give_back()
        except (LeaseLost, StoreUnavailable, TimeoutError):
            note("job.not_given_back", job.id, level=logging.WARNING)

    async def _fail(self, ledger: Ledger, job: Job, problem: Problem, *, trace: bool = False) -> None:
        """The job has failed for a reason that a person can read; the logs know more of what has the reference."""
        reference = secrets.token_hex(4)
        note("job.failed", job.id, level=logging.ERROR, trace=trace, problem=problem.key, reference=reference)
        facts = {"model": job.plan.model, **problem.facts, "job": job.number, "reference": reference}
        try:
            await ledger.release("failed", JobFailed(key=problem.key, facts=facts, reference=reference),
                                 Problem(key=problem.key, facts=facts))
        except LeaseLost:
            note("job.lost", job.id, level=logging.WARNING)
