"""The runner of one job over its deaths: launched when needed, heard, launched again, given up after three in a row.

Knows no store and no search. Everything that happens, wake-ups included, comes out of `next`, one at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from tuner.problems import Problem, ProblemError
from tuner.runners.base import Broken, Ready, Runner, RunnerEvent, Setup
from tuner.worker.logs import note

Launch = Callable[[Setup, Path], Awaitable[Runner]]
"""What makes a runner: the setup, and the file for what libraries print."""

STRIKES = 3
"""Deaths in a row, without the ending of a trial in between, after which the job has failed."""
LOADING_S = 2 * 3600.0
"""A hub model of many gigabytes may have to be downloaded first."""
SILENCE_S = 1800.0
"""Without any event while something is under way: the runner hangs."""
MAY_PASS = ("runner.died", "runner.no_memory", "runner.stalled")
"""Deaths that another try may survive; every other key would only come again."""


class Dead(Exception):
    """The runner died while something was under way; it may be launched again."""

    def __init__(self, broken: Broken) -> None:
        self.broken = broken
        super().__init__(broken.key)


class Crew:
    def __init__(self, setup: Setup, log: Path, launch: Launch, job: int) -> None:
        self._setup = setup
        self._log = log
        self._launch = launch
        self._job = job
        self._inbox: asyncio.Queue[tuple[Runner | None, RunnerEvent | None]] = asyncio.Queue()
        self._runner: Runner | None = None
        self._listening: asyncio.Task[None] | None = None
        self._ready: Ready | None = None
        self._strikes = 0
        self._began = 0.0
        self.load_s: float | None = None
        """From launching to Ready, the newest."""

    @property
    def runner(self) -> Runner | None:
        """A loaded runner, or None."""
        return self._runner if self._ready is not None else None

    @property
    def device(self) -> Ready | None:
        return self._ready

    def wake(self) -> None:
        """Makes `next` return None."""
        self._inbox.put_nowait((None, None))

    def succeeded(self) -> None:
        """A trial came to an ending of its own: what killed runners before is not the job."""
        self._strikes = 0

    async def load(self, is_unwanted: Callable[[], bool]) -> Runner | None:
        """Promises a loaded runner, launching as often as it takes; None as soon as `is_unwanted`.

        Raises ProblemError when it cannot be had.
        """
        while self.runner is None:
            if self._runner is None:
                await self._start()
            try:
                event = await self.next(LOADING_S)
            except Dead as dead:
                note("runner.died_loading", self._job, level=logging.WARNING, problem=dead.broken.key)
                continue
            if isinstance(event, Ready):
                self._ready = event
                self.load_s = asyncio.get_running_loop().time() - self._began
            elif event is None and is_unwanted():
                return None
        return self.runner

    async def next(self, silence_s: float | None = None) -> RunnerEvent | None:
        """Promises the next event, or None after `wake`; silence for `silence_s` is a death.

        Raises Dead when the runner died and may be launched again, GaveUp when another launch makes no sense. In both
        cases nothing of it is left.
        """
        silence_s = SILENCE_S if silence_s is None else silence_s
        while True:
            try:
                runner, event = await asyncio.wait_for(self._inbox.get(), silence_s)
            except TimeoutError:
                runner, event = self._runner, Broken(key="runner.stalled", facts={"waited_s": silence_s})
            if isinstance(event, Broken) and runner is self._runner:
                await self._bury(event)
            if event is None or runner is self._runner:
                return event

    async def close(self, timeout_s: float = 10.0) -> None:
        """Promises that no runner is left. May be called twice."""
        runner, listening = self._runner, self._listening
        self._runner = self._listening = self._ready = None
        if runner is not None:
            await runner.close(timeout_s)
        if listening is not None:
            listening.cancel()
            await asyncio.wait([listening])

    async def _start(self) -> None:
        self._began = asyncio.get_running_loop().time()
        try:
            self._runner = await self._launch(self._setup, self._log)
        except OSError as error:
            raise ProblemError([Problem(key="runner.no_process", facts={"error": type(error).__name__})]) from error
        self._listening = asyncio.create_task(self._listen(self._runner))

    async def _listen(self, runner: Runner) -> None:
        """Ends with Broken in the inbox, whatever happens: nobody is to wait for a runner that is gone."""
        error = "the events ended"
        with contextlib.suppress(asyncio.CancelledError):
            try:
                async for event in runner.events():
                    self._inbox.put_nowait((runner, event))
                    if isinstance(event, Broken):
                        return
            except Exception as fault:
                note("runner.garbled", self._job, level=logging.ERROR, trace=True)
                error = f"{type(fault).__name__}: {fault}"
            self._inbox.put_nowait((runner, Broken(key="runner.died", facts={}, error=error)))

    async def _bury(self, broken: Broken) -> None:
        """Always raises."""
        note("runner.broken", self._job, level=logging.WARNING, problem=broken.key, strikes=self._strikes + 1)
        await self.close()
        self._strikes += 1
        if broken.key in MAY_PASS and self._strikes < STRIKES:
            raise Dead(broken)
        raise GaveUp(broken)


class GaveUp(ProblemError):
    """No runner is to be had for this job."""

    def __init__(self, broken: Broken) -> None:
        self.broken = broken
        super().__init__([Problem(key=broken.key, facts=dict(broken.facts))])
