"""From a job to what a runner is handed: paths under the home, the model's source, facts for the manifests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tuner.plan.models import ModelCard, find
from tuner.problems import Fact, Problem, ProblemError
from tuner.runners.base import Setup
from tuner.runners.slots import runs_of
from tuner.store import Store
from tuner.store.records import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    setup: Setup
    card: ModelCard
    folder: str
    """Of the job's checkpoints, relative to the home."""


async def prepare(store: Store, job: Job) -> Prepared:
    """Raises ProblemError `runner.model_missing` or `runner.data_missing` for what is gone since the plan was made."""
    card = await asyncio.to_thread(find, job.plan.model)
    facts: dict[str, Fact] = {"model": job.plan.model}
    if card is None:
        raise ProblemError([Problem(key="runner.model_missing", facts=facts)])
    dataset = await store.dataset(job.team, job.plan.dataset)
    if dataset is None:
        raise ProblemError([Problem(key="runner.data_missing", facts=facts)])
    examples = store.home / dataset.folder / "examples.jsonl"
    if not await asyncio.to_thread(examples.is_file):
        raise ProblemError([Problem(key="runner.data_missing", facts=facts)])
    # The team's folder is wherever its data lie: teams/<team>/data/<id> and teams/<team>/jobs/<number>.
    folder = Path(dataset.folder).parent.parent / "jobs" / str(job.number)
    setup = Setup(
        model=card.source, examples=str(examples), split_seed=job.plan.seed, split=job.plan.split,
        general_chat=job.plan.general_chat, metric=job.plan.measured, checkpoints=str(store.home / folder),
        slots=min(job.plan.parallel, runs_of(job.plan)), runs=runs_of(job.plan),
        manifest={"base": card.source, "data": job.plan.dataset, "plan": job.plan.hash(), "job": job.number,
                  "model": card.name, "language": job.language},
    )
    return Prepared(setup=setup, card=card, folder=folder.as_posix())
