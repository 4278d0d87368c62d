"""Jobs that people's votes steer: how many comparisons there are, when a waiting job goes on, what its tries are worth.

A vote and the job that it sends on are one transaction: whoever is killed when, no vote is lost, and no job waits for
votes that it has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import aiosqlite

from tuner.events import VotesWanted
from tuner.store import journal
from tuner.store.connection import Database, one
from tuner.store.lease import compared, held
from tuner.store.queue import move
from tuner.store.rows import to_text

REMIND_S = 24 * 3600.0
"""People are reminded of a job that waits for their votes after so long ..."""
GIVE_UP_S = 7 * 24 * 3600.0
"""... and after so long it ends with the best so far."""
_TRIAL = re.compile(r"job-(?P<job>[0-9]{1,18})/trial-[0-9]+")


async def comparisons(database: Database, team: str, number: int) -> int:
    async with database.transaction() as connection:
        return await compared(connection, team, number)


async def wake(database: Database, connection: aiosqlite.Connection, team: str, left: str, right: str) -> None:
    """Inside the transaction of a new vote on these two: a job that waited for it is queued again."""
    jobs = {found["job"] for found in (_TRIAL.fullmatch(left), _TRIAL.fullmatch(right)) if found}
    if len(jobs) != 1:
        return
    row = await one(
        connection,
        "SELECT * FROM jobs WHERE team = ? AND number = ? AND state = 'paused' AND votes_wanted > 0",
        (team, int(jobs.pop())),
    )
    if row is not None and await compared(connection, team, row["number"]) >= row["votes_wanted"]:
        await move(connection, row["id"], "queued", "", database.clock())


async def revalue(database: Database, job_id: int, worker: str, values: Mapping[int, float | None]) -> None:
    """Stores what ended tries are worth by the votes so far. Raises LeaseLost."""
    async with held(database, job_id, worker) as job:
        for number, value in values.items():
            row = await one(
                job.connection, "SELECT record FROM trials WHERE job = ? AND number = ? AND state <> 'running'",
                (job_id, number),
            )
            if row is None:
                continue
            record = {**json.loads(row["record"]), "value": value}
            await job.connection.execute(
                "UPDATE trials SET record = ? WHERE job = ? AND number = ?", (to_text(record), job_id, number)
            )
            await job.connection.execute(
                "UPDATE checkpoints SET value = ? WHERE job = ? AND trial = ?", (value, job_id, number)
            )


async def remind(database: Database) -> None:
    """Asks again, once a day, for the votes that jobs wait for; one that waited a week ends with the best so far."""
    waiting = "SELECT * FROM jobs WHERE state = 'paused' AND votes_wanted > 0 AND votes_asked_at <= ?"
    if await database.row(waiting, (database.clock() - REMIND_S,)) is None:
        return
    async with database.transaction() as connection:
        now = database.clock()
        for row in await connection.execute_fetchall(waiting, (now - REMIND_S,)):
            done = await compared(connection, row["team"], row["number"])
            first = await one(
                connection, "SELECT MAX(at) AS at FROM events WHERE job = ? AND kind = 'JobAwaitsVotes'", (row["id"],)
            )
            if first is not None and first["at"] is not None and now - first["at"] >= GIVE_UP_S:
                await move(connection, row["id"], "queued", "stop", now)
                continue
            event = VotesWanted(wanted=row["votes_wanted"], compared=done, tries=0, is_reminder=True)
            await journal.write(connection, row["id"], event, now)
            await connection.execute("UPDATE jobs SET votes_asked_at = ? WHERE id = ?", (now, row["id"]))
