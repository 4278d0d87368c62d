"""What a job has tried and learnt: trials, sealed-test results, checkpoints."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from tuner.events import Event, TestResult, TrialRecord
from tuner.plan.plan import MAXIMISED, Plan
from tuner.repeats import FIRST_REPEAT, confirmed_best
from tuner.store import journal
from tuner.store.connection import Database, one
from tuner.store.lease import Held, held
from tuner.store.records import Checkpoint
from tuner.store.rows import LARGEST, canonical, checkpoint_of, plan_of, test_of, to_text, trial_of

_CHECKPOINTS = """
    SELECT checkpoints.*, jobs.number AS job_number, jobs.team AS team, jobs.plan AS plan
    FROM checkpoints JOIN jobs ON jobs.id = checkpoints.job
"""


async def start_trial(
    database: Database, job_id: int, worker: str, number: int, settings: Mapping[str, Any], event: Event | None
) -> None:
    running = TrialRecord(number=number, settings=dict(settings), state="running")
    async with held(database, job_id, worker) as job:
        known = await _stored_trial(job, number)
        if known is not None and known["state"] != "running":
            raise ValueError(f"a trial runs once, trial {number} is already {known['state']}")
        await _write_trial(job, running)
        if event is not None:
            await journal.write(job.connection, job_id, event, job.now)


async def record_trial(
    database: Database, job_id: int, worker: str, trial: TrialRecord, event: Event | None
) -> None:
    if trial.state == "running":
        raise ValueError(f"a trial is recorded when it has ended, trial {trial.number} is 'running'")
    async with held(database, job_id, worker) as job:
        known = await _stored_trial(job, trial.number)
        if known is not None and known["state"] != "running":
            if canonical(known["record"]) != canonical(to_text(dataclasses.asdict(trial))):
                raise ValueError(f"a trial is recorded once, trial {trial.number} is already {known['state']}")
            return
        await _write_trial(job, trial)
        await journal.forget_progress(job.connection, job_id, trial.number)
        if event is not None:
            await journal.write(job.connection, job_id, event, job.now)


async def _stored_trial(job: Held, number: int) -> Any:
    return await one(job.connection, "SELECT * FROM trials WHERE job = ? AND number = ?", (job.row["id"], number))


async def _write_trial(job: Held, trial: TrialRecord) -> None:
    await job.connection.execute(
        """
        INSERT INTO trials (job, number, state, record, started_at) VALUES (:job, :number, :state, :record, :now)
        ON CONFLICT (job, number) DO UPDATE SET state = :state, record = :record
        """,
        {
            "job": job.row["id"],
            "number": trial.number,
            "state": trial.state,
            "record": to_text(dataclasses.asdict(trial)),
            "now": job.now,
        },
    )


async def abandon_running_trials(database: Database, job_id: int, worker: str) -> list[int]:
    async with held(database, job_id, worker) as job:
        lost = await job.connection.execute_fetchall(
            "SELECT number FROM trials WHERE job = ? AND state = 'running' ORDER BY number", (job_id,)
        )
        numbers = [int(row["number"]) for row in lost]
        await job.connection.executemany(
            "DELETE FROM checkpoints WHERE job = ? AND trial = ?", [(job_id, number) for number in numbers]
        )
        await job.connection.execute("DELETE FROM trials WHERE job = ? AND state = 'running'", (job_id,))
        return numbers


async def trials(database: Database, job_id: int) -> list[TrialRecord]:
    return await _runs(database, job_id, 0, FIRST_REPEAT)


async def repeats(database: Database, job_id: int) -> list[TrialRecord]:
    return await _runs(database, job_id, FIRST_REPEAT, LARGEST)


async def _runs(database: Database, job_id: int, first: int, end: int) -> list[TrialRecord]:
    found = await database.rows(
        "SELECT * FROM trials WHERE job = ? AND number >= ? AND number < ? ORDER BY number", (job_id, first, end)
    )
    return [trial_of(row) for row in found]


async def save_test(database: Database, job_id: int, worker: str, result: TestResult, event: Event | None) -> None:
    record = to_text(dataclasses.asdict(result))
    async with held(database, job_id, worker) as job:
        known = await one(
            job.connection, "SELECT * FROM tests WHERE job = ? AND subject = ?", (job_id, result.subject)
        )
        if known is not None and known["trial"] == result.trial:
            if canonical(known["record"]) != canonical(record):
                raise ValueError(f"the sealed test is opened once a subject, {result.subject!r} is already scored")
            return
        await job.connection.execute(
            "INSERT OR REPLACE INTO tests (job, subject, trial, record) VALUES (?, ?, ?, ?)",
            (job_id, result.subject, result.trial, record),
        )
        if event is not None:
            await journal.write(job.connection, job_id, event, job.now)


async def tests(database: Database, job_id: int) -> list[TestResult]:
    found = await database.rows(
        """
        SELECT * FROM tests WHERE job = ?
        ORDER BY CASE subject WHEN 'base' THEN 0 WHEN 'default' THEN 1 WHEN 'best' THEN 2 ELSE 3 END, subject
        """,
        (job_id,),
    )
    return [test_of(row) for row in found]


tests.__test__ = False  # type: ignore[attr-defined]  # pytest must not collect it where it is imported


async def add_checkpoint(
    database: Database, job_id: int, worker: str, trial: int, folder: str, sha256: str, value: float | None
) -> Checkpoint:
    score = None if value is None or math.isnan(value) else value
    async with held(database, job_id, worker) as job:
        await job.connection.execute(
            """
            INSERT INTO checkpoints (job, trial, folder, sha256, value, added_at)
            VALUES (:job, :trial, :folder, :sha256, :value, :now)
            ON CONFLICT (job, trial) DO UPDATE SET folder = :folder, sha256 = :sha256, value = :value
            """,
            {"job": job_id, "trial": trial, "folder": folder, "sha256": sha256, "value": score, "now": job.now},
        )
        stored = await one(
            job.connection, f"{_CHECKPOINTS} WHERE checkpoints.job = ? AND checkpoints.trial = ?", (job_id, trial)
        )
        assert stored is not None
        return checkpoint_of(stored)


async def checkpoints(database: Database, team: str, job_number: int | None) -> list[Checkpoint]:
    if job_number is None:
        found = await database.rows(f"{_CHECKPOINTS} WHERE jobs.team = ? ORDER BY jobs.number DESC, trial", (team,))
    elif 1 <= job_number <= LARGEST:
        found = await database.rows(
            f"{_CHECKPOINTS} WHERE jobs.team = ? AND jobs.number = ? ORDER BY trial", (team, job_number)
        )
    else:
        found = []
    return [checkpoint_of(row) for row in found]


async def best_checkpoint(database: Database, team: str, job_number: int | None) -> Checkpoint | None:
    newest = await database.row(
        f"""
        {_CHECKPOINTS} WHERE jobs.team = :team AND (:number IS NULL OR jobs.number = :number)
        ORDER BY jobs.number DESC LIMIT 1
        """,
        {"team": team, "number": _within(job_number)},
    )
    if newest is None:
        return None
    confirmed = await _confirmed_checkpoint(database, newest["job"], plan_of(newest))
    if confirmed is not None:
        return confirmed
    direction = "DESC" if plan_of(newest).metric in MAXIMISED else "ASC"
    best = await database.row(
        f"""
        {_CHECKPOINTS} LEFT JOIN trials ON trials.job = checkpoints.job AND trials.number = checkpoints.trial
        WHERE checkpoints.job = ?
        ORDER BY trials.state IS 'complete' DESC, value IS NULL, value {direction}, checkpoints.trial LIMIT 1
        """,
        (newest["job"],),
    )
    return None if best is None else checkpoint_of(best)


async def _confirmed_checkpoint(database: Database, job_id: int, plan: Plan) -> Checkpoint | None:
    """The adapter of the trial that the repeats confirmed as the best; None before there is one."""
    again = await repeats(database, job_id)
    number = confirmed_best(plan, await trials(database, job_id), again) if again else None
    row = await database.row(
        f"{_CHECKPOINTS} WHERE checkpoints.job = ? AND checkpoints.trial = ?", (job_id, number)
    )
    return None if row is None else checkpoint_of(row)


def _within(number: int | None) -> int | None:
    """A number that no job can have becomes 0, which no job has."""
    return number if number is None or 1 <= number <= LARGEST else 0
