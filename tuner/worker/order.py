"""What runs next in a job, and what is known of what ran: first the search, then its confirmation.

Knows the search, the stored trials and the plan as people extend it; nothing of runners, wishes and time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tuner.events import Event, TrialRecord, TrialStarted
from tuner.runners.base import TrialSpec, Validated
from tuner.search import Search
from tuner.search.search import Verdict
from tuner.store.records import Job
from tuner.worker.confirm import Confirmation, reserved_s, usual_s
from tuner.worker.ledger import Ledger
from tuner.worker.recording import Recording
from tuner.worker.steering import AwaitsVotes, Steering


class Order:
    def __init__(self, job: Job, ledger: Ledger, recording: Recording, records: Iterable[TrialRecord]) -> None:
        """Takes up to a second (Optuna, NumPy): for a thread. `records`: the trials of the search that have ended."""
        self.plan = plan = job.plan
        self.is_exhausted = False
        """Nothing is left to start in this part of the job."""
        self._ledger = ledger
        self._recording = recording
        self._trials = list(records)
        self._search = Search(plan, None, self._trials)
        self._confirmation: Confirmation | None = None
        self._steering = Steering(job, ledger) if plan.metric == "human" else None

    @property
    def is_confirming(self) -> bool:
        return self._confirmation is not None

    @property
    def is_whole(self) -> bool:
        """Everything that this part of the job wants was started, or has ended."""
        return self.is_exhausted or self._search.is_done

    @property
    def usual_s(self) -> float:
        """What a whole run took so far, in the mean; 0 before one has ended."""
        return usual_s(self._trials)

    @property
    def reserved_s(self) -> float:
        """Of a time limit, for what comes after this part of the job."""
        return 0.0 if self._confirmation is not None else reserved_s(self.plan, self._trials)

    def search(self) -> None:
        """The search begins, or goes on with what a person added."""
        self._confirmation, self.is_exhausted = None, False

    async def confirm(self) -> None:
        """The search is over: what its confirmation still lacks is next."""
        self._confirmation = Confirmation(self.plan, self._trials, await self._ledger.repeats())
        self.is_exhausted = self._confirmation.is_done

    async def is_extended(self) -> bool:
        """Whether a person wished for more meanwhile: the sealed test stays closed until that is done too."""
        plan = await self._ledger.heed_plan()
        if plan == self.plan:
            return False
        self.plan, self.is_exhausted = plan, False
        self._search.extend(plan)
        return True

    async def may_start(self, under_way: int) -> bool:
        """Promises whether one more run may be started now: a search that people steer waits for their votes."""
        return self._steering is None or self.is_confirming or await self._steering.may_start(self._trials, under_way)

    async def awaited(self, *, is_over: bool) -> AwaitsVotes | None:
        """Promises why the job has to rest until people have voted; None where it need not. `is_over`: no try comes any
        more."""
        if self._steering is None or self.is_confirming:
            return None
        await self._value()
        return await self._steering.awaited(self._trials, is_over=is_over or self.is_whole)

    async def settle(self) -> None:
        """The search is over: what people said counts, and nothing else where they said something."""
        await self._value(is_final=True)

    async def _value(self, *, is_final: bool = False) -> None:
        changed = await self._steering.valued(self._trials, is_final=is_final) if self._steering is not None else []
        for record in changed:
            self._trials[[trial.number for trial in self._trials].index(record.number)] = record
            self._search.tell(record)

    async def ask(self) -> tuple[TrialSpec, Event | None] | None:
        """What runs next, with the event that tells of its beginning, None for one that waited; None when nothing is
        left of this part of the job, or nothing but to wait for those under way."""
        found = await (self._trial() if self._confirmation is None else self._repeat(self._confirmation))
        self.is_exhausted = found is None and not self._search.parked
        return found

    def verdict(self, event: Validated, *, parks: bool) -> Verdict:
        """Promises what should become of the run here; `parks`: it may wait. A repeat always goes on: a mean needs
        whole runs."""
        if self._confirmation is not None:
            return ""
        return self._search.report(event.number, event.step, event.steps, event.valid_loss,
                                   parks=parks and self._steering is None)

    def park(self, number: int) -> None:
        """The run waits until `ask` has it go on, or it is among those `given_up`."""
        self._search.park(number)

    def given_up(self) -> list[int]:
        """Promises the waiting runs that wait for nothing any more."""
        return self._search.given_up()

    def forget(self, number: int) -> None:
        """A run that left no ending is to run again."""
        self.is_exhausted = False
        if self._confirmation is None:
            self._search.forget(number)
        else:
            self._confirmation.forget(number)

    async def record(self, record: TrialRecord) -> None:
        """Everything that is known about an ended run, in the store before anything else happens."""
        if self._confirmation is not None:
            await self._recording.repeat(record, self._confirmation)
            return
        if self._steering is not None:
            record = await self._steering.first_worth(record, self._trials)
        self._trials.append(await self._recording.trial(record, self._search))
        if self._steering is not None:
            await self._value()
            await self._steering.ask(self._trials, is_over=self._search.is_done)

    async def _trial(self) -> tuple[TrialSpec, Event | None] | None:
        if (waited := self._search.promote()) is not None:
            return TrialSpec(number=waited[0], settings=waited[1], parked=True), None
        asked = await asyncio.to_thread(self._search.ask)
        if asked is None:
            return None
        number, settings = asked
        return TrialSpec(number=number, settings=settings), TrialStarted(number=number, settings=settings)

    async def _repeat(self, confirmation: Confirmation) -> tuple[TrialSpec, Event | None] | None:
        if (await self._ledger.fresh()).plan != self.plan:
            return None  # a person wished for more: the search goes on first
        repeat = confirmation.ask()
        if repeat is None:
            return None
        return TrialSpec(number=repeat.number, settings=repeat.settings), confirmation.started(repeat)
