"""Who waits, and who is next: in turn by person, so that one person's many questions hold up nobody else's first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

PATIENCE = 32
"""Others that may go ahead of one that waits for memory, before all wait with it."""


class Waiting(Protocol):
    @property
    def person(self) -> str: ...


W = TypeVar("W", bound=Waiting)


class Line:
    """Those who wait, and how many places each person has. For one thread."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Waiting]] = {}
        """By person, each one's in the order of their arrival; whoever was served longest ago stands first."""
        self._placed: Counter[str] = Counter()
        self._passed: Counter[int] = Counter()
        """How often others went ahead, by identity."""

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __iter__(self) -> Iterator[Waiting]:
        return iter([one for own in self._waiting.values() for one in own])

    def join(self, one: Waiting) -> None:
        self._waiting.setdefault(one.person, []).append(one)

    def drop(self, one: Waiting) -> bool:
        """Takes it out wherever it stands; False when it does not wait."""
        own = self._waiting.get(one.person, [])
        if one not in own:
            return False
        own.remove(one)
        self._passed.pop(id(one), None)
        if not own:
            del self._waiting[one.person]
        return True

    def next(self, has_room: Callable[[Waiting], bool]) -> Waiting | None:
        """Promises who gets a place now, taken out of the line: of the persons with the fewest places whoever was
        served longest ago. One for whom there is no memory yet lets others go ahead, but not for ever."""
        stuck: list[Waiting] = []
        for person in sorted(self._waiting, key=lambda name: self._placed[name]):
            one = self._waiting[person][0]
            if has_room(one):
                self._passed.update(map(id, stuck))
                self.drop(one)
                if person in self._waiting:
                    self._waiting[person] = self._waiting.pop(person)  # behind the others
                self._placed[person] += 1
                return one
            stuck.append(one)
            if self._passed[id(one)] >= PATIENCE:
                return None
        return None

    def leave(self, person: str) -> None:
        """A place that `next` gave is free again."""
        self._placed[person] -= 1
        if not self._placed[person]:
            del self._placed[person]
