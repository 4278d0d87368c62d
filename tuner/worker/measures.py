"""What an ended run tells about this machine: the speeds from which the next plan's cost is estimated."""

from __future__ import annotations

from tuner.plan.estimate import SCORED_ANSWERS
from tuner.plan.plan import Plan
from tuner.runners.base import TrialEnded
from tuner.worker.course import Course
from tuner.worker.ledger import Ledger

ALONE = 1.2
"""Runs side by side, on the average of a run's life, below which it counts as one that had no company."""


async def measure_run(ledger: Ledger, model: str, plan: Plan, course: Course, ended: TrialEnded, now: float) -> None:
    """Notes seconds a token, with how many runs side by side, seconds an answer and peak memory, as far as this run
    tells them."""
    speed = course.seconds_per_token(ended.tokens)
    if speed is not None:
        together = 1 / course.share
        if together < ALONE:
            await ledger.measure(f"alone_seconds_per_token:{model}", speed)
        else:
            await ledger.measure(f"together:{model}", together)
            await ledger.measure(f"seconds_per_token:{model}", speed)
    answers = min(SCORED_ANSWERS, plan.split[1])
    scoring = course.seconds_since_last(now)
    if scoring is not None and answers:
        await ledger.measure(f"score_seconds:{model}", scoring / answers)
    memory = ended.metrics.get("peak_memory_bytes")
    if isinstance(memory, int | float):
        await ledger.measure(f"memory_bytes:{model}", float(memory))
