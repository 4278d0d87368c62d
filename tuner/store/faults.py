"""What goes wrong between the store and its file, named. Knows no SQL and says no sentence."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from tuner.problems import Problem

FILE_NAME = "onsa.db"


class StoreUnavailable(Exception):
    """The database cannot be read or written now. What was recorded before is still there."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{problem.key} {dict(problem.facts)}")


class LeaseLost(Exception):
    """`worker` no longer holds `job_id`: another worker took it over, or it was released. Nothing was written."""

    def __init__(self, job_id: int, worker: str) -> None:
        self.job_id = job_id
        self.worker = worker
        super().__init__(f"a write needs the job's lease, job {job_id} is not held by {worker!r}")


def problem_of_os(error: OSError, home: Path) -> Problem:
    """Why the home cannot be made or entered."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Problem(key="store.full", facts=_facts(home))
    match error.errno:
        case errno.EEXIST | errno.ENOTDIR:
            reason = "is_a_file"
        case errno.EACCES | errno.EPERM:
            reason = "no_permission"
        case errno.EROFS:
            reason = "read_only"
        case _:
            reason = "other"
    return Problem(key="store.unwritable", facts={**_facts(home), "reason": reason})


def problem_of_sqlite(error: sqlite3.Error, home: Path, busy_s: float) -> Problem | None:
    """Names what the disk, the file or another process did; None for a mistake of our own."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return Problem(key="store.full", facts=_facts(home))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Problem(key="store.locked", facts={**_facts(home), "waited_s": busy_s})
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return Problem(key="store.corrupt", facts=_facts(home))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return Problem(key="store.unwritable", facts={**_facts(home), "reason": "read_only"})
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_AUTH:
            reason = "other" if os.access(home, os.W_OK) else "no_permission"
            return Problem(key="store.unwritable", facts={**_facts(home), "reason": reason})
        case sqlite3.SQLITE_IOERR:
            return Problem(key="store.disk_error", facts=_facts(home))
        case _:
            return None


def newer(home: Path, migration: str) -> Problem:
    """The database holds `migration`, which this version does not know."""
    return Problem(key="store.newer", facts={**_facts(home), "migration": migration})


def _facts(home: Path) -> dict[str, str | int | float | bool | list[object] | dict[str, object] | None]:
    return {"home": str(home), "file": str(home / FILE_NAME)}
