"""In which order a trial sees its examples. Knows indices only."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

Step = list[list[int]]
"""Micro-batches of one optimiser step, each a list of example indices."""


def epoch_ends(counts: Iterable[int], examples_a_step: int) -> list[int]:
    """Promises the optimiser step (from 1) that ends each epoch, given the examples of each; the last step of an epoch
    may hold fewer examples."""
    return list(accumulate(math.ceil(count / examples_a_step) for count in counts))


def epoch_steps(places: Sequence[int], batch_size: int, accumulation: int, epoch: int, seed: int) -> Iterator[Step]:
    """Promises each of `places` once, in an order that only `seed` and `epoch` decide."""
    order = list(places)
    random.Random(f"onsa {seed} {epoch}").shuffle(order)
    size = batch_size * accumulation
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield [chosen[place : place + batch_size] for place in range(0, len(chosen), batch_size)]


def validation_steps(ends: Sequence[int], percents: Sequence[float]) -> frozenset[int]:
    """Promises the steps (from 1) after which to validate: each epoch's end, and the first step at or after each of
    `percents` of the trial."""
    return frozenset(ends) | {max(1, math.ceil(ends[-1] * percent / 100)) for percent in percents}
