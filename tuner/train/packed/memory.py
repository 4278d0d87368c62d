"""How many trials and tokens a pack may have at once: a plan within a budget of bytes. Knows no model and no trial.

What things cost is measured by tuner/train/packed/probe.py; here it is added up.
"""

from __future__ import annotations

import math
import os
import resource
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

GPU_SHARE, SHARE = 0.9, 0.5
"""Of the memory that is free, what a pack may have on a GPU, where nobody else grows, and elsewhere."""
_LIMIT = Path("/sys/fs/cgroup")
"""Where Linux says what a container may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Bytes, measured for adapters of one rank in every layer."""

    slot: float
    """A trial keeps: adapter, gradient, moments."""
    turn: float
    """A trial more, while a pass is computed, whatever its tokens."""
    token: float
    """Each token of a pass."""
    step: float
    """A trial more, while the optimiser steps or a larger rank comes."""
    other: float
    """Between two passes, whatever the number of trials: to validate one, or to draw one."""

    def total(self, slots: int, tokens: int) -> int:
        """Promises what so many trials take at most, with so many tokens in one pass."""
        busiest = max(slots * self.turn + tokens * self.token, slots * self.step, self.other)
        return math.ceil(slots * self.slot + busiest)

    def of_rank(self, share: float) -> Costs:
        """Promises the costs of a rank that is `share` times the measured one."""
        return replace(self, slot=share * self.slot, turn=share * self.turn, step=share * self.step)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    slots: int
    tokens: int
    """In one pass at most."""
    memory_bytes: int
    """What it takes at most; never more than the budget."""


def plan_memory(costs: Costs, budget_bytes: int, slots: int, tokens: int, least: int = 256) -> MemoryPlan | None:
    """Promises as many of `slots` as there is room for with `least` tokens in a pass, then as many of `tokens`; None
    when the budget does not hold a single trial."""
    least = min(least, tokens)
    fitting = next((count for count in range(slots, 0, -1) if costs.total(count, least) <= budget_bytes), 0)
    if not fitting:
        return None
    room = budget_bytes - math.ceil(fitting * (costs.slot + costs.turn)) - 1
    held = int(min(tokens, room / costs.token)) if costs.token else tokens
    chosen = max(least, held)
    return MemoryPlan(slots=fitting, tokens=chosen, memory_bytes=costs.total(fitting, chosen))


def budget_bytes(device: torch.device, chat_share: float = 0.0) -> int:
    """Promises what a pack may take now. `chat_share` of a GPU's whole memory is left to the chat, which may be using
    some of it already."""
    if device.type == "cuda":
        free, whole = torch.cuda.mem_get_info(device)
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        own = whole * (1 - chat_share) - torch.cuda.memory_allocated(device)
        return max(0, int(GPU_SHARE * min(free + unused, own)))
    return int(SHARE * free_bytes())


def free_bytes() -> int:
    """Promises the memory that this process may still take; two gigabytes where the machine does not say."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        free = 2 * 2**30
    try:
        limit, used = ((_LIMIT / name).read_text(encoding="ascii") for name in ("memory.max", "memory.current"))
        return max(0, min(free, int(limit) - int(used)))
    except (OSError, ValueError):  # no container, or no limit
        return free


def peak_bytes(device: torch.device) -> int:
    """Promises the most that this process has taken so far: of the GPU's memory there, else of the machine's."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@dataclass(slots=True)
class Used:
    """Bytes beyond those that were there before, once `used_bytes` is closed."""

    peak: int = 0
    kept: int = 0
    """Still there at the end."""


@contextmanager
def used_bytes(device: torch.device) -> Iterator[Used]:
    """While open, counts what tensors take on the device."""
    used = Used()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        yield used
        torch.cuda.synchronize(device)
        used.peak = torch.cuda.max_memory_allocated(device) - before
        used.kept = torch.cuda.memory_allocated(device) - before
        return
    with _Counter() as counter:
        yield used
    used.peak, used.kept = counter.peak, counter.now


class _Counter(TorchDispatchMode):
    """Sees the storage of every tensor that an operation gives, and its end."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.peak = 0, 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for part in _tensors((args, kwargs)):
            self._meet(part.untyped_storage(), is_new=False)
        out = func(*args, **(kwargs or {}))
        for part in _tensors(out):
            self._meet(part.untyped_storage(), is_new=True)
        return out

    def _meet(self, storage: torch.UntypedStorage, is_new: bool) -> None:
        key = storage._cdata
        if key in self._known:
            return
        self._known[key] = storage.nbytes() if is_new else 0
        self.now += self._known[key]
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._part, key)

    def _part(self, key: int) -> None:
        self.now -= self._known.pop(key)


def _tensors(tree: Any) -> Iterator[torch.Tensor]:
    """Of an operation's arguments or results: torch's own walk through any tree takes as long as the operation."""
    if isinstance(tree, torch.Tensor):
        yield tree
    elif isinstance(tree, tuple | list):
        for part in tree:
            yield from _tensors(part)
    elif isinstance(tree, dict):
        yield from _tensors(list(tree.values()))
