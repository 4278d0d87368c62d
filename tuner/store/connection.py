"""The database file: opened, locked, written in short transactions, closed. Knows no table but what it is handed.

Two connections serve one store. All writing goes through one, a transaction at a time; reading goes through the other,
so that a reader sees committed rows only and never waits for a writer, be it ours or another process's.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from tuner.store.faults import FILE_NAME, StoreUnavailable, problem_of_os, problem_of_sqlite

Clock = Callable[[], float]

_WRITER = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON")
_READER = ("PRAGMA query_only = ON",)
_RETRY_S = 0.02
_JOIN_S = 5.0


class Line:
    """One aiosqlite connection, whose thread is gone when `close` returns."""

    def __init__(self, file: Path, pragmas: Sequence[str], busy_s: float) -> None:
        self._file = file
        self._pragmas = pragmas
        self._busy_s = busy_s
        self._thread: threading.Thread | None = None
        self.connection = aiosqlite.Connection(self._connect, iter_chunk_size=64)

    def _connect(self) -> sqlite3.Connection:
        """Runs in the connection's own thread. Leaves nothing open when it raises."""
        self._thread = threading.current_thread()
        connection = sqlite3.connect(self._file, timeout=self._busy_s, isolation_level=None)
        try:
            for pragma in self._pragmas:
                self._patiently(connection, pragma)
        except BaseException:
            connection.close()
            raise
        connection.row_factory = sqlite3.Row
        return connection

    def _patiently(self, connection: sqlite3.Connection, pragma: str) -> None:
        """SQLite does not wait by itself where two processes switch a new file to WAL at the same moment."""
        deadline = time.monotonic() + self._busy_s
        while True:
            try:
                connection.execute(pragma).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(_RETRY_S)
            else:
                return

    async def open(self) -> None:
        try:
            await self.connection
        except BaseException:
            await self._join()
            raise

    async def close(self) -> None:
        """May be called twice."""
        try:
            await self.connection.close()
        finally:
            await self._join()

    async def _join(self) -> None:
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, _JOIN_S)


class Database:
    """The open file of one home. Methods raise StoreUnavailable when disk, file or a foreign lock is in the way."""

    def __init__(self, home: Path, clock: Clock, busy_s: float) -> None:
        self.home = home
        self.clock = clock
        self._busy_s = busy_s
        self._one_at_a_time = asyncio.Lock()
        self._writer = Line(home / FILE_NAME, _WRITER, busy_s)
        self._reader = Line(home / FILE_NAME, _READER, busy_s)

    async def open(self) -> None:
        """Makes the home and the file where they are missing."""
        try:
            await asyncio.to_thread(self.home.mkdir, mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(problem_of_os(error, self.home)) from error
        with self._named():
            await self._writer.open()
            try:
                await self._reader.open()
            except BaseException:
                await self._writer.close()
                raise

    async def close(self) -> None:
        """The writer goes last, because the last one out tidies the write-ahead log away."""
        try:
            await self._reader.close()
        finally:
            await self._writer.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Everything inside is written together or, on any exception or cancellation, not at all.

        It starts with the write lock, so what is read inside cannot change before it is written. Never await anything
        but the connection inside. A cancelled caller may be too late: then it is written although it was cancelled.
        """
        async with self._one_at_a_time:
            with self._named():
                try:
                    await self._begin()
                    yield self._writer.connection
                    await self._writer.connection.execute("COMMIT")
                except BaseException:
                    # Statements run in the order of their arrival, so this also undoes one that is still waiting.
                    with contextlib.suppress(sqlite3.Error):
                        await asyncio.shield(self._writer.connection.rollback())
                    raise

    async def _begin(self) -> None:
        deadline = time.monotonic() + self._busy_s
        while True:
            try:
                await self._writer.connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def rewrite(self, patience_s: float) -> bool:
        """Writes the file anew without what was deleted, and empties the write-ahead log. False where other readers or
        writers were in the way for all of `patience_s`; then it may be asked again."""
        deadline = time.monotonic() + patience_s
        async with self._one_at_a_time:
            while True:
                if await self._rewritten():
                    return True
                if time.monotonic() >= deadline:
                    return False
                await asyncio.sleep(_RETRY_S)

    async def _rewritten(self) -> bool:
        try:
            await self._writer.connection.execute("VACUUM")
            found = list(await self._writer.connection.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)"))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            return False
        return bool(found) and found[0][0] == 0

    async def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[sqlite3.Row]:
        """Committed rows only."""
        with self._named():
            return list(await self._reader.connection.execute_fetchall(sql, parameters))

    async def row(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> sqlite3.Row | None:
        found = await self.rows(sql, parameters)
        return found[0] if found else None

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            problem = problem_of_sqlite(error, self.home, self._busy_s)
            if problem is None:
                raise
            raise StoreUnavailable(problem) from error


async def one(
    connection: aiosqlite.Connection, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()
) -> sqlite3.Row | None:
    """The first row, read inside a transaction."""
    found = list(await connection.execute_fetchall(sql, parameters))
    return found[0] if found else None
