"""The runs of a job that are under way: in which slot, how far, and whether they were asked to stop. Knows no store."""

from __future__ import annotations

from tuner.plan.space import Settings
from tuner.worker.course import Course


class Runs:
    def __init__(self) -> None:
        self.courses: dict[int, Course] = {}
        """By number."""
        self.stopping: set[int] = set()
        """Numbers that were asked to stop."""
        self._slots: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.courses)

    def begin(self, number: int, settings: Settings, slots: int) -> int:
        """Promises the free slot, of so many, in which the run is under way from now on."""
        slot = next(slot for slot in range(slots) if slot not in self._slots.values())
        self.courses[number] = Course(number, settings)
        self._slots[number] = slot
        return slot

    def end(self, number: int) -> None:
        self.courses.pop(number, None)
        self._slots.pop(number, None)
        self.stopping.discard(number)

    def clear(self) -> None:
        """Every run is dropped."""
        for number in list(self.courses):
            self.end(number)
