"""A checkpoint of another home with what is known of its run: an ended job of this one, written in one transaction."""

from __future__ import annotations

import dataclasses

import aiosqlite

from tuner.events import StudyFinished
from tuner.repeats import FIRST_REPEAT
from tuner.store import journal
from tuner.store.connection import Database, one
from tuner.store.queue import NEXT_PLACE
from tuner.store.records import Job, NewImport
from tuner.store.rows import job_of, to_text

NOBODY = "import"
"""Stands as the channel to which the report of an imported job was delivered: nobody waits for it."""


async def bring_in(database: Database, new: NewImport) -> tuple[Job, bool]:
    message = f"import:{new.sha256}"
    async with database.transaction() as connection:
        known = await one(connection, "SELECT * FROM jobs WHERE team = ? AND message_id = ?", (new.team, message))
        if known is not None:
            return job_of(known), False
        job = await _insert(connection, new, message, database.clock())
        await _write_runs(connection, new, job.id, database.clock())
        if new.report is not None:
            await _write_report(connection, new, job, database.clock())
        return job, True


async def _insert(connection: aiosqlite.Connection, new: NewImport, message: str, now: float) -> Job:
    await connection.execute(
        f"""
        INSERT INTO jobs (team, number, person, channel, message_id, language, plan, state, place, created_at,
                          started_at, ended_at, ran_s)
        VALUES (:team, (SELECT COALESCE(MAX(number), 0) + 1 FROM jobs WHERE team = :team),
                :person, :channel, :message_id, :language, :plan, 'finished', {NEXT_PLACE}, :created_at, :created_at,
                :now, :ran_s)
        """,
        {
            "team": new.team, "person": new.person, "channel": new.channel, "message_id": message,
            "language": new.language, "plan": to_text(new.plan.to_json()), "created_at": new.created_at, "now": now,
            "ran_s": new.ran_s,
        },
    )
    stored = await one(connection, "SELECT * FROM jobs WHERE id = last_insert_rowid()")
    assert stored is not None
    return job_of(stored)


async def _write_runs(connection: aiosqlite.Connection, new: NewImport, job_id: int, now: float) -> None:
    """Of the tries only the exported one has an adapter here."""
    for record in new.records:
        own = dataclasses.replace(
            record, checkpoint=new.folder.rpartition("/")[2] if record.number == new.trial else None
        )
        await connection.execute(
            "INSERT INTO trials (job, number, state, record, started_at) VALUES (?, ?, ?, ?, ?)",
            (job_id, own.number, own.state, to_text(dataclasses.asdict(own)), new.created_at),
        )
    for result in new.report.test if new.report is not None else ():
        await connection.execute(
            "INSERT INTO tests (job, subject, trial, record) VALUES (?, ?, ?, ?)",
            (job_id, result.subject, result.trial, to_text(dataclasses.asdict(result))),
        )
    assert new.trial < FIRST_REPEAT
    await connection.execute(
        "INSERT INTO checkpoints (job, trial, folder, sha256, value, added_at) VALUES (?, ?, ?, ?, ?, ?)",
        (job_id, new.trial, new.folder, new.sha256, new.value, now),
    )


async def _write_report(connection: aiosqlite.Connection, new: NewImport, job: Job, now: float) -> None:
    assert new.report is not None
    report = dataclasses.replace(new.report, job=job.number)
    seq = await journal.write(connection, job.id, StudyFinished(reason="done", report=report), now)
    await connection.execute(
        "INSERT INTO deliveries (seq, channel, message, at) VALUES (?, ?, ?, ?)", (seq, NOBODY, NOBODY, now)
    )
