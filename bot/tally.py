"""What a job's events say so far, for every front that shows a job while it runs. Knows no words and no front."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tuner.events import (
    Event,
    JobAwaitsVotes,
    JobFailed,
    JobPaused,
    JobStarted,
    PackNarrowed,
    RepeatFinished,
    RepeatStarted,
    StudyFinished,
    TestScored,
    TrialFinished,
    TrialParked,
    TrialProgress,
    TrialStarted,
    event_from_json,
)
from tuner.plan.plan import MAXIMISED
from tuner.store import Store
from tuner.store.records import Job, StoredEvent

_TELLING = 0.2
"""From this share of a try on, the time so far tells how long the rest takes."""
_GOES_ON = 1 / 3
"""So many of the tries that wait for others go on later; the rest is given up."""
_SOON_S = 5.0
"""Below this the rest is no matter of pace: the last steps and the sealed test."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Give it all events of one job, in their order."""

    job: Job
    done: int = 0
    """Tries that have ended."""
    parts: dict[int, float] = field(default_factory=dict)
    """Runs under way, tries and repeats, by number: what share of each is done."""
    waiting: dict[int, float] = field(default_factory=dict)
    """The same of tries that wait until others have come as far."""
    furthest: float = 0.0
    """The most runs that were made yet: one that goes on after waiting moves no bar back."""
    number: int = 0
    """Of the try that was heard of last."""
    values: list[float] = field(default_factory=list)
    default: float | None = None
    busy_s: float = 0.0
    """How long runs were under way."""
    at: float = 0.0
    """When the last event happened."""
    is_alone: bool = False
    """The model trains one try at a time, although more were wanted."""
    narrowed: PackNarrowed | None = None
    """So many tries side by side were too much for the machine."""
    repeats: int | None = None
    """Runs of the confirmation as they turn out; None before it."""
    repeated: int = 0
    is_confirming: bool = False
    is_testing: bool = False
    is_over: bool = False

    def take(self, event: Event, at: float) -> None:
        """Notes an event; `at`: when it happened."""
        if self.parts and not isinstance(event, JobStarted):
            self.busy_s += max(0.0, at - self.at)
        self.at = at
        self._note(event)
        self.furthest = max(self.furthest, self._made)

    def _note(self, event: Event) -> None:
        match event:
            case JobStarted():
                self.is_over = self.is_testing = False
                self.is_alone, self.narrowed = bool(event.alone), None
                self.furthest = 0.0
                self._drop()
            case PackNarrowed():
                self.narrowed = event
            case TrialStarted():
                self._see(event.number, 0.0)
            case TrialProgress():
                self._see(event.number, event.step / max(1, event.steps))
            case TrialParked():
                self.waiting[event.number] = self.parts.pop(event.number, 0.0)
            case TrialFinished():
                self._count(event)
            case RepeatStarted() | RepeatFinished():
                self.is_confirming = True
                self.repeated, self.repeats = event.done, event.repeats
                self.parts.pop(event.number, None)
                if isinstance(event, RepeatStarted):
                    self.parts[event.number] = 0.0
            case TestScored():
                self.is_confirming, self.is_testing = False, True
            case JobPaused() | JobAwaitsVotes() | JobFailed() | StudyFinished():
                self.is_over = True
                self._drop()

    def take_stored(self, stored: StoredEvent) -> None:
        """The same for an event as it is kept; one of a kind that this version does not know changes nothing."""
        try:
            event = event_from_json(stored.body)
        except (KeyError, TypeError):
            return
        self.take(event, stored.at)

    def _drop(self) -> None:
        self.parts.clear()
        self.waiting.clear()

    def _see(self, number: int, part: float) -> None:
        self.is_confirming, self.number, self.parts[number] = False, number, part
        self.waiting.pop(number, None)

    def _count(self, event: TrialFinished) -> None:
        self.done += 1
        self.parts.pop(event.number, None)
        self.waiting.pop(event.number, None)
        self.number = max(self.parts, default=event.number)
        if event.state == "complete" and event.value is not None and self.job.plan.metric != "human":
            self.values.append(event.value)
            if event.number == 0:
                self.default = event.value

    @property
    def best(self) -> float | None:
        pick = max if self.job.plan.metric in MAXIMISED else min
        return pick(self.values) if self.values else None

    @property
    def runs(self) -> int:
        """Tries and repeats in all, as far as they are known."""
        return max(1, self.job.plan.trials + (self.job.plan.repeats if self.repeats is None else self.repeats))

    @property
    def share(self) -> float:
        """How much of the job is done, 0.0 to 1.0."""
        return min(1.0, self.furthest / self.runs)

    @property
    def left_s(self) -> float | None:
        """From the pace so far, however many runs are side by side, and never beyond the plan's time limit; None before
        the pace tells anything, and when it is all but done."""
        if self.is_early:
            return None
        left = (self.runs - self._made) * self.busy_s / self._made
        budget = self.job.plan.time_budget_s
        left = left if budget is None else min(left, budget - self.busy_s)
        return left if left >= _SOON_S else None

    @property
    def is_early(self) -> bool:
        """True while the pace tells nothing yet."""
        return self._made < _TELLING or self.busy_s <= 0

    @property
    def _made(self) -> float:
        """Runs so far, those under way in part, and those that wait as if the usual share of them went on."""
        waiting = sum(1 - (1 - part) * _GOES_ON for part in self.waiting.values())
        return self.done + self.repeated + sum(self.parts.values()) + waiting

    def facts(self) -> dict[str, Any]:
        """Promises what the sentence replies.watch.progress says."""
        return {
            "done": self.done,
            "trials": self.job.plan.trials,
            "number": self.number,
            "numbers": sorted(self.parts),
            "waiting": len(self.waiting),
            "best": self.best,
            "default": self.default,
            "metric": self.job.plan.metric,
            "left": self.left_s,
            "again": min(self.repeated + 1, self.repeats or 0) if self.is_confirming else None,
            "repeats": self.repeats,
        }


async def tally_of(store: Store, job: Job, until: int | None = None) -> Tally:
    """Promises what the stored events of `job` say, up to the event `until`."""
    tally, after = Tally(job=job), 0
    while events := await store.events(after, job.id):
        for stored in events:
            if until is not None and stored.seq > until:
                return tally
            tally.take_stored(stored)
            after = stored.seq
    return tally
