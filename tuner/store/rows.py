"""Rows of the database as the records that everybody else reads, and values as the JSON that is stored."""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from typing import Any

from tuner.events import TestResult, TrialRecord, test_result_from_json, trial_from_json
from tuner.plan.plan import Plan
from tuner.store.records import Checkpoint, DataSet, Job, StoredEvent

LARGEST = 2**63 - 1
"""SQLite holds no larger whole number."""


def to_text(value: Any) -> str:
    """JSON; NaN and infinities survive. Escapes what is not ASCII, so that half a surrogate pair survives too."""
    return json.dumps(value, separators=(",", ":"))


def canonical(text: str) -> str:
    """Equal for equal JSON, whatever the order of its keys."""
    return json.dumps(json.loads(text), sort_keys=True)


def folded(name: str) -> str:
    """Equal for names that people would call the same: case, full width and composed accents do not count."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def dataset_of(row: sqlite3.Row) -> DataSet:
    return DataSet(
        id=row["id"],
        team=row["team"],
        name=row["name"],
        folder=row["folder"],
        report=json.loads(row["report"]),
        added_at=row["added_at"],
        person=row["person"],
    )


def job_of(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        number=row["number"],
        team=row["team"],
        person=row["person"],
        channel=row["channel"],
        language=row["language"],
        plan=plan_of(row),
        state=row["state"],
        wish=row["wish"],
        worker=row["worker"],
        lease_until=row["lease_until"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        ran_s=row["ran_s"],
        problem=None if row["problem"] is None else json.loads(row["problem"]),
        votes_wanted=row["votes_wanted"],
        expected_s=row["expected_s"],
    )


def plan_of(row: sqlite3.Row) -> Plan:
    return Plan.from_json(json.loads(row["plan"]))


def trial_of(row: sqlite3.Row) -> TrialRecord:
    return trial_from_json(json.loads(row["record"]))


def test_of(row: sqlite3.Row) -> TestResult:
    return test_result_from_json(json.loads(row["record"]))


test_of.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it where it is imported


def event_of(row: sqlite3.Row) -> StoredEvent:
    return StoredEvent(seq=row["seq"], job=row["job"], at=row["at"], body=json.loads(row["body"]))


def checkpoint_of(row: sqlite3.Row) -> Checkpoint:
    return Checkpoint(
        id=row["id"],
        job=row["job"],
        job_number=row["job_number"],
        trial=row["trial"],
        team=row["team"],
        folder=row["folder"],
        sha256=row["sha256"],
        value=row["value"],
    )
