"""The queue as a worker sees it: claim a job, keep its lease, let it go. A write without the lease raises LeaseLost.

A lease belongs to a worker's name, so each worker process needs a name of its own. A lease that ran out stays its
holder's until another worker claims the job: a laptop that slept may go on where nobody else took over.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiosqlite

from tuner.events import Event
from tuner.plan.plan import Plan
from tuner.problems import Problem
from tuner.repeats import FIRST_REPEAT
from tuner.store import journal, spending
from tuner.store.connection import Database, one
from tuner.store.faults import LeaseLost
from tuner.store.queue import STANDING, some_finished, standing_of
from tuner.store.records import Job, JobState, Wish
from tuner.store.rows import job_of, plan_of, to_text
from tuner.store.states import settle
from tuner.store.turns import Rounds

_ANY = "SELECT 1 FROM jobs WHERE state = 'queued' OR (state = 'running' AND lease_until <= ?) LIMIT 1"
_LOST = "SELECT * FROM jobs WHERE state = 'running' AND lease_until <= ? ORDER BY place LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An open transaction of the worker that holds the job."""

    connection: aiosqlite.Connection
    row: sqlite3.Row
    """The job as it is stored."""
    now: float


@asynccontextmanager
async def held(database: Database, job_id: int, worker: str) -> AsyncIterator[Held]:
    """A transaction in which `worker` surely holds the job. Raises LeaseLost, and nothing is written."""
    async with database.transaction() as connection:
        row = await one(connection, "SELECT * FROM jobs WHERE id = ?", (job_id,))
        if row is None or row["worker"] != worker:
            raise LeaseLost(job_id, worker)
        yield Held(connection=connection, row=row, now=database.clock())


async def claim(database: Database, worker: str, lease_s: float) -> Job | None:
    if await database.row(_ANY, (database.clock(),)) is None:
        return None  # an idle worker never takes the write lock
    async with database.transaction() as connection:
        now = database.clock()
        row = await one(connection, _LOST, (now,)) or await _next(connection)
        if row is None:
            return None
        await connection.execute(
            """
            UPDATE jobs SET state = 'running', worker = :worker, lease_until = :until, counted_until = :now,
                            started_at = COALESCE(started_at, :now), ended_at = NULL, problem = NULL,
                            resumed = 0, extended = 0, had_turn = 1, votes_wanted = 0
            WHERE id = :id
            """,
            {"worker": worker, "until": now + lease_s, "now": now, "id": row["id"]},
        )
        claimed = await one(connection, "SELECT * FROM jobs WHERE id = ?", (row["id"],))
        assert claimed is not None
        return job_of(claimed)


async def _next(connection: aiosqlite.Connection) -> sqlite3.Row | None:
    """The queued job whose turn it is, with the turn noted; a job that a worker gave back has had its turn."""
    standing = standing_of(await connection.execute_fetchall(STANDING))
    job = next(standing.order(), None)
    if job is None:
        return None
    if not job.had_turn:
        taken = Rounds(standing.had).take(job.team, job.person)
        await connection.executemany(
            "INSERT OR REPLACE INTO turns (team, person, round) VALUES (?, ?, ?)",
            [(team, person, number) for (team, person), number in taken.items()],
        )
    return await one(connection, "SELECT * FROM jobs WHERE id = ?", (job.id,))


async def heartbeat(database: Database, job_id: int, worker: str, lease_s: float) -> Wish:
    async with held(database, job_id, worker) as job:
        await job.connection.execute(
            "UPDATE jobs SET lease_until = ?, counted_until = ?, ran_s = ? WHERE id = ?",
            (job.now + lease_s, job.now, _ran_s(job), job_id),
        )
        await _spend(job)
        wish: Wish = job.row["wish"]
        return wish


async def heed(database: Database, job_id: int, worker: str) -> Plan:
    """The plan as it is now. The holder sees to every extension until here: only a later one leaves work behind."""
    async with held(database, job_id, worker) as job:
        await job.connection.execute("UPDATE jobs SET extended = 0 WHERE id = ?", (job_id,))
        return plan_of(job.row)


async def release(
    database: Database,
    job_id: int,
    worker: str,
    state: JobState,
    problem: Problem | Mapping[str, Any] | None,
    event: Event | None,
    votes_wanted: int = 0,
) -> None:
    async with held(database, job_id, worker) as job:
        if event is not None:
            await journal.write(job.connection, job_id, event, job.now)
        await job.connection.execute("DELETE FROM trials WHERE job = ? AND state = 'running'", (job_id,))
        after, wish = settle(
            state,
            job.row["wish"],
            resumed=bool(job.row["resumed"]),
            work_left=bool(job.row["extended"]) and await _work_left(job),
            some_finished=await some_finished(job.connection, job_id),
        )
        if after != "paused" or job.row["wish"]:
            votes_wanted = 0
        elif votes_wanted and await compared(job.connection, job.row["team"], job.row["number"]) >= votes_wanted:
            after, votes_wanted = "queued", 0  # the last vote came while the worker let go
        await _spend(job)
        said = problem.to_json() if isinstance(problem, Problem) else problem
        await job.connection.execute(
            """
            UPDATE jobs SET state = :state, wish = :wish, worker = NULL, lease_until = 0, ran_s = :ran_s,
                            ended_at = :ended_at, problem = :problem, resumed = 0, extended = 0,
                            votes_wanted = :votes, votes_asked_at = :now
            WHERE id = :id
            """,
            {
                "state": after,
                "wish": wish,
                "ran_s": _ran_s(job),
                "ended_at": job.now if after in ("finished", "stopped", "failed") else None,
                "problem": None if said is None else to_text(dict(said)),
                "votes": votes_wanted,
                "now": job.now,
                "id": job_id,
            },
        )


def _since_s(job: Held) -> float:
    """Time after the lease ran out does not count: nobody can say whether the worker was running then."""
    until = min(job.now, float(job.row["lease_until"]))
    return max(0.0, until - float(job.row["counted_until"]))


def _ran_s(job: Held) -> float:
    return float(job.row["ran_s"]) + _since_s(job)


async def _spend(job: Held) -> None:
    """Counts the running time since the last heartbeat as its person's, on the day of now."""
    await spending.add(job.connection, job.row["team"], job.row["person"], job.now, _since_s(job))


async def _work_left(job: Held) -> bool:
    """True when the plan as it is stored now, perhaps extended, is not done."""
    plan = plan_of(job.row)
    done = await one(
        job.connection,
        "SELECT COUNT(*) AS count FROM trials WHERE job = ? AND number < ?",
        (job.row["id"], FIRST_REPEAT),
    )
    assert done is not None
    in_time = plan.time_budget_s is None or _ran_s(job) < plan.time_budget_s
    return int(done["count"]) < plan.trials and in_time


async def compared(connection: aiosqlite.Connection, team: str, number: int) -> int:
    """Pairs of answers by two tries of this job that somebody voted on, or that need no vote: both said the same."""
    subjects = f"job-{number}/trial-%"
    row = await one(
        connection,
        """
        SELECT COUNT(*) AS count FROM pairs
        WHERE team = ? AND left_subject LIKE ? AND right_subject LIKE ?
          AND (left_answer = right_answer OR EXISTS (SELECT 1 FROM votes WHERE votes.pair = pairs.id))
        """,
        (team, subjects, subjects),
    )
    assert row is not None
    return int(row["count"])
