"""A data set truly gone, with all that came from it: what that is, the rows deleted, the file rewritten without them.

What lies in folders is the caller's to delete; which folders, stands in the store until `finished` says so, so that a
process that dies in between leaves nothing behind: the next one goes on.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiosqlite

from tuner.store.connection import Database
from tuner.store.rows import to_text

REMOVING = "removing"
"""The shelf of removals whose folders may still be there."""
_FOREVER_S = 100 * 365 * 24 * 3600.0
_OVER = ("finished", "stopped", "failed", "paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What came from a data set, by the numbers that people know."""

    team: str
    datasets: tuple[str, ...]
    """Ids: the data set itself first, then what was made from it."""
    names: tuple[str, ...]
    """What they were called."""
    jobs: tuple[int, ...]
    busy: tuple[int, ...]
    """Those of the jobs that run or wait."""
    checkpoints: int
    reports: int
    pairs: int
    votes: int
    ratings: int
    conversations: int
    folders: tuple[str, ...]
    """Relative to the home, patterns with `*` among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A removal of which the rows are gone."""

    key: str
    folders: tuple[str, ...]
    scrub: bool
    """True where no word may be left in the database either."""


class Busy(Exception):
    """`jobs` on the data run or wait: nothing was deleted."""

    def __init__(self, jobs: tuple[int, ...]) -> None:
        self.jobs = jobs
        super().__init__(f"a data set is deleted when no job runs on it, got jobs {jobs}")


class Removal:
    """Opened by the store. Methods raise StoreUnavailable as the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def trace(self, team: str, dataset: str, also: Collection[str], said: Collection[str]) -> Trace | None:
        """What came from a data set and from `also`, ids of other readings of the same file. `said`: questions of the
        data; what was asked with their words is part of it. None where the team has no such data set."""
        async with self._database.transaction() as connection:
            return await _trace(connection, team, dataset, also, said)

    async def forget(
        self, team: str, dataset: str, also: Collection[str], said: Collection[str], files: Collection[str] = ()
    ) -> Trace | None:
        """Deletes all rows of it, and notes its folders and `files`. Raises Busy, and then deletes nothing."""
        async with self._database.transaction() as connection:
            trace = await _trace(connection, team, dataset, also, said)
            if trace is None:
                return None
            if trace.busy:
                raise Busy(trace.busy)
            await _delete(connection, trace, frozenset(said))
            folders = [*trace.folders, *files]
            await note(connection, f"{team}/{dataset}", folders, self._database.clock(), scrub=True)
        return trace

    async def unfinished(self) -> list[Begun]:
        """Removals whose folders may still be there."""
        rows = await self._database.rows("SELECT channel, value FROM dialogues WHERE person = ?", (REMOVING,))
        values = [(row["channel"], json.loads(row["value"])) for row in rows]
        return [Begun(key=key, folders=tuple(each["folders"]), scrub=each["scrub"]) for key, each in values]

    async def finished(self, key: str) -> None:
        """The folders are gone."""
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM dialogues WHERE person = ? AND channel = ?", (REMOVING, key))

    async def scrub(self, patience_s: float = 20.0) -> bool:
        """Rewrites the file, so that nothing that was deleted can be read from it. False while others hold on to it."""
        return await self._database.rewrite(patience_s)


async def note(
    connection: aiosqlite.Connection, key: str, folders: Sequence[str], now: float, *, scrub: bool
) -> None:
    """Inside the caller's transaction: these folders are to be deleted, whoever dies meanwhile."""
    await connection.execute(
        "INSERT OR REPLACE INTO dialogues (person, channel, value, expires_at) VALUES (?, ?, ?, ?)",
        (REMOVING, key, to_text({"folders": list(folders), "scrub": scrub}), now + _FOREVER_S),
    )


async def _trace(
    connection: aiosqlite.Connection, team: str, dataset: str, also: Collection[str], said: Collection[str]
) -> Trace | None:
    known = {row["id"] for row in await _rows(connection, "SELECT id FROM datasets WHERE team = ?", (team,))}
    if dataset not in known:
        return None
    datasets = [dataset, *sorted(known & set(also) - {dataset})]
    jobs: list[sqlite3.Row] = []
    while True:
        jobs = [row for row in await _rows(connection, "SELECT * FROM jobs WHERE team = ? ORDER BY number", (team,))
                if json.loads(row["plan"])["dataset"] in datasets]
        numbers = {row["number"] for row in jobs}
        made = await _rows(
            connection, "SELECT DISTINCT job, used_in FROM ratings WHERE team = ? AND used_in IS NOT NULL", (team,)
        )
        more = sorted({row["used_in"] for row in made if row["job"] in numbers} & known - set(datasets))
        if not more:
            break
        datasets += more
    return await _counted(connection, team, datasets, jobs, frozenset(said))


async def _counted(
    connection: aiosqlite.Connection, team: str, datasets: list[str], jobs: list[sqlite3.Row], said: frozenset[str]
) -> Trace:
    numbers, ids = tuple(row["number"] for row in jobs), [row["id"] for row in jobs]
    pairs = await _pairs(connection, team, numbers, said)
    names = [
        row["name"]
        for each in datasets
        for row in await _rows(
            connection, "SELECT name FROM dataset_names WHERE team = ? AND dataset = ? ORDER BY seq DESC", (team, each)
        )
    ]
    folders = [
        row["folder"]
        for each in datasets
        for row in await _rows(connection, "SELECT folder FROM datasets WHERE team = ? AND id = ?", (team, each))
    ]
    kept = await _among(connection, "SELECT folder FROM checkpoints WHERE job IN ({})", ids)
    folders += sorted({row["folder"].rpartition("/")[0] for row in kept if "/" in row["folder"]})
    for row in jobs:
        number = row["number"]
        folders += [f"teams/{team}/jobs/{number}", f"charts/{team}/job-{number}", f"exports/{team}/job-{number}-*",
                    f"logs/runner-{row['id']}.log*"]
    return Trace(
        team=team,
        datasets=tuple(datasets),
        names=tuple(dict.fromkeys(names)),
        jobs=numbers,
        busy=tuple(row["number"] for row in jobs if row["state"] not in _OVER),
        checkpoints=len(kept),
        reports=len(await _among(connection, "SELECT seq FROM events WHERE kind = 'StudyFinished' AND job IN ({})",
                                 ids)),
        pairs=len(pairs),
        votes=len(await _among(connection, "SELECT person FROM votes WHERE pair IN ({})", pairs)),
        ratings=len(await _ratings(connection, team, numbers, said)),
        conversations=sum(kind == "talk" for _, _, kind in await _dialogues(connection, team, datasets, numbers, said)),
        folders=tuple(dict.fromkeys(folders)),
    )


async def _delete(connection: aiosqlite.Connection, trace: Trace, said: frozenset[str]) -> None:
    """Every row that belongs to it. Tables that hang on jobs are found by their references, so that none is missed."""
    team, marks = trace.team, ", ".join("?" for _ in trace.jobs)
    rows = await _rows(connection, f"SELECT id FROM jobs WHERE team = ? AND number IN ({marks})", (team, *trace.jobs))
    ids = [row["id"] for row in rows]
    for person, channel, _ in await _dialogues(connection, team, trace.datasets, trace.jobs, said):
        await connection.execute("DELETE FROM dialogues WHERE person = ? AND channel = ?", (person, channel))
    for pair in await _pairs(connection, team, trace.jobs, said):
        await connection.execute("DELETE FROM pairs WHERE id = ?", (pair,))
    for rating in await _ratings(connection, team, trace.jobs, said):
        await connection.execute("DELETE FROM ratings WHERE id = ?", (rating,))
    await _among(connection, "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM events WHERE job IN ({}))", ids)
    for table, column in await _hanging_on(connection, "jobs"):
        await _among(connection, f"DELETE FROM {table} WHERE {column} IN ({{}})", ids)
    if trace.jobs:
        await connection.execute(
            """
            INSERT INTO job_numbers (team, last) VALUES (:team, :last)
            ON CONFLICT (team) DO UPDATE SET last = MAX(last, :last)
            """,
            {"team": team, "last": max(trace.jobs)},
        )
    await _among(connection, "DELETE FROM jobs WHERE id IN ({})", ids)
    for each in trace.datasets:
        await connection.execute("DELETE FROM dataset_names WHERE team = ? AND dataset = ?", (team, each))
        await connection.execute("DELETE FROM datasets WHERE team = ? AND id = ?", (team, each))
        await connection.execute("DELETE FROM preferences WHERE team = ? AND value = ?", (team, each))


async def _hanging_on(connection: aiosqlite.Connection, table: str) -> list[tuple[str, str]]:
    """(table, column) of everything that refers to `table`."""
    found = []
    for row in await _rows(connection, "SELECT name FROM sqlite_master WHERE type = 'table'", ()):
        keys = await _rows(connection, f"PRAGMA foreign_key_list({row['name']})", ())
        found += [(row["name"], key["from"]) for key in keys if key["table"] == table]
    return found


async def _pairs(
    connection: aiosqlite.Connection, team: str, jobs: Collection[int], said: frozenset[str]
) -> list[str]:
    starts = tuple(f"job-{number}/" for number in jobs)
    return [
        row["id"]
        for row in await _rows(connection, "SELECT * FROM pairs WHERE team = ?", (team,))
        if row["left_subject"].startswith(starts) or row["right_subject"].startswith(starts)
        or _says(json.loads(row["messages"]), said)
    ] if starts or said else []


async def _ratings(
    connection: aiosqlite.Connection, team: str, jobs: Collection[int], said: frozenset[str]
) -> list[int]:
    rows = await _rows(connection, "SELECT id, job, messages FROM ratings WHERE team = ?", (team,))
    return [row["id"] for row in rows if row["job"] in jobs or _says(json.loads(row["messages"]), said)]


async def _dialogues(
    connection: aiosqlite.Connection, team: str, datasets: Iterable[str], jobs: Iterable[int], said: frozenset[str]
) -> list[tuple[str, str, str]]:
    """(person, channel, kind) of what the team's dialogues keep of it: plans that wait, rounds, answers, talks."""
    ids = frozenset(datasets)
    models = tuple(f"{team}/job-{number}-" for number in jobs)
    keys = tuple(f"job-{number}/" for number in jobs)
    found = []
    for row in await _rows(connection, "SELECT * FROM dialogues WHERE person <> ?", (REMOVING,)):
        value = json.loads(row["value"])
        says_so = isinstance(value, dict) and value.get("team") == team
        is_ours = says_so or row["channel"].startswith(f"{team}/") or f":{team}:" in row["channel"]
        if not is_ours and models:
            is_ours = any(text.startswith(models) for text in _texts(value))
        if is_ours and any(
            text in ids or (models and text.startswith(models)) or (keys and text.startswith(keys)) or text in said
            for text in _texts(value)
        ):
            is_talk = row["channel"].startswith(f"{team}/") or f"rated:{team}:" in row["channel"]
            found.append((row["person"], row["channel"], "talk" if is_talk else "shelf"))
    return found


def _texts(value: Any) -> Iterable[str]:
    """Every text in a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _says(messages: list[Mapping[str, str]], said: frozenset[str]) -> bool:
    return any(message.get("content") in said for message in messages)


async def _rows(connection: aiosqlite.Connection, sql: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
    return list(await connection.execute_fetchall(sql, values))


async def _among(connection: aiosqlite.Connection, sql: str, values: Collection[Any]) -> list[sqlite3.Row]:
    """The statement for all `values`, a few hundred at a time."""
    found: list[sqlite3.Row] = []
    everything = list(values)
    for start in range(0, len(everything), 500):
        some = everything[start : start + 500]
        found += await connection.execute_fetchall(sql.format(", ".join("?" for _ in some)), some)
    return found
