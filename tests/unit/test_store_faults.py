"""What the disk does is named, and each name has its sentence in both languages."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from bot.phrases import LANGUAGES, Language, keys, say
from tuner.problems import Problem
from tuner.store.faults import newer, problem_of_os, problem_of_sqlite

HOME = Path("/srv/onsa")


@pytest.mark.parametrize(("number", "key", "reason"), [
    (errno.ENOSPC, "store.full", None),
    (errno.EDQUOT, "store.full", None),
    (errno.EEXIST, "store.unwritable", "is_a_file"),
    (errno.ENOTDIR, "store.unwritable", "is_a_file"),
    (errno.EACCES, "store.unwritable", "no_permission"),
    (errno.EPERM, "store.unwritable", "no_permission"),
    (errno.EROFS, "store.unwritable", "read_only"),
    (errno.EIO, "store.unwritable", "other"),
])
def test_an_error_of_the_file_system_is_named(number: int, key: str, reason: str | None) -> None:
    problem = problem_of_os(OSError(number, "no"), HOME)
    assert (problem.key, problem.facts.get("reason")) == (key, reason)
    assert problem.facts["home"] == "/srv/onsa"


@pytest.mark.parametrize(("code", "key"), [
    (sqlite3.SQLITE_FULL, "store.full"),
    (sqlite3.SQLITE_BUSY, "store.locked"),
    (sqlite3.SQLITE_BUSY_SNAPSHOT, "store.locked"),
    (sqlite3.SQLITE_LOCKED, "store.locked"),
    (sqlite3.SQLITE_CORRUPT, "store.corrupt"),
    (sqlite3.SQLITE_NOTADB, "store.corrupt"),
    (sqlite3.SQLITE_READONLY_DBMOVED, "store.unwritable"),
    (sqlite3.SQLITE_CANTOPEN, "store.unwritable"),
    (sqlite3.SQLITE_IOERR_WRITE, "store.disk_error"),
])
def test_an_error_of_the_database_is_named(code: int, key: str) -> None:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    problem = problem_of_sqlite(error, HOME, 10.0)
    assert problem is not None
    assert problem.key == key


def test_our_own_mistakes_are_nobodys_problem() -> None:
    assert problem_of_sqlite(sqlite3.IntegrityError("UNIQUE"), HOME, 10.0) is None
    assert problem_of_sqlite(sqlite3.ProgrammingError("closed"), HOME, 10.0) is None


def problems() -> list[Problem]:
    found = [newer(HOME, "0099_later")]
    for number in (errno.ENOSPC, errno.ENOTDIR, errno.EACCES, errno.EROFS, errno.EIO):
        found.append(problem_of_os(OSError(number, "no"), HOME))
    for code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR):
        error = sqlite3.OperationalError("no")
        error.sqlite_errorcode = code
        named = problem_of_sqlite(error, HOME, 10.0)
        assert named is not None
        found.append(named)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_problem_is_said_with_the_place_and_what_to_do(language: Language) -> None:
    sentences = {say(f"problems.{problem.key}", language, problem.facts) for problem in problems()}
    assert len(sentences) == len(problems()) - 1  # read-only is said the same, whether disk or database found it
    for sentence in sentences:
        assert "/srv/onsa" in sentence
        assert "None" not in sentence
        assert sentence.endswith("." if language == "en" else "。")
        assert "\n" not in sentence


def test_no_sentence_waits_for_a_problem_that_does_not_exist() -> None:
    spoken = {f"problems.{problem.key}" for problem in problems()}
    for language in LANGUAGES:
        assert {key for key in keys(language) if key.startswith("problems.store.")} == spoken
