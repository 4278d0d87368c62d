"""Old databases are brought to this version's shape once; newer ones are refused untouched."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import Clock

from tuner.store import Store, StoreUnavailable
from tuner.store.connection import Database
from tuner.store.migrate import Script, migrate, scripts

OLD = Path(__file__).parent / "store_databases"
"""Dumps of databases that earlier versions wrote: one a migration, made when that migration was the newest."""


def restore(home: Path, dump: Path) -> None:
    home.mkdir(exist_ok=True)
    with closing(sqlite3.connect(home / "onsa.db")) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))


def names(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "onsa.db")) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM migrations ORDER BY name")]


def tables(home: Path) -> set[str]:
    with closing(sqlite3.connect(home / "onsa.db")) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


async def applied(home: Path, *wanted: Script) -> None:
    database = Database(home, time.time, 5.0)
    await database.open()
    try:
        await migrate(database, wanted)
    finally:
        await database.close()


def test_scripts_are_numbered_without_gaps() -> None:
    assert [int(script.name.split("_")[0]) for script in scripts()] == list(range(1, len(scripts()) + 1))


def test_every_migration_has_a_database_that_it_left_behind() -> None:
    assert sorted(dump.stem for dump in OLD.glob("*.sql")) == [script.name for script in scripts()]


@pytest.mark.parametrize("name", [script.name for script in scripts()])
async def test_a_database_of_an_earlier_version_opens_with_all_it_holds(tmp_path: Path, name: str) -> None:
    await asyncio.to_thread(restore, tmp_path, OLD / f"{name}.sql")
    async with await Store.open(tmp_path, Clock(1_000_000.0)) as store:
        jobs = await store.jobs("red")
        assert [(job.number, job.state) for job in jobs] == [(2, "queued"), (1, "finished")]
        assert jobs[1].plan.hash() == jobs[0].plan.hash()
        assert [record.state for record in await store.trials(jobs[1].id)] == ["complete", "failed"]
        assert [result.subject for result in await store.tests(jobs[1].id)] == ["base", "best"]
        assert [event.body["kind"] for event in await store.events(0)] == ["TrialFinished", "StudyFinished"]
        best = await store.best_checkpoint("red")
        assert best is not None
        assert best.trial == 0
        found = await store.dataset("red", "faq.csv")
        assert found is not None
        assert await store.preference("red", None, "language") == "ja"
        assert await store.dialogue("ana", "lab") == {"asked": "どの列ですか"}
        assert await store.measured("seconds_per_token") == 0.5
        assert await store.delivery(2, "lab") == "message-1"
        claimed = await store.claim("w", 60)
        assert claimed is not None
        assert claimed.number == 2
    assert names(tmp_path) == [script.name for script in scripts()]


async def test_a_later_migration_runs_on_what_0001_alone_left(tmp_path: Path) -> None:
    first = scripts()[0]
    later = Script(name="0900_colours", sql="ALTER TABLE jobs ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey';\n")
    await asyncio.to_thread(restore, tmp_path, OLD / f"{first.name}.sql")
    await applied(tmp_path, first, later)
    await applied(tmp_path, first, later)  # again: nothing runs twice
    assert names(tmp_path) == [first.name, later.name]
    with closing(sqlite3.connect(tmp_path / "onsa.db")) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM jobs").fetchall()
    assert [row["colour"] for row in rows] == ["grey", "grey"]
    assert [row["number"] for row in rows] == [1, 2]


async def test_a_migration_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    good = Script(name="0001_good", sql="CREATE TABLE good (id INTEGER);\n")
    bad = Script(name="0002_bad", sql="CREATE TABLE half (id INTEGER);\nINSERT INTO nowhere VALUES (1);\n")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        await applied(tmp_path, good, bad)
    assert names(tmp_path) == ["0001_good"]
    assert "half" not in tables(tmp_path)


async def test_comments_and_triggers_are_whole_statements(tmp_path: Path) -> None:
    sql = """-- first; with a semicolon
    CREATE TABLE a (id INTEGER); -- and a word behind
    CREATE TRIGGER b AFTER INSERT ON a BEGIN
        DELETE FROM a WHERE id < 0;
        DELETE FROM a WHERE id > 9;
    END;
    -- the end
    """
    await applied(tmp_path, Script(name="0001_a", sql=sql))
    assert "a" in tables(tmp_path)


async def test_a_script_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must end with a semicolon"):
        await applied(tmp_path, Script(name="0001_a", sql="CREATE TABLE a (id INTEGER);\nDROP TABLE"))
    assert "a" not in tables(tmp_path)


async def test_a_database_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    async with await Store.open(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "onsa.db")) as connection:
        connection.execute("INSERT INTO migrations VALUES ('0901_tomorrow', 5.0)")
        connection.commit()
    before = (tmp_path / "onsa.db").read_bytes()
    with pytest.raises(StoreUnavailable) as caught:
        await Store.open(tmp_path)
    assert (caught.value.problem.key, caught.value.problem.facts["migration"]) == ("store.newer", "0901_tomorrow")
    assert (tmp_path / "onsa.db").read_bytes() == before
