"""The parent's side of a child process that trains on this machine. Knows pipes and signals, no model and no torch.

The child is `python -m tuner.runners.child`; the lines are those of tuner/runners/wire.py. Its first stdout carries
events only; what libraries print goes to stderr, into the log, and its last lines explain a death. The child has a
session of its own, so that Ctrl-C at a terminal reaches the worker and not the training; it ends when its stdin ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tuner.runners import wire
from tuner.runners.base import Broken, Ready, RunnerEvent, Setup, StopAs, TrialEnded, TrialSpec
from tuner.runners.tail import Tail

CHILD: tuple[str, ...] = (sys.executable, "-m", "tuner.runners.child")
SENDING_S = 10.0
DYING_S = 10.0
"""From the end of its events to the end of the process."""

_log = logging.getLogger("onsa.runner")


class LocalRunner:
    """Implements `Runner` for one child process. Made by `launch`."""

    def __init__(self, process: asyncio.subprocess.Process, slots: int, tail: Tail) -> None:
        self.slots = slots
        self._process = process
        self._tail = tail
        self._drain = asyncio.create_task(tail.follow(_stream(process.stderr)))
        self._busy: dict[int, int] = {}
        self._closing = False
        self._writing = asyncio.Lock()

    @classmethod
    async def launch(cls, setup: Setup, log: Path, command: Sequence[str] = CHILD) -> LocalRunner:
        """Promises a child that is loading what `setup` names; its first event is Ready or Broken. Raises OSError when
        no process can be started. `log`: the file that what libraries print is appended to.
        """
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            limit=wire.LONGEST_LINE, start_new_session=True, env=_environment())
        runner = cls(process, setup.slots, Tail(log))
        await runner._send(setup)
        return runner

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self, slot: int, trial: TrialSpec) -> None:
        if not 0 <= slot < self.slots:
            raise ValueError(f"0 <= slot < {self.slots} must hold, got slot={slot}")
        if slot in self._busy:
            raise ValueError(f"a slot holds one trial, slot {slot} holds trial {self._busy[slot]}")
        self._busy[slot] = trial.number
        await self._send(wire.Start(slot=slot, trial=trial))

    async def stop(self, number: int, as_outcome: StopAs) -> None:
        if number in self._busy.values():
            await self._send(wire.Stop(number=number, outcome=as_outcome))

    async def score(self, subject: str, trial: int | None, checkpoint: str | None) -> None:
        await self._send(wire.Score(subject=subject, trial=trial, checkpoint=checkpoint))

    async def events(self) -> AsyncIterator[RunnerEvent]:
        """Ends after Broken, and after `close`."""
        stdout = _stream(self._process.stdout)
        while line := await stdout.readline():
            try:
                event = wire.decode_event(line)
            except (ValueError, KeyError, TypeError):
                _log.warning("a line from the child is no event: %r", line[:200])
                continue
            if isinstance(event, Ready):
                self.slots = event.slots
            if isinstance(event, TrialEnded):
                self._busy = {slot: number for slot, number in self._busy.items() if number != event.number}
            yield event
            if isinstance(event, Broken):
                return
        if not self._closing:
            yield await self._death()

    async def close(self, timeout_s: float = 10.0) -> None:
        if not self._closing:
            self._closing = True
            await self._send(wire.Close())
            with contextlib.suppress(OSError):
                _stdin(self._process.stdin).close()
        try:
            await self._wait(timeout_s)
        finally:
            # Also when the caller is cancelled while it waits: no child outlives its runner.
            self._kill()
        await self._wait(DYING_S)
        await self._tail.end(self._drain)

    async def _send(self, request: wire.Request) -> None:
        """A child that is gone reads nothing more; `events` tells of it."""
        stdin = _stdin(self._process.stdin)
        async with self._writing:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, TimeoutError):
                stdin.write(wire.encode_request(request))
                await asyncio.wait_for(stdin.drain(), SENDING_S)

    async def _death(self) -> Broken:
        """Why the events ended although nobody closed the runner."""
        if not await self._wait(DYING_S):
            self._kill()
            await self._wait(DYING_S)
        await self._tail.end(self._drain)
        code = self._process.returncode
        # Only the kernel kills like this when we did not: most often for want of memory.
        key = "runner.no_memory" if code == -signal.SIGKILL else "runner.died"
        return Broken(key=key, facts={"code": code}, error=self._tail.text())

    async def _wait(self, timeout_s: float) -> bool:
        """Whether the process ended in time. Its pipes are read meanwhile by their own tasks or not needed any more."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._process.wait()), timeout_s)
        return self._process.returncode is not None

    def _kill(self) -> None:
        """The child and whatever it started, by its own process group."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


async def launch_local(setup: Setup, log: Path, most: int | None = None, chat_share: float = 0.0) -> LocalRunner:
    """The worker's usual way to a runner: one child, which trains as many trials side by side as the setup wants.

    `most`: who runs the machine allows no more, and wants so many where nobody says a number; None: no such word.
    """
    wanted = setup.slots if most is None else min(setup.slots or most, most)
    return await LocalRunner.launch(dataclasses.replace(setup, slots=wanted, chat_share=chat_share), log)


def _environment() -> dict[str, str]:
    """The worker's own, without what a training process has no business to know."""
    kept = {name: value for name, value in os.environ.items() if "DISCORD" not in name.upper()}
    return {**kept, "PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false"}


def _stream(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    assert stream is not None
    return stream


def _stdin(stream: asyncio.StreamWriter | None) -> asyncio.StreamWriter:
    assert stream is not None
    return stream
