"""What the store knows, in the shape that a plan is built from."""

from __future__ import annotations

from tuner.plan.request import DataFacts, Speed
from tuner.store import Store
from tuner.store.records import DataSet


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
    )


async def speed_of(store: Store, model: str) -> Speed:
    """Promises what was measured on this machine for `model`; None where nothing was."""
    return Speed(
        seconds_per_token=await store.measured(f"seconds_per_token:{model}"),
        load_seconds=await store.measured(f"load_seconds:{model}"),
        memory_bytes=await store.measured(f"memory_bytes:{model}"),
        score_seconds=await store.measured(f"score_seconds:{model}"),
    )
