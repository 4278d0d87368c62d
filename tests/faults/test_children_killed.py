"""A front's worker that is killed comes back by itself, and the job that somebody waits for goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from worker_processes import is_gone, soon

from bot import children as bot_children
from bot.children import Children


@pytest.fixture
async def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Children]:
    monkeypatch.setattr(bot_children, "AGAIN_S", (0.05,))
    made = Children(tmp_path)
    yield made
    await made.close()


def workers_of(home: Path) -> list[int]:
    """Worker processes of this test that work on `home`."""
    found = []
    for process in psutil.Process().children():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "tuner.worker" in words and str(home) in words and process.status() != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


async def only_worker_of(home: Path) -> int:
    """A moment passes before a new process has its command line."""
    await soon(lambda: len(workers_of(home)) == 1, 20)
    return workers_of(home)[0]


async def test_a_killed_worker_is_started_anew_without_being_asked_for(children: Children, tmp_path: Path) -> None:
    await children.keep_worker()
    first = await only_worker_of(tmp_path)
    os.kill(first, signal.SIGKILL)
    await soon(lambda: len(workers_of(tmp_path)) == 1 and workers_of(tmp_path) != [first], 20)


async def test_asking_twice_keeps_one_worker(children: Children, tmp_path: Path) -> None:
    await asyncio.gather(children.keep_worker(), children.keep_worker(), children.keep_worker())
    await only_worker_of(tmp_path)


async def test_closed_children_stay_away(children: Children, tmp_path: Path) -> None:
    await children.keep_worker()
    worker = await only_worker_of(tmp_path)
    process = psutil.Process(worker)
    await children.close()
    assert is_gone(process)
    await asyncio.sleep(0.3)  # several times as long as a new start would have waited
    assert workers_of(tmp_path) == []
    await children.close()
