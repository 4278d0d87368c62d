"""Whose fault it was that a step for all failed: those who took part are tried apart, in halves. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class Suspects(Generic[T]):
    """Groups that are tried one after the other. Whoever got a token is innocent and goes on."""

    def __init__(self) -> None:
        self._groups: list[list[T]] = []

    def may_read(self, one: T) -> bool:
        """False while it is the turn of others: while a group is tried, nobody else joins."""
        return not self._groups or one in self._groups[0]

    def is_apart(self, one: T) -> bool:
        """True for a suspect whose turn comes later: it has to stay out of the steps till then."""
        return any(one in group for group in self._groups[1:])

    def clear(self, one: T) -> None:
        """It got its token, or left."""
        self._groups = [left for group in self._groups if (left := [other for other in group if other is not one])]

    def blame(self, took_part: Sequence[T]) -> T | None:
        """Promises the culprit where nobody else can be it; else None, and fewer may read than took part."""
        tried = [one for one in took_part if self._groups and one in self._groups[0]]
        blamed = tried or list(took_part)
        for one in blamed:
            self.clear(one)
        if len(blamed) == 1:
            return blamed[0]
        half = len(blamed) // 2
        self._groups[:0] = [group for group in (blamed[:half], blamed[half:]) if group]
        return None
