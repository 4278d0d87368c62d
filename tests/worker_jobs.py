"""Jobs for worker tests: a home with one data set, a plan, and what the store knows in the end."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

from tuner.events import Event, Report, StudyFinished, TrialRecord, event_from_json
from tuner.plan.knobs import KNOBS
from tuner.plan.plan import Plan
from tuner.plan.space import Range
from tuner.runners.base import Setup
from tuner.runners.scripted import Script, ScriptedRunner
from tuner.store import Store
from tuner.store.records import DataSet, Job, NewJob
from tuner.worker import run

PATIENCE_S = 120.0

T = TypeVar("T", bound=Event)


def plan(**changes: Any) -> Plan:
    """Four trials over the learning rate, on the model that comes with Onsa."""
    made = Plan(
        model="onsa-tiny", dataset="data-1", space={"learning_rate": Range(low=1e-5, high=1e-3, log=True)},
        defaults={name: knob.default for name, knob in KNOBS.items()}, method="random", pruner="none", metric="loss",
        trials=4, parallel=1, time_budget_s=None, general_chat=0, seed=3, split=(6, 3, 3), assumed=())
    return dataclasses.replace(made, **changes)


async def submit(store: Store, made: Plan, team: str = "team", message: str = "m1") -> Job:
    """Queues a job over twelve examples that lie under the home."""
    folder = f"teams/{team}/data/data-1"
    await asyncio.to_thread(_write_examples, store.home / folder)
    await store.add_dataset(DataSet(id="data-1", team=team, name="faq.csv", folder=folder, report={}, added_at=0.0))
    job, _ = await store.submit(NewJob(team=team, person="p", channel="c", message_id=message, language="en",
                                       plan=made))
    return job


def _write_examples(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"row": row, "messages": [{"role": "user", "content": f"Where is {row}{row}?"},
                                                  {"role": "assistant", "content": f"In room {row}."}]})
             for row in range(2, 14)]
    (folder / "examples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


class Launches:
    """A runner factory that counts; each launch may have its own script, the last one serves all later ones."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = scripts or (Script(),)
        self.made: list[ScriptedRunner] = []

    async def __call__(self, setup: Setup, log: Path) -> ScriptedRunner:
        script = self.scripts[min(len(self.made), len(self.scripts) - 1)]
        self.made.append(ScriptedRunner(setup, script))
        return self.made[-1]


@contextlib.asynccontextmanager
async def working(store: Store, launches: Launches) -> AsyncIterator[asyncio.Task[None]]:
    """A worker on one job, cancelled at the end."""
    task = asyncio.create_task(run(store.home, once=True, runner_factory=launches))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(store: Store, job: Job, holds: Callable[[Job, list[TrialRecord]], bool]) -> Job:
    """Waits until the stored job and its trials are as wanted."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            now, trials = await store.job_by_id(job.id), await store.trials(job.id)
            if holds(now, trials):
                return now
            await asyncio.sleep(0.02)


async def repeats_until(store: Store, job: Job, holds: Callable[[list[TrialRecord]], bool]) -> None:
    """Waits until the runs of the job's confirmation are as wanted."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds(await store.repeats(job.id)):  # noqa: ASYNC110  (only the store tells)
            await asyncio.sleep(0.02)


async def told(store: Store, job: Job) -> list[Event]:
    return [event_from_json(stored.body) for stored in await store.events(0, job.id, limit=10_000)]


def of(events: list[Event], kind: type[T]) -> list[T]:
    return [event for event in events if isinstance(event, kind)]


async def report(store: Store, job: Job) -> Report:
    """The report of the job's one ending."""
    [ended] = of(await told(store, job), StudyFinished)
    return ended.report


def counted_once(events: list[Event], kind: type[Any]) -> bool:
    """Whether no trial number has two events of the kind."""
    return all(count == 1 for count in Counter(event.number for event in of(events, kind)).values())
