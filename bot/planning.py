"""What the store knows, in the shape that a plan is built from."""

from __future__ import annotations

from tuner.plan.request import DataFacts, Speed
from tuner.store import Store
from tuner.store.records import DataSet, Job


def facts_of(dataset: DataSet) -> DataFacts:
    """Promises the facts of a stored data set, read from its report card."""
    report = dataset.report
    tokens = report["tokens"]
    train, validation, test = report["split"]
    return DataFacts(
        id=dataset.id,
        examples=report["usable"],
        split=(train, validation, test),
        tokens=tokens["total"],
        longest=tokens["longest"],
        name=dataset.name,
    )


async def name_of_data(store: Store, job: Job) -> str:
    """Promises what the job's data were called when it was queued, whatever the same bytes are called by now."""
    if job.plan.dataset_name:
        return job.plan.dataset_name
    dataset = await store.dataset(job.team, job.plan.dataset)
    return dataset.name if dataset is not None else ""


async def speed_of(store: Store, model: str) -> Speed:
    """Promises what was measured on this machine for `model`; None where nothing was."""
    at_once = await store.measured(f"seconds_per_token:{model}")
    alone = await store.measured(f"alone_seconds_per_token:{model}")
    return Speed(
        seconds_per_token=alone if at_once is None else at_once,
        alone_seconds_per_token=alone,
        together=await store.measured(f"together:{model}"),
        load_seconds=await store.measured(f"load_seconds:{model}"),
        memory_bytes=await store.measured(f"memory_bytes:{model}"),
        score_seconds=await store.measured(f"score_seconds:{model}"),
    )
