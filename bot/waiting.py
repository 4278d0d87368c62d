"""When a waiting job could start and how long it could take: from the pace of what runs and the plans of what comes
before it. Knows no words."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from bot.tally import tally_of
from tuner.store import Store
from tuner.store.records import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Of one job that waits. Jobs that are queued, stopped or extended later change it."""

    ahead: int
    """Jobs that run or start before it, of all teams."""
    is_idle: bool
    """Nothing runs: whoever does the work is away, or just about to begin."""
    start_s: float | None
    """From now until it starts; None where nobody can say."""
    takes_s: float | None
    """From its start to its end; None where nobody can say."""


async def wait_of(store: Store, job: Job) -> Wait:
    """Promises when `job`, which is queued, could start: as many jobs run at once as run now."""
    before = await store.before(job.id)
    running = [each for each in before if each.state == "running"]
    takes_s = await _left_s(store, job)
    if not running:
        return Wait(ahead=len(before), is_idle=True, start_s=None, takes_s=takes_s)
    free_at: list[float] = []
    for each in before:
        left_s = await _left_s(store, each)
        if left_s is None:
            return Wait(ahead=len(before), is_idle=False, start_s=None, takes_s=takes_s)
        heapq.heappush(free_at, left_s if each.state == "running" else heapq.heappop(free_at) + left_s)
    return Wait(ahead=len(before), is_idle=False, start_s=free_at[0], takes_s=takes_s)


async def _left_s(store: Store, job: Job) -> float | None:
    """By its own pace where that tells something, else by its plan."""
    if job.wish:
        return 0.0
    tally = await tally_of(store, job)
    if not tally.is_early:
        return tally.left_s or 0.0
    planned = [job.expected_s] if job.expected_s else []
    if job.plan.time_budget_s is not None:
        planned.append(float(job.plan.time_budget_s))
    return max(0.0, min(planned) - tally.busy_s) if planned else None
