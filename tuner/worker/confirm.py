"""The confirmation's runs of one job: which repeat comes next, how many are done, what is reserved for them.

Follows from the stored trials and repeats alone, so that a worker that takes the job up goes on with what is missing.
Knows no store and no runner; which settings are repeated, and under which numbers: tuner.repeats.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from tuner.events import RepeatFinished, RepeatStarted, TrialRecord
from tuner.plan.plan import Plan
from tuner.repeats import Repeat, planned_repeats

KEPT_FOR_CONFIRMING = 0.25
"""Share of a job's time limit, at most, that the search leaves for the confirmation."""


class Confirmation:
    def __init__(self, plan: Plan, trials: Iterable[TrialRecord], repeats: Iterable[TrialRecord]) -> None:
        """Promises the repeats that `plan` wants after these trials, without those that have ended."""
        self._planned = {repeat.number: repeat for repeat in planned_repeats(plan, trials)}
        self._ended = {record.number for record in repeats if record.state != "running"} & set(self._planned)
        self._running: set[int] = set()

    def ask(self) -> Repeat | None:
        """Promises the next repeat, known as running from now on; None when each has ended or runs."""
        for number, repeat in self._planned.items():
            if number not in self._ended and number not in self._running:
                self._running.add(number)
                return repeat
        return None

    def forget(self, number: int) -> None:
        """A repeat under way that left no ending is to run again."""
        self._running.discard(number)

    def tell(self, record: TrialRecord) -> TrialRecord:
        """Promises the ended run as it is stored: a repeat, whose adapter nobody will use."""
        self._running.discard(record.number)
        self._ended.add(record.number)
        return dataclasses.replace(record, repeat_of=self._planned[record.number].trial, checkpoint=None)

    @property
    def is_done(self) -> bool:
        return len(self._ended) == len(self._planned)

    def started(self, repeat: Repeat) -> RepeatStarted:
        return RepeatStarted(number=repeat.number, repeat_of=repeat.trial, done=len(self._ended),
                             repeats=len(self._planned))

    def finished(self, record: TrialRecord) -> RepeatFinished:
        return RepeatFinished(number=record.number, repeat_of=self._planned[record.number].trial, state=record.state,
                              value=record.value, cause=record.cause, done=len(self._ended),
                              repeats=len(self._planned))


def reserved_s(plan: Plan, trials: Sequence[TrialRecord]) -> float:
    """Promises the seconds of a time limit that the search should leave for the confirmation: what its runs take by
    the trials so far, at most a quarter of the limit; 0 before a trial has ended."""
    if plan.time_budget_s is None:
        return 0.0
    return min(plan.time_budget_s * KEPT_FOR_CONFIRMING, usual_s(trials) * plan.repeats)


def usual_s(trials: Iterable[TrialRecord]) -> float:
    """Promises what a whole run took so far, in the mean; 0 before one has ended."""
    took = [record.seconds for record in trials if record.state == "complete" and record.seconds > 0]
    return sum(took) / len(took) if took else 0.0
