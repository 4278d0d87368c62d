"""Several cores for one pack: copies of the model that share its weights, each in a thread of its own.

The products of a small model are too small to be shared among cores: threads that share one wait for each other in
busy loops. Trials are independent, so each core takes some of them. Knows no slots' contents and no loss.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch

from tuner.evaluate.base import Base
from tuner.train.model import is_small

Found = TypeVar("Found")
MOST = 2
"""More were not measured; Python itself runs in one thread at a time."""


def lanes_for(base: Base) -> int:
    """Promises as many as there are cores for a small model on a processor, whose products torch computes in one
    thread, unless OMP_NUM_THREADS says otherwise."""
    if not is_small(base) or "OMP_NUM_THREADS" in os.environ or torch.get_num_threads() > 1:
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST, cores))


class Lanes:
    """`models`: the first is the model itself; the others have modules of their own and the same weights."""

    def __init__(self, model: Any, count: int) -> None:
        shared = {id(part): part for part in (*model.parameters(), *model.buffers())}
        self.models = [model, *(copy.deepcopy(model, dict(shared)) for _ in range(count - 1))]
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="lane") if count > 1 else None

    def shares(self, sizes: Mapping[int, int]) -> list[list[int]]:
        """Promises every slot once, in order, shared so that no lane has many more tokens than another. `sizes`: by
        slot. The same sizes are always shared alike."""
        taken: list[tuple[int, list[int]]] = [(0, []) for _ in self.models]
        for slot in sorted(sizes, key=lambda one: (-sizes[one], one)):
            place = min(range(len(taken)), key=lambda one: (taken[one][0], one))
            taken[place] = (taken[place][0] + sizes[slot], [*taken[place][1], slot])
        return [sorted(slots) for _, slots in taken if slots]

    def each(self, work: Callable[[Any, list[int]], Found], shares: list[list[int]]) -> list[Found]:
        """Promises `work(model, share)` of each share, side by side. Raises what one raised, after all have ended."""
        if self._threads is None or len(shares) == 1:
            return [work(model, share) for model, share in zip(self.models, shares, strict=False)]
        running = [self._threads.submit(work, model, share)
                   for model, share in zip(self.models, shares, strict=False)]
        for one in running:
            one.exception()
        return [one.result() for one in running]
