"""What is remembered about people: an unfinished dialogue, and what they prefer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tuner.store.connection import Database
from tuner.store.rows import to_text


async def dialogue(database: Database, person: str, channel: str) -> dict[str, Any] | None:
    row = await database.row(
        "SELECT value FROM dialogues WHERE person = ? AND channel = ? AND expires_at > ?",
        (person, channel, database.clock()),
    )
    return None if row is None else dict(json.loads(row["value"]))


async def keep_dialogue(
    database: Database, person: str, channel: str, value: Mapping[str, Any], lives_s: float
) -> None:
    now = database.clock()
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM dialogues WHERE expires_at <= ?", (now,))
        await connection.execute(
            "INSERT OR REPLACE INTO dialogues (person, channel, value, expires_at) VALUES (?, ?, ?, ?)",
            (person, channel, to_text(dict(value)), now + lives_s),
        )


async def claim_dialogue(
    database: Database, person: str, channel: str, value: Mapping[str, Any], lives_s: float
) -> bool:
    now = database.clock()
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM dialogues WHERE expires_at <= ?", (now,))
        cursor = await connection.execute(
            "INSERT OR IGNORE INTO dialogues (person, channel, value, expires_at) VALUES (?, ?, ?, ?)",
            (person, channel, to_text(dict(value)), now + lives_s),
        )
        return cursor.rowcount == 1


async def dialogues(database: Database, person: str, prefix: str) -> dict[str, dict[str, Any]]:
    rows = await database.rows(
        "SELECT channel, value FROM dialogues WHERE person = ? AND substr(channel, 1, ?) = ? AND expires_at > ?",
        (person, len(prefix), prefix, database.clock()),
    )
    return {str(row["channel"]): dict(json.loads(row["value"])) for row in rows}


async def drop_dialogue(database: Database, person: str, channel: str) -> None:
    async with database.transaction() as connection:
        await connection.execute("DELETE FROM dialogues WHERE person = ? AND channel = ?", (person, channel))


async def preference(database: Database, team: str, person: str | None, key: str) -> str | None:
    row = await database.row(
        "SELECT value FROM preferences WHERE team = ? AND scope = ? AND person = ? AND key = ?",
        (team, *_whose(person), key),
    )
    return None if row is None else str(row["value"])


async def prefer(database: Database, team: str, person: str | None, key: str, value: str | None) -> None:
    async with database.transaction() as connection:
        if value is None:
            await connection.execute(
                "DELETE FROM preferences WHERE team = ? AND scope = ? AND person = ? AND key = ?",
                (team, *_whose(person), key),
            )
        else:
            await connection.execute(
                "INSERT OR REPLACE INTO preferences (team, scope, person, key, value) VALUES (?, ?, ?, ?, ?)",
                (team, *_whose(person), key, value),
            )


def _whose(person: str | None) -> tuple[str, str]:
    return ("team", "") if person is None else ("person", person)
