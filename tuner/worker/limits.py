"""What bounds a job from outside: a person's wish and the plan's time limit. Knows no store and no runner."""

from __future__ import annotations

from collections.abc import Callable

from tuner.plan.plan import Plan
from tuner.store.records import Job, Wish


class Limits:
    def __init__(self, job: Job, clock: Callable[[], float]) -> None:
        """The worker claimed the job now."""
        self.wish: Wish = job.wish
        self._clock = clock
        self._since = clock() - job.ran_s

    def is_time_over(self, plan: Plan, reserved_s: float) -> bool:
        """Promises whether nothing more may be started within the plan's time limit; `reserved_s`: what is still to be
        done in that time besides."""
        budget = plan.time_budget_s
        return budget is not None and self._clock() - self._since >= budget - reserved_s
