"""In which order a trial sees its examples. Knows indices only."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

Step = list[list[int]]
"""Micro-batches of one optimiser step, each a list of example indices."""


def steps_in_all(count: int, settings_batch: int, accumulation: int, epochs: int) -> int:
    """Optimiser steps of a whole trial; the last step of an epoch may hold fewer examples."""
    return epochs * math.ceil(count / (settings_batch * accumulation))


def epoch_steps(count: int, batch_size: int, accumulation: int, epoch: int, seed: int) -> Iterator[Step]:
    """Promises every index from 0 to `count` - 1 once, in an order that only `seed` and `epoch` decide."""
    order = list(range(count))
    random.Random(f"onsa {seed} {epoch}").shuffle(order)
    size = batch_size * accumulation
    for start in range(0, count, size):
        chosen = order[start : start + size]
        yield [chosen[place : place + batch_size] for place in range(0, len(chosen), batch_size)]


def validation_steps(per_epoch: int, epochs: int, cheap: bool, points: int = 8) -> frozenset[int]:
    """Promises the steps (from 1) after which to validate: each epoch's end, the last step always among them.

    `cheap`: at least about `points` spread evenly over the trial as well.
    """
    steps = per_epoch * epochs
    chosen = {per_epoch * epoch for epoch in range(1, epochs + 1)}
    if cheap and epochs < points:
        chosen |= {max(1, round(steps * part / points)) for part in range(1, points + 1)}
    return frozenset(chosen)
