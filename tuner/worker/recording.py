"""Writes down how a run ended: its cost, its adapter, its record with the event that tells of it. One job's.

Knows the ledger and the files under the home; nothing of runners and wishes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import secrets
import shutil
from pathlib import Path

from tuner.checkpoints import digest
from tuner.checkpoints.parked import forget_parked
from tuner.events import PackNarrowed, TrialFinished, TrialParked, TrialRecord
from tuner.search import Search
from tuner.worker.confirm import Confirmation
from tuner.worker.energy import Meter
from tuner.worker.ledger import Ledger
from tuner.worker.logs import note


class Recording:
    def __init__(self, job: int, ledger: Ledger, folder: Path, name: str) -> None:
        """`folder`: of the job's checkpoints; `name`: the same relative to the home."""
        self._job = job
        self._ledger = ledger
        self._folder = folder
        self._name = name
        self._meter = Meter()
        self._device = ""
        self._at_once: int | None = None

    async def narrowed(self, together: int, now: int) -> None:
        """More than `now` runs at once were too much for the machine; what ends from now on says so."""
        note("pack.narrowed", self._job, together=together, now=now)
        self._at_once = min(now, self._at_once or now)
        await self._ledger.append(PackNarrowed(together=together, now=now))

    async def parked(self, number: int) -> None:
        """The run waits, in a file beside the checkpoints."""
        await self._ledger.append(TrialParked(number=number))

    async def forget_parked(self, number: int | None = None) -> None:
        """The run waits no more, or none does."""
        await asyncio.to_thread(forget_parked, self._folder, number)

    async def begin(self, device: str) -> None:
        """A runner was loaded on `device`: what it draws counts from now on."""
        self._device = device
        await asyncio.to_thread(self._meter.start, device)

    async def trial(self, record: TrialRecord, search: Search) -> TrialRecord:
        """Promises the stored trial: told to the search, its adapter registered."""
        record = await self._with_cost(record)
        if record.checkpoint is not None:
            record = await self._with_checkpoint(record)
        search.tell(record)
        await self._ledger.record(record, TrialFinished(
            number=record.number, state=record.state, value=record.value, cause=record.cause,
            best=search.is_best(record)))
        note("trial.ended", self._job, trial=record.number, state=record.state, cause=record.cause)
        return record

    async def repeat(self, record: TrialRecord, confirmation: Confirmation) -> None:
        """Promises the stored repeat. Its adapter goes: what people get is the trial's own."""
        record, adapter = await self._with_cost(record), record.checkpoint
        record = confirmation.tell(record)
        await self._ledger.record(record, confirmation.finished(record))
        note("repeat.ended", self._job, trial=record.repeat_of, state=record.state, cause=record.cause)
        if adapter is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder / adapter, ignore_errors=True)

    def with_reference(self, number: int, error: str) -> str:
        """The error behind a reference that stands in the log too."""
        reference = secrets.token_hex(4)
        note("trial.crashed", self._job, level=logging.WARNING, trial=number, reference=reference)
        return f"[{reference}] {error}".strip()

    async def _with_cost(self, record: TrialRecord) -> TrialRecord:
        spent = await asyncio.to_thread(self._meter.spent_j)
        cost = {"device": self._device, "energy_j": spent, "at_once": self._at_once}
        known = {name: value for name, value in cost.items() if value is not None}
        return dataclasses.replace(record, metrics={**record.metrics, **known})

    async def _with_checkpoint(self, record: TrialRecord) -> TrialRecord:
        assert record.checkpoint is not None
        try:
            sha256 = await asyncio.to_thread(digest, self._folder / record.checkpoint)
        except OSError:
            note("checkpoint.missing", self._job, level=logging.WARNING, trial=record.number)
            return dataclasses.replace(record, checkpoint=None)
        await self._ledger.checkpoint(record.number, f"{self._name}/{record.checkpoint}", sha256, record.value)
        return record
