"""The queue as people see it: submit, look, stop, pause, resume, extend. Every door takes the team."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Literal

import aiosqlite

from tuner.plan.plan import Plan
from tuner.store.connection import Database, one
from tuner.store.records import Job, NewJob
from tuner.store.rows import LARGEST, job_of, plan_of, to_text
from tuner.store.states import Asked, answer
from tuner.store.turns import Waiting, in_order

JobNumber = int | Literal["last"]

_NEXT_NUMBER = """
    (SELECT MAX(used) + 1 FROM (
        SELECT 0 AS used
        UNION ALL SELECT number FROM jobs WHERE team = :team
        UNION ALL SELECT last FROM job_numbers WHERE team = :team
    ))
"""
"""The numbers of deleted jobs are not given again."""

NEXT_PLACE = "(SELECT COALESCE(MAX(place), 0) + 1 FROM jobs)"

STANDING = """
    SELECT state AS kind, id, team, person, place AS number, had_turn FROM jobs WHERE state IN ('queued', 'running')
    UNION ALL SELECT 'turn', 0, team, person, round, 0 FROM turns
"""


async def submit(database: Database, new: NewJob) -> tuple[Job, bool]:
    async with database.transaction() as connection:
        known = await one(
            connection, "SELECT * FROM jobs WHERE team = ? AND message_id = ?", (new.team, new.message_id)
        )
        if known is not None:
            return job_of(known), False
        await _forget_turns_of_a_quiet_time(connection)
        await connection.execute(
            f"""
            INSERT INTO jobs (team, number, person, channel, message_id, language, plan, state, place, created_at,
                              expected_s)
            VALUES (:team, {_NEXT_NUMBER},
                    :person, :channel, :message_id, :language, :plan, 'queued', {NEXT_PLACE}, :now, :expected_s)
            """,
            {
                "team": new.team,
                "person": new.person,
                "channel": new.channel,
                "message_id": new.message_id,
                "language": new.language,
                "plan": to_text(new.plan.to_json()),
                "now": database.clock(),
                "expected_s": new.expected_s,
            },
        )
        stored = await one(connection, "SELECT * FROM jobs WHERE id = last_insert_rowid()")
        assert stored is not None
        return job_of(stored), True


async def job(database: Database, team: str, number: JobNumber) -> Job | None:
    if number == "last":
        row = await database.row("SELECT * FROM jobs WHERE team = ? ORDER BY number DESC LIMIT 1", (team,))
    elif 1 <= number <= LARGEST:
        row = await database.row("SELECT * FROM jobs WHERE team = ? AND number = ?", (team, number))
    else:
        row = None
    return None if row is None else job_of(row)


async def job_by_id(database: Database, job_id: int) -> Job:
    row = await database.row("SELECT * FROM jobs WHERE id = ?", (job_id,))
    if row is None:
        raise KeyError(f"a job id must be one that submit returned, got {job_id}")
    return job_of(row)


async def jobs(database: Database, team: str, limit: int) -> list[Job]:
    found = await database.rows("SELECT * FROM jobs WHERE team = ? ORDER BY number DESC LIMIT ?", (team, limit))
    return [job_of(row) for row in found]


async def ahead(database: Database, job_id: int) -> int:
    return len(_before(standing_of(await database.rows(STANDING)), job_id))


async def before(database: Database, job_id: int) -> list[Job]:
    ids = _before(standing_of(await database.rows(STANDING)), job_id)
    rows = {row["id"]: row for row in await database.rows(
        f"SELECT * FROM jobs WHERE id IN ({', '.join('?' * len(ids))})", ids)}
    return [job_of(rows[each]) for each in ids if each in rows]


def _before(standing: Standing, job_id: int) -> list[int]:
    """Those that run, then those that are claimed first; none of a job that does not wait."""
    waiting = [each.id for each in standing.order()]
    return [*standing.running, *waiting[: waiting.index(job_id)]] if job_id in waiting else []


async def ahead_of_new(database: Database, team: str, person: str) -> int:
    standing = standing_of(await database.rows(STANDING))
    last = max((job.place for job in standing.waiting), default=0)
    new = Waiting(id=0, team=team, person=person, place=last + 1)
    is_quiet = not standing.waiting and not standing.running
    order = in_order([*standing.waiting, new], {} if is_quiet else standing.had)
    return len(standing.running) + next(at for at, each in enumerate(order) if each is new)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The queue of all teams at one moment."""

    waiting: list[Waiting]
    running: list[int]
    """Their ids."""
    had: dict[tuple[str, str], int]
    """Who had a turn in which round."""

    def order(self) -> Iterator[Waiting]:
        return in_order(self.waiting, self.had)


def standing_of(rows: Iterable[sqlite3.Row]) -> Standing:
    """Reads the rows of STANDING, one statement so that they belong to one moment."""
    by_kind: dict[str, list[sqlite3.Row]] = {"queued": [], "running": [], "turn": []}
    for row in rows:
        by_kind[row["kind"]].append(row)
    return Standing(
        waiting=[
            Waiting(id=row["id"], team=row["team"], person=row["person"], place=row["number"],
                    had_turn=bool(row["had_turn"]))
            for row in by_kind["queued"]
        ],
        running=[row["id"] for row in by_kind["running"]],
        had={(row["team"], row["person"]): row["number"] for row in by_kind["turn"]},
    )


async def _forget_turns_of_a_quiet_time(connection: aiosqlite.Connection) -> None:
    """Before a job is queued where nobody waits and nothing runs: earlier turns took nothing from anybody."""
    await connection.execute(
        "DELETE FROM turns WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE state IN ('queued', 'running'))"
    )


async def ask(database: Database, team: str, number: int, asked: Asked) -> Job | None:
    """Stop, pause or resume, as the table in states.py says."""
    async with database.transaction() as connection:
        row = await _find(connection, team, number)
        if row is None:
            return None
        return await _become(database, connection, row, asked)


async def extend(database: Database, team: str, number: int, trials: int, time_s: int) -> Job | None:
    if trials < 0 or time_s < 0 or trials + time_s == 0:
        raise ValueError(f"an extension adds trials or seconds, got trials={trials}, time_s={time_s}")
    async with database.transaction() as connection:
        row = await _find(connection, team, number)
        if row is None:
            return None
        before = plan_of(row)
        plan = _longer(before, trials, time_s, row["ran_s"])
        await connection.execute(
            "UPDATE jobs SET plan = ?, extended = (state = 'running'), expected_s = expected_s * ? WHERE id = ?",
            (to_text(plan.to_json()), plan.trials / before.trials, row["id"]),
        )
        return await _become(database, connection, row, "extend")


def _longer(plan: Plan, trials: int, time_s: int, ran_s: float) -> Plan:
    """A plan without a time limit keeps none. More time counts from where the last try overran the limit, if it did:
    ten minutes more are ten minutes of new tries."""
    budget = plan.time_budget_s
    if budget is not None and time_s:
        budget = max(budget, math.ceil(ran_s)) + time_s
    return dataclasses.replace(plan, trials=plan.trials + trials, time_budget_s=budget)


async def _find(connection: aiosqlite.Connection, team: str, number: int) -> sqlite3.Row | None:
    if not 1 <= number <= LARGEST:
        return None
    return await one(connection, "SELECT * FROM jobs WHERE team = ? AND number = ?", (team, number))


async def some_finished(connection: aiosqlite.Connection, job_id: int) -> bool:
    found = await one(connection, "SELECT 1 FROM trials WHERE job = ? AND state = 'complete' LIMIT 1", (job_id,))
    return found is not None


async def _become(database: Database, connection: aiosqlite.Connection, row: sqlite3.Row, asked: Asked) -> Job:
    state, wish = answer(asked, row["state"], row["wish"], await some_finished(connection, row["id"]))
    now = database.clock()
    if state == "running":
        # A worker may already be obeying the wish that is taken back here; `release` has to know.
        resumed = (asked == "resume" and row["wish"] != "") or (asked == "extend" and row["resumed"])
        await connection.execute(
            "UPDATE jobs SET wish = ?, resumed = ? WHERE id = ?", (wish, int(bool(resumed)), row["id"])
        )
    elif state != row["state"]:
        await move(connection, row["id"], state, wish, now)
    else:
        await connection.execute(  # a job that rests until somebody votes rests for good once it is paused
            "UPDATE jobs SET wish = ?, votes_wanted = CASE WHEN ? = 'pause' THEN 0 ELSE votes_wanted END WHERE id = ?",
            (wish, asked, row["id"]),
        )
    after = await one(connection, "SELECT * FROM jobs WHERE id = ?", (row["id"],))
    assert after is not None
    return job_of(after)


async def move(connection: aiosqlite.Connection, job_id: int, state: str, wish: str, now: float) -> None:
    """From one resting state to another: a job that is queued again goes to the end of its person's line."""
    if state == "queued":
        await _forget_turns_of_a_quiet_time(connection)
        await connection.execute(
            f"UPDATE jobs SET state = 'queued', wish = ?, ended_at = NULL, problem = NULL, had_turn = 0, "
            f"votes_wanted = 0, place = {NEXT_PLACE} WHERE id = ?",
            (wish, job_id),
        )
    else:
        ended_at = now if state == "stopped" else None
        await connection.execute(
            "UPDATE jobs SET state = ?, wish = ?, ended_at = ?, votes_wanted = 0 WHERE id = ?",
            (state, wish, ended_at, job_id),
        )
