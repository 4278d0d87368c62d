"""Rows of the store as frozen objects. What a row means stands beside each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tuner.events import Report, TrialRecord
from tuner.plan.plan import Plan

JobState = Literal["queued", "running", "paused", "finished", "stopped", "failed"]
"""`finished`: every trial done; `stopped`: ended early by a person, with a report of what there was."""

Wish = Literal["", "stop", "pause"]
"""What a person asked of a running job; the worker polls it and obeys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    id: str
    """sha256 over the file's bytes and the column mapping."""
    team: str
    name: str
    """The file's name as the person knows it: data, never a path."""
    folder: str
    """Relative to the home: holds examples.jsonl and the original bytes."""
    report: Mapping[str, Any]
    """The report card (tuner.data.check.ReportCard as JSON)."""
    added_at: float
    person: str = ""
    """Who brought it first; empty where nobody wrote that down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What `submit` takes."""

    team: str
    person: str
    channel: str
    message_id: str
    """Unique: a redelivered message queues nothing twice."""
    language: Literal["en", "ja"]
    plan: Plan
    expected_s: float = 0.0
    """What the plan is expected to take; 0 where nobody can say. Counts as promised until it has run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    id: int
    number: int
    """Counts from 1 in each team; what people say."""
    team: str
    person: str
    channel: str
    language: Literal["en", "ja"]
    plan: Plan
    state: JobState
    wish: Wish
    worker: str | None
    """Who holds the lease."""
    lease_until: float
    created_at: float
    started_at: float | None
    ended_at: float | None
    ran_s: float
    """Seconds of running so far, pauses left out."""
    problem: Mapping[str, Any] | None
    """Why it failed: Problem as JSON, with `reference` among the facts."""
    votes_wanted: int = 0
    """A paused job goes on by itself when so many comparisons of its tries, in all, were voted on; 0: it does not."""
    expected_s: float = 0.0
    """As in NewJob, longer by what it was extended."""

    @property
    def is_over(self) -> bool:
        """It neither waits nor runs nor rests."""
        return self.state in ("finished", "stopped", "failed")

    @property
    def shown(self) -> str:
        """Its state as people are told: `votes` for a job that rests until somebody votes."""
        return "votes" if self.state == "paused" and self.votes_wanted else self.state


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    seq: int
    """Grows over the whole store."""
    job: int
    """Job.id"""
    at: float
    body: Mapping[str, Any]
    """tuner.events.event_from_json reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    id: int
    job: int
    """Job.id"""
    job_number: int
    trial: int
    team: str
    folder: str
    """Relative to the home."""
    sha256: str
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImport:
    """A checkpoint of another home, which lies in this one's folders already, and the run that it came from."""

    team: str
    person: str
    channel: str
    language: Literal["en", "ja"]
    plan: Plan
    """As it ran there, its model named as this machine knows it."""
    report: Report | None
    records: tuple[TrialRecord, ...]
    """Every run of the job, repeats included."""
    trial: int
    """Of which the adapter came along."""
    folder: str
    """Of the adapter, relative to the home."""
    sha256: str
    """Of the checkpoint; the same one is brought in once a team."""
    value: float | None
    created_at: float
    ran_s: float
    """There; nobody is charged for it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Running time of a person's jobs, or of all of a team's."""

    used_s: float
    promised_s: float
    """What jobs that wait or run are still expected to take."""
