"""The runs of a job that are under way: in which slot, how far, and whether they were asked to stop; and those that
wait, each with the record that it has should it be given up. Knows no store.

Runs side by side share the machine: time that passes counts for each of them in equal parts, so that the seconds of all
runs together are the job's own.
"""

from __future__ import annotations

from tuner.events import TrialRecord
from tuner.plan.space import Settings
from tuner.worker.course import Course


class Runs:
    def __init__(self) -> None:
        self.courses: dict[int, Course] = {}
        """By number."""
        self.stopping: set[int] = set()
        """Numbers that were asked to stop."""
        self._slots: dict[int, int] = {}
        self._waiting: dict[int, tuple[Course, TrialRecord, float]] = {}
        self._shared_at = 0.0

    def __len__(self) -> int:
        return len(self.courses)

    def begin(self, number: int, settings: Settings, slots: int, now: float) -> int:
        """Promises the free slot, of so many, in which the run is under way from now on."""
        self.share_time(now)
        slot = next(slot for slot in range(slots) if slot not in self._slots.values())
        course, _, since = self._waiting.pop(number, (Course(number, settings), None, now))
        course.rested(now - since)
        self.courses[number] = course
        self._slots[number] = slot
        return slot

    def park(self, record: TrialRecord, now: float) -> None:
        """The run waits, and its slot is free, until it begins again."""
        self._waiting[record.number] = self.courses[record.number], record, now
        self.end(record.number)

    def give_up(self, number: int) -> TrialRecord:
        """Promises the record of one that waited in vain."""
        return self._waiting.pop(number)[1]

    @property
    def waiting(self) -> list[int]:
        return sorted(self._waiting)

    def end(self, number: int) -> None:
        self.courses.pop(number, None)
        self._slots.pop(number, None)
        self.stopping.discard(number)

    def clear(self) -> None:
        """Every run is dropped, those that wait too."""
        for number in list(self.courses):
            self.end(number)
        self._waiting.clear()

    def share_time(self, now: float) -> None:
        """The time since the last call was spent on the runs under way, in equal parts."""
        for course in self.courses.values():
            course.spent(now - self._shared_at, 1 / len(self.courses))
        self._shared_at = now

    def left_s(self, usual_s: float) -> float:
        """Promises what the runs under way still need, each by its own pace; `usual_s`: what a run takes of which
        nothing is known yet."""
        return sum(course.left_s(usual_s) for course in self.courses.values())
