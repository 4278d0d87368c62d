"""What happened, in the order in which it happened, and which of it was told to people."""

from __future__ import annotations

from collections.abc import Sequence

import aiosqlite

from tuner.events import Event, TrialProgress, event_to_json
from tuner.store.connection import Database, one
from tuner.store.records import StoredEvent
from tuner.store.rows import LARGEST, event_of, to_text

TOLD = ("StudyFinished", "JobFailed", "VotesWanted")
"""Kinds of which each event has to reach its people."""

PROGRESS_KEPT = 64
"""TrialProgress events of a trial under way: enough for a live curve, however many hours it takes. Of an ended trial,
whose record holds the curve, the last one is kept."""


async def write(connection: aiosqlite.Connection, job_id: int, event: Event, now: float) -> int:
    """Inside the caller's transaction. Writers take turns, so a reader never sees a number before a smaller one."""
    body = event_to_json(event)
    trial = event.number if isinstance(event, TrialProgress) else None
    await connection.execute(
        "INSERT INTO events (job, at, kind, body, trial) VALUES (?, ?, ?, ?, ?)",
        (job_id, now, body["kind"], to_text(body), trial),
    )
    row = await one(connection, "SELECT last_insert_rowid() AS seq")
    assert row is not None
    if trial is not None:
        await _thin(connection, job_id, trial)
    return int(row["seq"])


async def _thin(connection: aiosqlite.Connection, job_id: int, trial: int) -> None:
    """Where a trial has one too many, drops the one whose neighbours are nearest: what is left spans the whole trial,
    evenly, and holds the first and the newest."""
    await connection.execute(
        """
        DELETE FROM events WHERE seq = (
            SELECT seq FROM (
                SELECT seq, LEAD(seq) OVER told - LAG(seq) OVER told AS gap, COUNT(*) OVER () AS count
                FROM events WHERE job = :job AND trial = :trial WINDOW told AS (ORDER BY seq)
            ) WHERE count > :kept AND gap IS NOT NULL ORDER BY gap, seq LIMIT 1
        )
        """,
        {"job": job_id, "trial": trial, "kept": PROGRESS_KEPT},
    )


async def forget_progress(connection: aiosqlite.Connection, job_id: int, trial: int) -> None:
    """Inside the transaction that records the trial: of its progress only the last stays."""
    await connection.execute(
        """
        DELETE FROM events WHERE job = :job AND trial = :trial
          AND seq < (SELECT MAX(seq) FROM events WHERE job = :job AND trial = :trial)
        """,
        {"job": job_id, "trial": trial},
    )


async def events(database: Database, after: int, job_id: int | None, limit: int) -> list[StoredEvent]:
    if job_id is None:
        found = await database.rows("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    else:
        found = await database.rows(
            "SELECT * FROM events WHERE seq > ? AND job = ? ORDER BY seq LIMIT ?", (after, job_id, limit)
        )
    return [event_of(row) for row in found]


async def events_of(database: Database, team: str, number: int, after: int, limit: int) -> list[StoredEvent]:
    if not 1 <= number <= LARGEST:
        return []
    found = await database.rows(
        """
        SELECT events.* FROM events JOIN jobs ON jobs.id = events.job
        WHERE jobs.team = ? AND jobs.number = ? AND seq > ? ORDER BY seq LIMIT ?
        """,
        (team, number, after, limit),
    )
    return [event_of(row) for row in found]


async def last_event(database: Database, job_id: int, kind: str) -> StoredEvent | None:
    row = await database.row(
        "SELECT * FROM events WHERE job = ? AND kind = ? ORDER BY seq DESC LIMIT 1", (job_id, kind)
    )
    return None if row is None else event_of(row)


async def last_seq(database: Database) -> int:
    row = await database.row("SELECT COALESCE(MAX(seq), 0) AS seq FROM events")
    assert row is not None
    return int(row["seq"])


async def delivered(database: Database, seq: int, channel: str, message: str) -> bool:
    async with database.transaction() as connection:
        cursor = await connection.execute(
            "INSERT OR IGNORE INTO deliveries (seq, channel, message, at) VALUES (?, ?, ?, ?)",
            (seq, channel, message, database.clock()),
        )
        return cursor.rowcount == 1


async def delivery(database: Database, seq: int, channel: str) -> str | None:
    row = await database.row("SELECT message FROM deliveries WHERE seq = ? AND channel = ?", (seq, channel))
    return None if row is None else str(row["message"])


async def undelivered(database: Database, limit: int, kinds: Sequence[str]) -> list[StoredEvent]:
    marks = ", ".join("?" for _ in kinds)
    found = await database.rows(
        f"""
        SELECT * FROM events
        WHERE kind IN ({marks}) AND NOT EXISTS (SELECT 1 FROM deliveries WHERE deliveries.seq = events.seq)
        ORDER BY seq LIMIT ?
        """,
        (*kinds, limit),
    )
    return [event_of(row) for row in found]
