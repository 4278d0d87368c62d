"""Several processes on one home: nothing twice, nothing missing, nothing lost when one is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from store_samples import child, go, line, new_job

from tuner.store import Store


def race(home: Path, *commands: tuple[str, ...]) -> list[list[Any]]:
    """Starts one child a command, lets all go at the same moment, returns what each said."""
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(child(home, *words)) for words in commands]
        assert [line(process) for process in children] == ["ready"] * len(children)
        for process in children:
            go(process)
        said = [process.communicate(timeout=60)[0] for process in children]
        assert [process.returncode for process in children] == [0] * len(children)
    return [[json.loads(text) for text in lines.splitlines()] for lines in said]


async def submit_many(home: Path, count: int) -> None:
    async with await Store.open(home) as store:
        for index in range(count):
            await store.submit(new_job(f"m-{index}"))


def test_a_message_that_two_processes_submit_at_once_is_queued_once(tmp_path: Path) -> None:
    asyncio.run(submit_many(tmp_path, 0))
    first, second = race(tmp_path, ("submit", "40"), ("submit", "40"))
    assert [number for number, _ in first] == [number for number, _ in second]
    assert all(ours != theirs for (_, ours), (_, theirs) in zip(first, second, strict=True))
    assert sorted(number for number, queued in first + second if queued) == list(range(1, 41))


def test_no_two_workers_claim_the_same_job(tmp_path: Path) -> None:
    asyncio.run(submit_many(tmp_path, 30))
    claims = race(tmp_path, *(("claim", f"w-{index}") for index in range(3)))
    assert sorted(number for claimed in claims for number in claimed) == list(range(1, 31))


def test_processes_that_make_the_database_together_all_open_it(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    assert race(home, *[("open_new",)] * 4) == [["opened"]] * 4


def test_a_process_killed_in_mid_write_loses_no_committed_row(tmp_path: Path) -> None:
    asyncio.run(submit_many(tmp_path, 1))
    with child(tmp_path, "write") as process:
        assert line(process) == "ready"
        go(process)
        committed = [int(line(process)) for _ in range(60)]
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
    committed += [int(text) for text in rest.splitlines() if text]

    async def stored() -> tuple[list[int], str | None]:
        async with await Store.open(tmp_path) as store:
            job = await store.job("red", 1)
            assert job is not None
            return [event.seq for event in await store.events(0, limit=10**6)], job.worker

    seqs, worker = asyncio.run(stored())
    assert seqs == list(range(1, len(seqs) + 1))
    assert set(committed) <= set(seqs)
    assert len(seqs) - len(committed) <= 1  # at most the one that was committed and not yet said
    assert worker == "writer"
    with contextlib.closing(sqlite3.connect(tmp_path / "onsa.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_many_tasks_of_one_process_share_a_store(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        submitted = await asyncio.gather(*(store.submit(new_job(f"m-{index % 20}")) for index in range(60)))
    assert sorted({job.number for job, _ in submitted}) == list(range(1, 21))
    assert sum(queued for _, queued in submitted) == 20


async def test_a_cancelled_writer_leaves_nothing_half_done(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        for index in range(40):
            task = asyncio.create_task(store.submit(new_job(f"m-{index}")))
            for _ in range(index % 9):
                await asyncio.sleep(0.0005)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        numbers = [job.number for job in await store.jobs("red", limit=100)]
        assert numbers == list(range(len(numbers), 0, -1))
        job, queued = await store.submit(new_job("the last"))
        assert queued
        assert job.number == len(numbers) + 1


async def test_a_reader_waits_for_no_writer(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, busy_s=30) as store:
        await store.submit(new_job())
        with child(tmp_path, "hold") as process:
            assert await asyncio.to_thread(line, process) == "ready"
            async with asyncio.timeout(5):
                assert len(await store.jobs("red")) == 1
            await let_go(process)


async def let_go(process: subprocess.Popen[str]) -> None:
    go(process)
    assert await asyncio.to_thread(line, process) == '"let go"'
