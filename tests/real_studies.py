"""Small searches in which the embedded model is really trained, and in which something goes wrong on purpose.

They run as any job does: stored, claimed by a worker process, trained in its child. No general chat is mixed in and
nothing is run again with other seeds, so that each takes well under a minute on one idle core.
"""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.data.examples import read
from tuner.data.split import SPLIT_SEED, split_sizes
from tuner.embedded import sample_path
from tuner.events import Report, StudyFinished, event_from_json
from tuner.plan.models import embedded
from tuner.plan.plan import Plan
from tuner.plan.space import Range, Spec
from tuner.store import Store
from tuner.store.records import DataSet, Job, NewJob

PATIENCE_S = 900.0
TEAM = "real"
_REPOSITORY = str(Path(__file__).resolve().parents[1])
Rows = Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RealStudy:
    """What is trained, on what."""

    data: str
    """`sample`: part of the sample; `unrelated`: nothing in one row helps with another; `contradictory`: six answers
    to each question."""
    space: dict[str, Spec]
    fixed: dict[str, Any]
    trials: int


_NAMES = tuple(first + last for first in ("An", "Be", "Ca", "Do", "El")
               for last in ("na", "ro", "li", "mi", "ta", "ko", "sa", "vin"))
_PLACES = ("attic", "cellar", "garden", "kitchen", "library", "office", "tower", "yard")

STUDIES = {
    "real rate too high": RealStudy(
        data="sample", space={"learning_rate": Range(low=0.5, high=5.0, log=True)}, fixed={"epochs": 3}, trials=5),
    "real rate too low": RealStudy(
        data="sample", space={"learning_rate": Range(low=1e-8, high=1e-6, log=True)}, fixed={"epochs": 6}, trials=6),
    "real overfitting": RealStudy(
        data="unrelated", space={"epochs": Range(low=8, high=20, log=False)}, fixed={"learning_rate": 5e-4}, trials=5),
    "real contradictory": RealStudy(
        data="contradictory", space={"learning_rate": Range(low=1e-4, high=1e-3, log=True)}, fixed={"epochs": 6},
        trials=4),
}
"""Name -> study."""


async def run(study: RealStudy, home: Path) -> Report:
    """Promises the report of the study, trained in the empty folder `home`. Raises TimeoutError past PATIENCE_S."""
    async with await Store.open(home) as store:
        job = await _submit(store, study)
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tuner.worker", "--home", str(home), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": _REPOSITORY})
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await _finished(store, job)
        finally:
            if worker.returncode is None:
                worker.terminate()
            async with asyncio.timeout(60):
                await worker.wait()


async def _submit(store: Store, study: RealStudy) -> Job:
    card = embedded()
    folder = f"teams/{TEAM}/data/rows"
    await asyncio.to_thread(_write, store.home / folder, rows_of(study.data))
    examples = await asyncio.to_thread(read, store.home / folder / "examples.jsonl")
    await store.add_dataset(DataSet(id="rows", team=TEAM, name="rows.csv", folder=folder, report={}, added_at=0.0))
    plan = Plan(
        model=card.reference, dataset="rows", space=study.space, defaults={**card.defaults, **study.fixed},
        method="random", pruner="none", metric="loss", trials=study.trials, parallel=1, time_budget_s=None,
        general_chat=0, seed=1, split=split_sizes(examples, SPLIT_SEED), assumed=())
    job, _ = await store.submit(
        NewJob(team=TEAM, person="p", channel="c", message_id="m", language="en", plan=plan))
    return job


async def _finished(store: Store, job: Job) -> Report:
    after = 0
    while True:
        for stored in await store.events(after, job.id):
            after = stored.seq
            if isinstance(event := event_from_json(stored.body), StudyFinished):
                return event.report
        await asyncio.sleep(0.2)


def _write(folder: Path, rows: Rows) -> None:
    folder.mkdir(parents=True)
    lines = (json.dumps({"row": row, "messages": [{"role": "user", "content": question},
                                                  {"role": "assistant", "content": answer}]})
             for row, (question, answer) in enumerate(rows, start=2))
    (folder / "examples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows_of(data: str) -> Rows:
    """Questions and answers: some of the sample, ones that can only be learnt by heart, or ones that contradict
    each other."""
    if data == "contradictory":
        answers = ("yes, always", "no, never", "only on Mondays", "ask at the desk", "nobody knows", "at nine")
        return [(f"What is the rule for item {n % 10}?", answers[(n * 7 + n // 10) % 6]) for n in range(60)]
    if data == "unrelated":
        return [(f"Who looks after room {100 + 7 * n}?", f"{_NAMES[(n * 11) % 40]} in the {_PLACES[(n * 5) % 8]}")
                for n in range(40)]
    with sample_path("en").open(encoding="utf-8", newline="") as file:
        rows = [(row["question"], row["answer"]) for row in csv.DictReader(file)]
    return rows[:60]
