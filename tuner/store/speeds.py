"""How fast this machine was: the newest few measurements of each kind, for honest estimates."""

from __future__ import annotations

import math

from tuner.store.connection import Database

NEWEST = 5
"""Measurements that the mean is taken over; older ones are forgotten."""


async def measure(database: Database, key: str, value: float) -> None:
    if not math.isfinite(value):
        raise ValueError(f"a measurement must be finite, got {key}={value}")
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO speeds (key, value, at) VALUES (?, ?, ?)", (key, value, database.clock())
        )
        await connection.execute(
            """
            DELETE FROM speeds WHERE key = :key AND seq NOT IN
                (SELECT seq FROM speeds WHERE key = :key ORDER BY seq DESC LIMIT :newest)
            """,
            {"key": key, "newest": NEWEST},
        )


async def measured(database: Database, key: str) -> float | None:
    row = await database.row("SELECT AVG(value) AS mean FROM speeds WHERE key = ?", (key,))
    return None if row is None or row["mean"] is None else float(row["mean"])
