"""What was spent on a team's jobs, by person and day: the ledger behind GPU minutes."""

from __future__ import annotations

import aiosqlite

from tuner.store.connection import Database
from tuner.store.records import Spent

_DAY_S = 86_400.0


async def add(connection: aiosqlite.Connection, team: str, person: str, now: float, seconds: float) -> None:
    """Inside the transaction that counts the time as the job's."""
    if seconds <= 0:
        return
    await connection.execute(
        """
        INSERT INTO spent (team, person, day, seconds) VALUES (:team, :person, :day, :seconds)
        ON CONFLICT (team, person, day) DO UPDATE SET seconds = seconds + :seconds
        """,
        {"team": team, "person": person, "day": int(now // _DAY_S), "seconds": seconds},
    )


async def spent(database: Database, team: str, person: str | None, since: float) -> Spent:
    facts = {"team": team, "person": person, "day": int(since // _DAY_S)}
    row = await database.row(
        """
        SELECT (SELECT COALESCE(SUM(seconds), 0) FROM spent
                WHERE team = :team AND day >= :day AND (:person IS NULL OR person = :person)) AS used,
               (SELECT COALESCE(SUM(MAX(expected_s - ran_s, 0)), 0) FROM jobs
                WHERE team = :team AND state IN ('queued', 'running') AND (:person IS NULL OR person = :person)
               ) AS promised
        """,
        facts,
    )
    assert row is not None
    return Spent(used_s=float(row["used"]), promised_s=float(row["promised"]))
