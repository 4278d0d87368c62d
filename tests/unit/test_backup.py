"""A backup is one file that brings a home back, whole or not at all; jobs under way go on to their report."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from worker_jobs import Launches, of, plan, submit, told, until

from bot.console.keeping import backup, restore
from bot.settings import BotSettings
from tuner.events import StudyFinished
from tuner.problems import ProblemError
from tuner.runners.scripted import Script
from tuner.store import Store
from tuner.store.backup import CONTENTS, Backup, settle, unpack, write_backup
from tuner.worker import run

OLD = Path(__file__).resolve().parents[1] / "contracts" / "store_databases"


def key_of(act: Callable[[], object]) -> str:
    """The problem that `act` raises."""
    with pytest.raises(ProblemError) as caught:
        act()
    return caught.value.problems[0].key


def outcome_of(act: Callable[[], Backup]) -> Backup | str:
    """What `act` gives, or the problem that it raises."""
    try:
        return act()
    except ProblemError as error:
        return error.problems[0].key


def damage(file: Path, how: str, at: float) -> None:
    content = bytearray(file.read_bytes())
    place = int(len(content) * at)
    if how == "cut":
        del content[place:]
    else:
        content[place] ^= 0xFF
    file.write_bytes(bytes(content))


def found(folder: Path, name: str) -> list[Path]:
    return list(folder.rglob(name))


async def a_home(home: Path) -> None:
    """A finished job with its checkpoints."""
    async with await Store.open(home) as store:
        await submit(store, plan(trials=2))
        await run(home, once=True, runner_factory=Launches())


@pytest.fixture
async def saved(tmp_path: Path) -> Path:
    """A backup of a home with a finished job."""
    await a_home(tmp_path / "first")
    await asyncio.to_thread(write_backup, tmp_path / "first", tmp_path / "saved.zip", 5.0)
    return tmp_path / "saved.zip"


def rewritten(saved: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The backup with other entries; its list stays as `change` leaves it."""
    with zipfile.ZipFile(saved) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    other = saved.with_name("other.zip")
    with zipfile.ZipFile(other, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return other


@pytest.mark.parametrize("wish", ["", "pause"])
async def test_a_job_under_way_goes_on_in_an_empty_home_to_its_report(tmp_path: Path, wish: str) -> None:
    """Saved while the worker runs, or paused half-way; the old home is gone before the new one begins."""
    first, second = tmp_path / "first", tmp_path / "second"
    async with await Store.open(first) as store:
        job = await submit(store, plan(trials=4))
        task = asyncio.create_task(run(first, once=True, runner_factory=Launches(Script(step_s=0.02, long={"1": 500}))))
        await until(store, job, lambda job, trials: any(trial.state == "complete" for trial in trials))
        if wish == "pause":
            await store.wish("team", 1, "pause")
            await until(store, job, lambda job, _: job.state == "paused")
        made = await asyncio.to_thread(write_backup, first, tmp_path / "saved.zip", 5.0)
        assert made.missing == ()
        task.cancel()
        await asyncio.wait([task])
    await asyncio.to_thread(shutil.rmtree, first)
    assert await restore(BotSettings(home=second), tmp_path / "saved.zip") == 0
    async with await Store.open(second) as store:
        before = [trial for trial in await store.trials(job.id) if trial.state == "complete"]
        assert before
        if wish == "pause":
            assert (await store.job_by_id(job.id)).state == "paused"
            await store.resume("team", 1)
        else:  # the lease of the worker that is no more runs out by itself
            await asyncio.to_thread(_end_lease, second)
        async with asyncio.timeout(120):
            await run(second, once=True, runner_factory=Launches())
        after = await store.trials(job.id)
        assert [trial.state for trial in after] == ["complete"] * 4
        assert after[: len(before)] == before, "what had ended runs no second time"
        assert len(of(await told(store, job), StudyFinished)) == 1
        best = await store.best_checkpoint("team", 1)
        assert best is not None
        assert (second / best.folder).is_dir()


def _end_lease(home: Path) -> None:
    with closing(sqlite3.connect(home / "onsa.db")) as connection:
        connection.execute("UPDATE jobs SET lease_until = 0")
        connection.commit()


async def test_everything_comes_back_as_it_was(tmp_path: Path, saved: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for name in ("logs/worker.log", "exports/team/x.zip", "chat.token", "chat.json", "teams/.draft/half"):
        (first / name).parent.mkdir(parents=True, exist_ok=True)
        (first / name).write_text("secret")
    await asyncio.to_thread(saved.unlink)
    assert await backup(BotSettings(home=first), saved) == 0
    assert await restore(BotSettings(home=second), saved) == 0
    kept = {str(path.relative_to(first)): path.read_bytes() for path in (first / "teams").rglob("*")
            if path.is_file() and ".draft" not in path.parts}
    assert {str(path.relative_to(second)): path.read_bytes() for path in (second / "teams").rglob("*")
            if path.is_file()} == kept
    assert sorted(path.name for path in second.iterdir()) == ["onsa.db", "teams"]
    async with await Store.open(first) as old, await Store.open(second) as new:
        assert await new.jobs("team") == await old.jobs("team")
        assert await new.events(0) == await old.events(0)
    assert stat.S_IMODE(second.stat().st_mode) == 0o700


async def test_only_an_empty_home_is_filled(tmp_path: Path, saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "note").write_text("mine")
    assert await restore(BotSettings(home=full), saved) == 1
    assert "not empty" in capsys.readouterr().out
    assert await restore(BotSettings(home=tmp_path / "first", language="ja"), saved) == 1
    assert "空ではありません" in capsys.readouterr().out
    assert [path.name for path in full.iterdir()] == ["note"]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert await restore(BotSettings(home=empty), saved) == 0


def test_a_backup_is_not_written_over_nor_into_its_home_nor_of_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert key_of(lambda: write_backup(home, tmp_path / "a.zip", 5.0)) == "backup.no_home"
    home.mkdir()
    with closing(sqlite3.connect(home / "onsa.db")) as connection:
        connection.executescript((OLD / "0001_first.sql").read_text(encoding="utf-8"))
    assert key_of(lambda: write_backup(home, home / "teams" / "a.zip", 5.0)) == "backup.inside"
    (tmp_path / "a.zip").write_text("older")
    assert key_of(lambda: write_backup(home, tmp_path / "a.zip", 5.0)) == "backup.exists"
    assert (tmp_path / "a.zip").read_text() == "older"
    (tmp_path / "file").write_text("")
    assert key_of(lambda: write_backup(home, tmp_path / "file" / "a.zip", 5.0)) == "backup.cannot_write"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "file", "home"]


@pytest.mark.parametrize("name", sorted(dump.stem for dump in OLD.glob("*.sql")))
async def test_a_backup_of_an_older_version_is_brought_to_this_one(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    await asyncio.to_thread(home.mkdir)
    with closing(sqlite3.connect(home / "onsa.db")) as connection:
        connection.executescript((OLD / f"{name}.sql").read_text(encoding="utf-8"))
    made = await asyncio.to_thread(write_backup, home, tmp_path / "saved.zip", 5.0)
    assert made.missing != (), "these dumps come without their folders, and that is said"
    assert await restore(BotSettings(home=tmp_path / "new"), tmp_path / "saved.zip") == 0
    async with await Store.open(tmp_path / "new") as store:
        assert [job.number for job in await store.jobs("red")] == [2, 1]


async def test_a_backup_of_a_newer_version_is_refused(tmp_path: Path, saved: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "first" / "onsa.db")) as connection:
        connection.execute("INSERT INTO migrations VALUES ('0901_tomorrow', 5.0)")
        connection.commit()
    await asyncio.to_thread(saved.unlink)
    await asyncio.to_thread(write_backup, tmp_path / "first", saved, 5.0)
    assert await restore(BotSettings(home=tmp_path / "new"), saved) == 1
    assert not any((tmp_path / "new").iterdir())


@pytest.mark.parametrize("at", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("how", ["cut", "flipped"])
async def test_a_damaged_backup_restores_nothing(tmp_path: Path, saved: Path, how: str, at: float) -> None:
    await asyncio.to_thread(damage, saved, how, at)
    home = tmp_path / "new"
    outcome = await asyncio.to_thread(outcome_of, lambda: settle(unpack(saved, home)))
    if isinstance(outcome, str):
        assert outcome in ("backup.damaged", "backup.not_ours", "backup.unsafe")
        assert not home.exists()
    else:  # a byte that zip itself never reads: all that counts came through its sums
        assert how == "flipped"
        assert outcome.files > 2


@pytest.mark.parametrize("name", [
    "../outside", "/etc/outside", "teams/../../outside", "teams\\..\\outside", "C:outside", "./x", "teams//x",
    ".restoring/x",
])
async def test_a_path_out_of_the_home_is_refused(tmp_path: Path, saved: Path, name: str) -> None:
    def change(entries: dict[str, bytes]) -> None:
        listed = json.loads(entries[CONTENTS])
        listed["files"][name] = {"sha256": "0" * 64, "bytes": 1}
        entries[CONTENTS] = json.dumps(listed).encode()
        entries[name] = b"x"

    bad = await asyncio.to_thread(rewritten, saved, change)
    home = tmp_path / "deep" / "new"
    assert await asyncio.to_thread(key_of, lambda: unpack(bad, home)) == "backup.unsafe"
    assert await asyncio.to_thread(found, tmp_path, "outside") == []
    assert not home.exists()


async def test_links_unlisted_files_and_bombs_are_refused(tmp_path: Path, saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        listed = json.loads(archive.read(CONTENTS))
    victim = next(name for name in listed["files"] if name.startswith("teams/"))

    def link(entries: dict[str, bytes]) -> None:
        entries[victim] = b"/etc/passwd"

    bad = await asyncio.to_thread(rewritten, saved, link)
    with zipfile.ZipFile(bad) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        for info, content in entries:
            if info.filename == victim:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, content)
    home = tmp_path / "new"
    assert key_of(lambda: unpack(tmp_path / "link.zip", home)) == "backup.unsafe"
    assert key_of(lambda: unpack(rewritten(saved, lambda each: each.update({"extra": b"x"})), home)) == "backup.damaged"
    assert key_of(lambda: unpack(rewritten(saved, lambda each: each.update({victim: b"0" * 10_000_000})), home)) == (
        "backup.damaged")
    assert key_of(lambda: unpack(rewritten(saved, lambda each: each.pop(CONTENTS) and None), home)) == "backup.not_ours"
    assert key_of(lambda: unpack(tmp_path / "nowhere.zip", home)) == "backup.no_file"
    (tmp_path / "text.zip").write_text("hello")
    assert key_of(lambda: unpack(tmp_path / "text.zip", home)) == "backup.damaged"
    assert not home.exists()


async def test_links_in_the_home_are_not_followed_into_a_backup(tmp_path: Path) -> None:
    await a_home(tmp_path / "first")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("secret")
    (tmp_path / "first" / "teams" / "link").symlink_to(tmp_path / "private", target_is_directory=True)
    os.link(tmp_path / "private" / "key", tmp_path / "private" / "key2")
    await asyncio.to_thread(write_backup, tmp_path / "first", tmp_path / "saved.zip", 5.0)
    with zipfile.ZipFile(tmp_path / "saved.zip") as archive:
        assert not [name for name in archive.namelist() if "link" in name or "key" in name]


async def test_a_restore_that_was_killed_can_be_done_again(tmp_path: Path, saved: Path) -> None:
    home = tmp_path / "new"
    await asyncio.to_thread(unpack, saved, home)  # and never settled
    assert await restore(BotSettings(home=home), saved) == 0
    assert sorted(path.name for path in home.iterdir()) == ["onsa.db", "teams"]
