"""The end of a job: the sealed test once a subject, then the report, in one write with the job's last state."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from tuner.events import Report, StudyFinished, TrialRecord
from tuner.plan.plan import Plan
from tuner.repeats import best_trial
from tuner.runners.base import Runner
from tuner.store.records import Job
from tuner.worker.crew import Crew
from tuner.worker.ledger import Ledger
from tuner.worker.logs import note
from tuner.worker.sealed import score_sealed_test

Reason = Literal["done", "stopped", "time"]


async def finish(plan: Plan, reason: Reason, ledger: Ledger, crew: Crew,
                 loaded: Callable[[], Awaitable[Runner]]) -> None:
    """Promises a released job with its report. Raises what `loaded` raises, and LeaseLost."""
    records, repeats = await ended_trials(ledger), await ledger.repeats()
    best = best_trial(plan, records, repeats)
    if best is not None:
        await score_sealed_test(ledger, crew, loaded, records, best)
    await crew.close()
    state: Literal["stopped", "finished"] = "stopped" if reason == "stopped" else "finished"
    job = dataclasses.replace(await ledger.fresh(), state=state)
    # Imported in a thread: analysis brings NumPy and Optuna along, and only an ended job needs it.
    report = await asyncio.to_thread(_analyse, job, records, await ledger.tests(), repeats)
    note("job.reported", job.id, reason=reason, trials=len(records), repeats=len(repeats))
    await ledger.release(state, StudyFinished(reason=reason, report=report))


async def ended_trials(ledger: Ledger) -> list[TrialRecord]:
    return [record for record in await ledger.trials() if record.state != "running"]


def _analyse(job: Job, *stored: Any) -> Report:
    from tuner.analysis import build_report

    return build_report(job, *stored)
