"""What a job's events say so far, for every front that shows a job while it runs. Knows no words and no front."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tuner.events import (
    Event,
    JobFailed,
    JobPaused,
    JobStarted,
    RepeatFinished,
    RepeatStarted,
    StudyFinished,
    TestScored,
    TrialFinished,
    TrialProgress,
    TrialStarted,
)
from tuner.plan.plan import MAXIMISED
from tuner.store.records import Job

_TELLING = 0.2
"""From this share of the first try on, its speed tells how long the others take."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """Give it all events of one job, in their order."""

    job: Job
    done: int = 0
    """Tries that have ended."""
    part: float = 0.0
    """Share of the try under way."""
    number: int = 0
    """Of the try under way."""
    values: list[float] = field(default_factory=list)
    default: float | None = None
    seconds: list[float] = field(default_factory=list)
    """How long each ended try took."""
    at: float = 0.0
    """When the last event happened."""
    began_at: float | None = None
    """When the try under way began."""
    repeats: int | None = None
    """Runs of the confirmation as they turn out; None before it."""
    repeated: int = 0
    is_confirming: bool = False
    is_testing: bool = False
    is_over: bool = False

    def take(self, event: Event, at: float) -> None:
        """Notes an event; `at`: when it happened."""
        self.at = at
        match event:
            case JobStarted():
                self.is_over = self.is_testing = False
            case TrialStarted():
                self.is_confirming = False
                self.number, self.part, self.began_at = event.number, 0.0, at
            case TrialProgress():
                self.is_confirming = False
                self.number, self.part = event.number, event.step / max(1, event.steps)
            case TrialFinished():
                self._count(event, at)
            case RepeatStarted() | RepeatFinished():
                self.is_confirming, self.part = True, 0.0
                self.repeated, self.repeats = event.done, event.repeats
            case TestScored():
                self.is_confirming, self.is_testing = False, True
            case JobPaused() | JobFailed() | StudyFinished():
                self.is_over = True

    def _count(self, event: TrialFinished, at: float) -> None:
        self.done, self.part = self.done + 1, 0.0
        if self.began_at is not None:
            self.seconds.append(max(0.0, at - self.began_at))
            self.began_at = None
        if event.state == "complete" and event.value is not None:
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
        return min(1.0, (self.done + self.part + self.repeated) / self.runs)

    @property
    def left_s(self) -> float | None:
        """From the mean of the tries so far, else from the first one's part; None before that tells anything."""
        left = self.runs - self.done - self.part - self.repeated
        took = self.seconds
        if not took and self.began_at is not None and self.part >= _TELLING:
            took = [max(0.0, self.at - self.began_at) / self.part]
        return left * sum(took) / len(took) if took and left > 0 else None

    def facts(self) -> dict[str, Any]:
        """Promises what the sentence replies.watch.progress says."""
        return {
            "done": self.done,
            "trials": self.job.plan.trials,
            "number": self.number,
            "best": self.best,
            "default": self.default,
            "metric": self.job.plan.metric,
            "left": self.left_s,
            "again": min(self.repeated + 1, self.repeats or 0) if self.is_confirming else None,
            "repeats": self.repeats,
        }
