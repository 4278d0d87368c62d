"""What people call jobs and checkpoints, and which checkpoint is a team's model."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import aiosqlite

from tuner.store.connection import Database, one
from tuner.store.rows import LARGEST, folded

_JOB_ITSELF = -1

_NAMES = """
    SELECT names.*, jobs.number AS job_number FROM names JOIN jobs ON jobs.id = names.job
"""
_PROMOTIONS = """
    SELECT promotions.*, jobs.number AS job_number FROM promotions JOIN jobs ON jobs.id = promotions.job
    JOIN checkpoints ON checkpoints.job = promotions.job AND checkpoints.trial = promotions.trial
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name and what it means."""

    name: str
    job: int
    """The job's number in the team."""
    trial: int | None
    """None: the job itself."""
    person: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A checkpoint that was made the team's model."""

    job: int
    """The job's number in the team."""
    trial: int
    person: str
    at: float


class Labels:
    """Opened by the store. Every method answers from one team's rows only and raises StoreUnavailable as the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def call(self, team: str, job: int, trial: int | None, name: str, person: str) -> Named:
        """Names a job, or one try of it; the name that it had before is given up. Case and full width do not count.

        Returns what the name means afterwards: something else where it was taken, and then nothing was written.
        Raises KeyError for a job that this team does not have, ValueError for an empty name.
        """
        if not folded(name):
            raise ValueError(f"a name has a letter, got {name!r}")
        async with self._database.transaction() as connection:
            row = await _job(connection, team, job)
            which = _JOB_ITSELF if trial is None else trial
            known = await one(connection, f"{_NAMES} WHERE names.team = ? AND folded = ?", (team, folded(name)))
            if known is not None and (known["job"], known["trial"]) != (row["id"], which):
                return _named(known)
            await connection.execute("DELETE FROM names WHERE job = ? AND trial = ?", (row["id"], which))
            await connection.execute(
                "INSERT INTO names (team, folded, name, job, trial, person, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (team, folded(name), name, row["id"], which, person, self._database.clock()),
            )
        return Named(name=name, job=job, trial=trial, person=person, at=self._database.clock())

    async def uncall(self, team: str, job: int, trial: int | None) -> Named | None:
        """Forgets the name of a job, or of a try; returns it, or None where there was none."""
        which = _JOB_ITSELF if trial is None else trial
        async with self._database.transaction() as connection:
            known = await one(
                connection, f"{_NAMES} WHERE names.team = ? AND jobs.number = ? AND trial = ?", (team, job, which)
            )
            if known is None:
                return None
            await connection.execute("DELETE FROM names WHERE job = ? AND trial = ?", (known["job"], which))
        return _named(known)

    async def names(self, team: str) -> list[Named]:
        """Newest job first, the job's own name before those of its tries."""
        rows = await self._database.rows(
            f"{_NAMES} WHERE names.team = ? ORDER BY jobs.number DESC, trial", (team,)
        )
        return [_named(row) for row in rows]

    async def meaning(self, team: str, name: str) -> Named | None:
        row = await self._database.row(f"{_NAMES} WHERE names.team = ? AND folded = ?", (team, folded(name)))
        return None if row is None else _named(row)

    async def promote(self, team: str, job: int, trial: int, person: str) -> Promotion:
        """Makes a checkpoint the team's model; the one that is it already stays so, once.

        Raises KeyError where the team has no such checkpoint.
        """
        at = self._database.clock()
        async with self._database.transaction() as connection:
            row = await _job(connection, team, job)
            kept = await one(
                connection, "SELECT 1 FROM checkpoints WHERE job = ? AND trial = ?", (row["id"], trial)
            )
            if kept is None:
                raise KeyError(trial)
            now = await one(connection, f"{_PROMOTIONS} WHERE promotions.team = ? ORDER BY seq DESC LIMIT 1", (team,))
            if now is not None and (now["job"], now["trial"]) == (row["id"], trial):
                return _promotion(now)
            await connection.execute(
                "INSERT INTO promotions (team, job, trial, person, at) VALUES (?, ?, ?, ?, ?)",
                (team, row["id"], trial, person, at),
            )
        return Promotion(job=job, trial=trial, person=person, at=at)

    async def promoted(self, team: str) -> Promotion | None:
        """The team's model; None where there is none. A promotion whose checkpoint is gone does not count."""
        row = await self._database.row(
            f"{_PROMOTIONS} WHERE promotions.team = ? ORDER BY seq DESC LIMIT 1", (team,)
        )
        return None if row is None else _promotion(row)

    async def undo_promotion(self, team: str) -> Promotion | None:
        """Takes the newest promotion back and returns it: the one before it counts again. None where there was none."""
        async with self._database.transaction() as connection:
            row = await one(
                connection, f"{_PROMOTIONS} WHERE promotions.team = ? ORDER BY seq DESC LIMIT 1", (team,)
            )
            if row is None:
                return None
            await connection.execute("DELETE FROM promotions WHERE team = ? AND seq >= ?", (team, row["seq"]))
        return _promotion(row)


async def _job(connection: aiosqlite.Connection, team: str, number: int) -> sqlite3.Row:
    row = None
    if 1 <= number <= LARGEST:
        row = await one(connection, "SELECT id FROM jobs WHERE team = ? AND number = ?", (team, number))
    if row is None:
        raise KeyError(number)
    return row


def _named(row: sqlite3.Row) -> Named:
    trial = None if row["trial"] == _JOB_ITSELF else int(row["trial"])
    return Named(name=row["name"], job=row["job_number"], trial=trial, person=row["person"], at=row["at"])


def _promotion(row: sqlite3.Row) -> Promotion:
    return Promotion(job=row["job_number"], trial=row["trial"], person=row["person"], at=row["at"])
