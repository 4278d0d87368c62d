"""How many trials a runner trains side by side when nobody said it. Knows numbers only."""

from __future__ import annotations

from tuner.plan.plan import Plan

SIDE_BY_SIDE = {"cuda": 32, "mps": 8, "cpu": 4}
"""By device, with the reason for each:

A GPU's small steps are bound by launching, so every further trial is nearly free until memory or tokens are full.
A CPU core's products are near their peak with a few trials. More of them would only bring the first result later and
leave the search less to learn from before it proposes.
"""
SMALL_SIDE_BY_SIDE = 8
"""Of a model so small that each core of a CPU has trials of its own, four for each of two cores: with the embedded
model a core trains 2,080 tokens a second of one, 2,270 of two, 2,450 of four, 2,460 of eight. Weak trials wait at their
first rung, so that the search learns from these long before one of them has ended.
"""
LARGE = 1_000_000_000
"""Weights from which on a CPU trains one at a time: its memory and its patience hold no more."""


def slots_for(device: str, weights: int, runs: int, *, is_small: bool = False) -> int:
    """Promises at least one place: as many as suit the device and the model, and no more than there are runs.
    `is_small`: each core of the CPU has trials of its own."""
    most = SMALL_SIDE_BY_SIDE if is_small else SIDE_BY_SIDE.get(device, SIDE_BY_SIDE["cpu"])
    if device != "cuda" and weights >= LARGE:
        most = 1
    return max(1, min(most, runs))


def runs_of(plan: Plan) -> int:
    """Promises how many runs of the plan may ever be under way at once: the tries, or those of the confirmation."""
    return max(1, plan.trials, plan.repeats)
