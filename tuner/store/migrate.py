"""Brings a database to the shape of this version: numbered scripts, each in one transaction, recorded by name."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

import aiosqlite

from tuner.store.connection import Database, one
from tuner.store.faults import StoreUnavailable, newer


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    name: str
    """File name without its ending, such as `0001_first`; scripts run in the order of their names."""
    sql: str


def scripts() -> tuple[Script, ...]:
    """Every script of this version, in order. Reads files: call it in a thread."""
    folder = resources.files("tuner.store") / "schema"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return tuple(Script(name=file.name.removesuffix(".sql"), sql=file.read_text(encoding="utf-8")) for file in files)


async def migrate(database: Database, wanted: Sequence[Script] | None = None) -> None:
    """Promises that every wanted script ran exactly once, also when several processes open the file together.

    Raises StoreUnavailable (`store.newer`) and changes nothing when the database holds a script that is not wanted.
    """
    wanted = await asyncio.to_thread(scripts) if wanted is None else wanted
    known = {script.name for script in wanted}
    applied = await _applied_names(database)
    for name in sorted(applied - known):
        raise StoreUnavailable(newer(database.home, name))
    for script in wanted:
        if script.name not in applied:
            await _apply(database, script)


async def _applied_names(database: Database) -> set[str]:
    if await database.row("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'") is None:
        return set()
    return {row["name"] for row in await database.rows("SELECT name FROM migrations")}


async def _apply(database: Database, script: Script) -> None:
    async with database.transaction() as connection:
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at REAL NOT NULL)"
        )
        if await one(connection, "SELECT 1 FROM migrations WHERE name = ?", (script.name,)) is not None:
            return  # another process was faster
        await _run(connection, script)
        await connection.execute("INSERT INTO migrations VALUES (?, ?)", (script.name, database.clock()))


async def _run(connection: aiosqlite.Connection, script: Script) -> None:
    for statement in _statements(script.sql):
        await connection.execute(statement)


def _statements(sql: str) -> Iterator[str]:
    """One statement at a time, because `executescript` would commit between them."""
    waiting = ""
    for line in sql.splitlines(keepends=True):
        waiting += line
        if sqlite3.complete_statement(waiting):
            yield waiting
            waiting = ""
    if any(line.strip() and not line.lstrip().startswith("--") for line in waiting.splitlines()):
        raise ValueError(f"a script must end with a semicolon, got {waiting!r}")
