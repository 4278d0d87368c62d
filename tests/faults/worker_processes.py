"""Worker processes for fault tests: started, watched and ended by process id."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

SCRIPTED = Path(__file__).with_name("scripted_worker.py")


class Workers:
    """Every worker that a test starts; none of them, and no child of theirs, outlives it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._processes: list[asyncio.subprocess.Process] = []
        self._children: list[psutil.Process] = []

    async def scripted(self, script: dict[str, object], *options: str) -> asyncio.subprocess.Process:
        return await self._start(str(SCRIPTED), json.dumps(script), *options)

    async def real(self, *options: str) -> asyncio.subprocess.Process:
        return await self._start("-m", "tuner.worker", *options)

    async def children(self, worker: asyncio.subprocess.Process) -> list[psutil.Process]:
        """The training processes of a worker, remembered for the end."""
        found = await asyncio.to_thread(psutil.Process(worker.pid).children, recursive=True)
        self._children += found
        return found

    async def end(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        for child in self._children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    async def _start(self, *command: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "--home", str(self._home), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=os.environ.copy())
        self._processes.append(process)
        return process


@asynccontextmanager
async def workers(home: Path) -> AsyncIterator[Workers]:
    made = Workers(home)
    try:
        yield made
    finally:
        await made.end()


async def soon(holds: Callable[[], bool], patience_s: float = 20.0) -> None:
    """Waits until something outside the store holds."""
    async with asyncio.timeout(patience_s):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  (another process tells us nothing)
            await asyncio.sleep(0.05)


def is_gone(process: psutil.Process) -> bool:
    """Ended, or only waiting for a parent that never asks."""
    try:
        return process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True
