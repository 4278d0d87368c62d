"""When the disk, the file or another program is in the way, people are told which, and nothing recorded is lost."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import threading
from pathlib import Path

import pytest
from store_samples import child, go, line, new_job, trial

from tuner.events import TrialFinished
from tuner.problems import Problem
from tuner.store import Store, StoreUnavailable

FINISHED = TrialFinished(number=0, state="complete", value=0.5, cause="", best=True)


async def refused(home: Path) -> Problem:
    with pytest.raises(StoreUnavailable) as caught:
        await Store.open(home, busy_s=0.2)
    return caught.value.problem


async def test_a_file_where_the_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    for home in (tmp_path / "home", tmp_path / "home" / "deeper"):
        problem = await refused(home)
        assert (problem.key, problem.facts["reason"]) == ("store.unwritable", "is_a_file")
        assert problem.facts["home"] == str(home)
    assert (tmp_path / "home").read_text() == "not a folder"


async def test_a_folder_where_the_file_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "onsa.db").mkdir()
    assert (await refused(tmp_path)).key == "store.unwritable"


@pytest.mark.parametrize("inside", ["", "home"])
def test_a_home_that_may_not_be_written_is_named(inside: str) -> None:
    """In a child without root's rights, in a folder that everybody may enter and nobody else may write."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o555)
        with child(folder / inside, "open_as_nobody") as process:
            assert line(process) == "ready"
            said, _ = process.communicate("go\n", timeout=30)
        problem = Problem.from_json(json.loads(said))
        assert (problem.key, problem.facts["reason"]) == ("store.unwritable", "no_permission")
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


async def test_a_database_that_may_only_be_read_is_named(tmp_path: Path) -> None:
    """As a read-only mount would be: the file opens, and the first write is refused."""
    async with await Store.open(tmp_path) as store:
        await store.submit(new_job())
        await store._database._writer.connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StoreUnavailable) as caught:
            await store.submit(new_job("m-2"))
        assert (caught.value.problem.key, caught.value.problem.facts["reason"]) == ("store.unwritable", "read_only")
        assert len(await store.jobs("red")) == 1


async def test_a_full_disk_loses_nothing_recorded_and_the_store_goes_on_when_there_is_room(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        await store.submit(new_job())
        job = await store.claim("w", 600)
        assert job is not None
        await store.record_trial(job.id, "w", trial(0), FINISHED)
        pages = (await store._database.rows("PRAGMA page_count"))[0][0]
        await store._database._writer.connection.execute(f"PRAGMA max_page_count = {pages + 8}")
        recorded, problem = 0, None
        while problem is None:
            try:
                await store.record_trial(job.id, "w", trial(recorded + 1, error="x" * 3_000), FINISHED)
                recorded += 1
            except StoreUnavailable as error:
                problem = error.problem
        assert problem.key == "store.full"
        assert recorded > 0
        assert [record.number for record in await store.trials(job.id)] == list(range(recorded + 1))
        assert len(await store.events(0)) == recorded + 1  # a trial without room for its event is not recorded

        await store._database._writer.connection.execute("PRAGMA max_page_count = 1000000")
        await store.record_trial(job.id, "w", trial(recorded + 1), FINISHED)
    async with await Store.open(tmp_path) as store:
        assert len(await store.trials(job.id)) == recorded + 2


async def test_a_store_waits_for_a_foreign_lock_that_goes_away(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, busy_s=30) as store:
        with child(tmp_path, "hold") as process:
            assert await asyncio.to_thread(line, process) == "ready"
            waiting = asyncio.create_task(store.submit(new_job()))
            done, _ = await asyncio.wait({waiting}, timeout=0.3)
            assert not done
            go(process)
            job, queued = await asyncio.wait_for(waiting, 20)
        assert queued
        assert await store.jobs("red") == [job]


async def test_a_foreign_lock_that_stays_is_named_and_the_store_works_afterwards(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, busy_s=0.3) as store:
        with child(tmp_path, "hold") as process:
            assert await asyncio.to_thread(line, process) == "ready"
            with pytest.raises(StoreUnavailable) as caught:
                await store.submit(new_job())
            assert caught.value.problem.key == "store.locked"
            assert caught.value.problem.facts["waited_s"] == 0.3
            go(process)
            assert await asyncio.to_thread(line, process) == '"let go"'
        assert (await store.submit(new_job()))[1]


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\0" + b"\xff" * 8_000])
async def test_a_file_that_is_no_database_is_named_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "onsa.db").write_bytes(content)
    assert (await refused(tmp_path)).key == "store.corrupt"
    assert (tmp_path / "onsa.db").read_bytes() == content


async def test_a_damaged_page_is_named_when_it_is_read(tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        for index in range(50):
            await store.submit(new_job(f"m-{index}"))
        root = (await store._database.rows("SELECT rootpage FROM sqlite_master WHERE name = 'jobs'"))[0][0]
    with (tmp_path / "onsa.db").open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    async with await Store.open(tmp_path) as store:
        with pytest.raises(StoreUnavailable) as caught:
            await store.jobs("red")
        assert caught.value.problem.key == "store.corrupt"


async def test_a_closed_store_leaves_no_thread_and_may_be_closed_again(tmp_path: Path) -> None:
    before = threading.active_count()
    store = await Store.open(tmp_path / "home")
    await store.close()
    await store.close()
    (tmp_path / "other").write_text("not a folder")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "onsa.db").write_bytes(b"no database" * 100)
    await refused(tmp_path / "other")
    await refused(tmp_path / "bad")
    await asyncio.get_running_loop().shutdown_default_executor()
    assert threading.active_count() == before
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["onsa.db"]  # no log is left over


async def test_only_the_owner_may_look_into_a_home_that_onsa_made(tmp_path: Path) -> None:
    async with await Store.open(tmp_path / "home"):
        assert os.stat(tmp_path / "home").st_mode & 0o077 == 0  # noqa: PTH116


async def test_waiting_for_a_lock_never_blocks_the_event_loop(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, busy_s=0.6) as store:
        with child(tmp_path, "hold") as process:
            assert await asyncio.to_thread(line, process) == "ready"
            loop = asyncio.get_running_loop()
            waiting = asyncio.create_task(store.submit(new_job()))
            longest, last = 0.0, loop.time()
            while not waiting.done():
                await asyncio.sleep(0.01)
                longest, last = max(longest, loop.time() - last), loop.time()
            with pytest.raises(StoreUnavailable):
                waiting.result()
            assert longest < 0.4  # one blocking wait would have taken 0.6 s
            go(process)
