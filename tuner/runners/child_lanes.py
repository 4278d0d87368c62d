"""Several cores for one child: forked processes that share the loaded model, each with a pack of some of the slots.

The products of a small model are too small to be shared among cores, and threads would wait for each other at every
operation. Trials are independent, so each core takes some. The process that forked only passes lines on; it opens the
sealed test itself. Knows no trial's contents.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from tuner.evaluate.base import Base
from tuner.runners.base import Broken, Ready
from tuner.runners.child_edge import Outbox, broken
from tuner.runners.child_inbox import Inbox
from tuner.runners.child_pack import serve_pack
from tuner.runners.child_work import Work
from tuner.runners.wire import Close, Request, Score, Start, Stop, decode_event, encode_request
from tuner.train.model import is_small
from tuner.train.packed.pack import Pack

log = logging.getLogger(__name__)


def lanes_for(base: Base, slots: int) -> int:
    """Promises as many as there are cores, and no more than slots, for a small model on a processor of Linux, where a
    process may be forked; 1 for others, and where OMP_NUM_THREADS says how many cores to use."""
    if sys.platform != "linux" or not is_small(base) or "OMP_NUM_THREADS" in os.environ:
        return 1
    return max(1, min(slots, len(os.sched_getaffinity(0))))


def serve_lanes(work: Work, slots: int, lanes: int, inbox: Inbox, tell: Outbox) -> int:
    """Promises Ready, then to serve until the parent closes; gives the exit code.

    Raises CannotPackError before Ready when the model takes one trial at a time only.
    """
    Pack(work.bench.base, 1)
    gc.freeze()  # what is loaded stays shared
    router = _Router(tell)
    for place in range(lanes):
        own = slots // lanes + (place < slots % lanes)
        router.lanes.append(_fork(work, own, work.memory_bytes // lanes, router.handles, tell))
    inbox.pass_on(router)
    work.ready(router.ready())
    while True:
        request = inbox.next()
        if isinstance(request, Score):
            work.score(request)
        elif isinstance(request, Close):
            router.close()
            return 0
        else:
            raise ValueError(f"after setup come start, score or close, got {type(request).__name__}")


@dataclass(slots=True, kw_only=True)
class _Lane:
    pid: int
    requests: int
    """Handle to write to."""
    events: int
    """Handle to read from."""
    slots: int = 0


class _Router:
    """Passes requests to the lanes and their events to the parent. Slot s is lane s modulo their number, so that few
    trials are spread over the lanes too."""

    def __init__(self, tell: Outbox) -> None:
        self.lanes: list[_Lane] = []
        self._tell, self._telling = tell, threading.Lock()
        self._lane_of: dict[int, _Lane] = {}
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
        return min(lane.slots * len(self.lanes) + place for place, lane in enumerate(self.lanes))

    def __call__(self, request: Request) -> bool:
        """Whether the request was a lane's."""
        match request:
            case Start(slot=slot, trial=trial):
                lane = self._lane_of[trial.number] = self.lanes[slot % len(self.lanes)]
                _write(lane.requests, encode_request(Start(slot=slot // len(self.lanes), trial=trial)))
            case Stop(number=number):
                if number in self._lane_of:
                    _write(self._lane_of[number].requests, encode_request(request))
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

    def _follow(self, lane: _Lane) -> None:
        with os.fdopen(lane.events, "rb") as lines:
            for line in lines:
                event = decode_event(line)
                if isinstance(event, Ready):
                    lane.slots = event.slots
                    self._ready.release()
                    continue
                with self._telling:
                    self._tell(event)
                if isinstance(event, Broken):
                    os._exit(1)
        if not self._closing:
            self._die(lane)

    def _die(self, lane: _Lane) -> NoReturn:
        """As the lane did, so that the parent hears the same as of a child without lanes."""
        _, status = os.waitpid(lane.pid, 0)
        log.error("a lane ended, status %d", status)
        if os.WIFSIGNALED(status):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(os.waitstatus_to_exitcode(status) or 1)


def _fork(work: Work, slots: int, memory_bytes: int, others: Sequence[int], parent: Outbox) -> _Lane:
    """A lane, which has all that is loaded. It must not keep `others` and `parent` open, or nobody would see their
    end."""
    (theirs, requests), (events, mine) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        os.close(mine)
        return _Lane(pid=pid, requests=requests, events=events)
    try:
        for handle in (requests, events, *others):
            os.close(handle)
        parent.close()
        code = _live(work, slots, memory_bytes, theirs, mine)
    except BaseException:  # the process's edge
        log.exception("a lane broke")
        code = 1
    finally:
        sys.stderr.flush()
    os._exit(code)


def _live(work: Work, slots: int, memory_bytes: int, requests: int, events: int) -> int:
    tell, inbox = Outbox(events), Inbox(requests)
    try:
        return serve_pack(work.moved(tell, inbox), slots, inbox, memory_bytes)
    except Exception as error:
        log.exception("a lane broke")
        tell(broken(error, work.setup))
        return 1


def _write(handle: int, line: bytes) -> None:
    """A lane that is gone reads nothing more; its follower tells of it."""
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
    except BrokenPipeError:
        pass
