"""Who of several lanes trains what: requests from the parent go to the lane of their trial, events come back.

The parent sees slots; which lane holds a trial is decided here. A new one goes to the lane with the fewest. Where a
lane has fewer by two at the end of a search, a trial is parked in the other one and goes on here: no core idles, and
two passes of two trials take less time than one of three beside one of one. Knows no trial's contents.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NoReturn

from tuner.runners.base import Broken, Ready, RunnerEvent, StepDone, StopAs, TrialEnded, TrialSpec, Validated
from tuner.runners.child_edge import Outbox
from tuner.runners.wire import Close, Request, Start, Stop, decode_event, encode_request

IDLE_S = 0.2
"""So long a lane waits for the parent to give it a trial before it takes one of another lane."""
WORTH_MOVING, WORTH_SHARING = 0.1, 0.3
"""Of its steps a trial must have this share before it to be moved to a lane that has none, or fewer."""

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Lane:
    pid: int
    requests: int
    """Handle to write to."""
    events: int
    """Handle to read from."""
    slots: int = 0
    held: dict[int, int] = field(default_factory=dict)
    """Slot -> number of the trial in it."""
    idle_since: float = 0.0

    def free(self) -> int:
        """Promises a slot that holds nothing. Raises StopIteration when all do."""
        return next(slot for slot in range(self.slots) if slot not in self.held)


@dataclass(slots=True, kw_only=True)
class _Trial:
    spec: TrialSpec
    lane: Lane
    left: float = 1.0
    """Share of its steps."""
    is_moving: bool = False
    wanted: StopAs | Literal[""] = ""
    """What the parent asked of it while it was moving."""


class Router:
    def __init__(self, tell: Outbox, clock: Callable[[], float] = time.monotonic) -> None:
        self.lanes: list[Lane] = []
        self._tell, self._clock = tell, clock
        self._lock = threading.RLock()
        self._trials: dict[int, _Trial] = {}
        self._ready = threading.Semaphore(0)
        self._closing = False

    @property
    def handles(self) -> list[int]:
        return [handle for lane in self.lanes for handle in (lane.requests, lane.events)]

    def ready(self) -> int:
        """Waits until every lane has its pack; promises their slots together."""
        for lane in self.lanes:
            threading.Thread(target=self._follow, args=(lane,), name=f"lane-{lane.pid}", daemon=True).start()
        for _ in self.lanes:
            self._ready.acquire()
        return sum(lane.slots for lane in self.lanes)

    def __call__(self, request: Request) -> bool:
        """Whether the request was a lane's."""
        with self._lock:
            match request:
                case Start(trial=trial):
                    self._start(trial)
                case Stop(number=number, outcome=outcome):
                    self._stop(number, outcome)
                case Close():
                    self._closing = True
                    return False
                case _:
                    return False
        return True

    def close(self) -> None:
        """Promises that every lane has ended."""
        for lane in self.lanes:
            _write(lane.requests, encode_request(Close()))
            os.close(lane.requests)
        for lane in self.lanes:
            os.waitpid(lane.pid, 0)

    def _start(self, spec: TrialSpec) -> None:
        lane = min((lane for lane in self.lanes if len(lane.held) < lane.slots), key=lambda lane: len(lane.held))
        slot = lane.free()
        lane.held[slot] = spec.number
        self._trials[spec.number] = _Trial(spec=spec, lane=lane)
        _write(lane.requests, encode_request(Start(slot=slot, trial=spec)))

    def _stop(self, number: int, outcome: StopAs) -> None:
        trial = self._trials.get(number)
        if trial is None:
            return
        if trial.is_moving:
            trial.wanted = outcome
        _write(trial.lane.requests, encode_request(Stop(number=number, outcome=outcome)))

    def _follow(self, lane: Lane) -> None:
        with os.fdopen(lane.events, "rb") as lines:
            for line in lines:
                event = decode_event(line)
                if isinstance(event, Ready):
                    lane.slots, lane.idle_since = event.slots, self._clock()
                    self._ready.release()
                    continue
                with self._lock:
                    if not self._is_ours(event, lane):
                        self._tell(event)
                    self._balance(lane)
                if isinstance(event, Broken):
                    os._exit(1)
        if not self._closing:
            self._die(lane)

    def _is_ours(self, event: RunnerEvent, lane: Lane) -> bool:
        """Notes what the event says; promises whether it is about a move, of which the parent knows nothing."""
        match event:
            case StepDone() | Validated():
                if event.number in self._trials:
                    self._trials[event.number].left = 1 - event.step / event.steps
            case TrialEnded():
                lane.held = {slot: number for slot, number in lane.held.items() if number != event.number}
                lane.idle_since = self._clock()
                trial = self._trials.pop(event.number, None)
                if trial is not None and trial.is_moving and event.outcome == "parked" and trial.wanted != "parked":
                    self._start(dataclasses.replace(trial.spec, parked=True))
                    if trial.wanted:
                        self._stop(event.number, trial.wanted)
                    return True
            case _:
                pass
        return False

    def _balance(self, lane: Lane) -> None:
        """Has a trial of `lane` moved when another lane has much less to do."""
        now = self._clock()
        other = min(self.lanes, key=lambda other: len(other.held))
        here = [self._trials[number] for number in lane.held.values()]
        if len(here) < len(other.held) + 2 or len(other.held) == other.slots or now - other.idle_since < IDLE_S:
            return
        if self._closing or any(trial.is_moving for trial in self._trials.values()):
            return
        most = max(here, key=lambda trial: trial.left)
        if most.left >= (WORTH_SHARING if other.held else WORTH_MOVING):
            most.is_moving = True
            _write(lane.requests, encode_request(Stop(number=most.spec.number, outcome="parked")))

    def _die(self, lane: Lane) -> NoReturn:
        """As the lane did, so that the parent hears the same as of a child without lanes."""
        _, status = os.waitpid(lane.pid, 0)
        log.error("a lane ended, status %d", status)
        if os.WIFSIGNALED(status):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(os.waitstatus_to_exitcode(status) or 1)


def _write(handle: int, line: bytes) -> None:
    """A lane that is gone reads nothing more; its follower tells of it."""
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
    except BrokenPipeError:
        pass
