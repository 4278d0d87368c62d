"""What holds a slot of a sweep: a trial under way, or one that waits for room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuner.train.course import Course
from tuner.train.lessons import Micro


@dataclass(kw_only=True)
class Run:
    number: int
    settings: Mapping[str, Any]
    course: Course
    began: float
    turns: int = 0
    may_wait: bool = True


@dataclass(frozen=True, kw_only=True)
class Waits:
    """A trial for which the memory has no room beside those under way."""

    number: int
    settings: Mapping[str, Any]
    beside: int
    began: float
    state: Mapping[str, Any] | None
    """Where it stood when it was parked; None for one at its beginning."""


def size_of(micro: Micro) -> str:
    """Promises words for an error."""
    return f"a batch of {len(micro.examples)} examples of up to {max(len(one.ids) for one in micro.examples)} tokens"
