"""Several cores for one child: forked processes that share the loaded model, each with a pack of some of the slots.

The products of a small model are too small to be shared among cores, and threads would wait for each other at every
operation. Trials are independent, so each core takes some. The process that forked only passes lines on; it opens the
sealed test itself. Knows no trial's contents.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from tuner.evaluate.base import Base
from tuner.runners.child_edge import Outbox, broken
from tuner.runners.child_inbox import Inbox
from tuner.runners.child_pack import serve_pack
from tuner.runners.child_router import Lane, Router
from tuner.runners.child_work import Work
from tuner.runners.wire import Close, Score
from tuner.train.model import is_small
from tuner.train.packed.memory import Costs
from tuner.train.packed.pack import Pack
from tuner.train.packed.probe import RANK, affordable

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
    costs = affordable(work.bench.base, RANK) if slots > lanes else None
    router = Router(tell)
    for place in range(lanes):
        own = slots // lanes + (place < slots % lanes)
        router.lanes.append(_fork(work, own, work.memory_bytes // lanes, costs, router.handles, tell))
    inbox.pass_on(router)
    work.ready(router.ready(), parks=True)
    while True:
        request = inbox.next()
        if isinstance(request, Score):
            work.score(request)
        elif isinstance(request, Close):
            router.close()
            return 0
        else:
            raise ValueError(f"after setup come start, score or close, got {type(request).__name__}")


def _fork(work: Work, slots: int, memory_bytes: int, costs: Costs | None, others: Sequence[int],
          parent: Outbox) -> Lane:
    """A lane, which has all that is loaded. It must not keep `others` and `parent` open, or nobody would see their
    end."""
    (theirs, requests), (events, mine) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        os.close(mine)
        return Lane(pid=pid, requests=requests, events=events)
    try:
        for handle in (requests, events, *others):
            os.close(handle)
        parent.close()
        code = _live(work, slots, memory_bytes, costs, theirs, mine)
    except BaseException:  # the process's edge
        log.exception("a lane broke")
        code = 1
    finally:
        sys.stderr.flush()
    os._exit(code)


def _live(work: Work, slots: int, memory_bytes: int, costs: Costs | None, requests: int, events: int) -> int:
    tell, inbox = Outbox(events), Inbox(requests)
    try:
        return serve_pack(work.moved(tell, inbox), slots, inbox, memory_bytes, costs)
    except Exception as error:
        log.exception("a lane broke")
        tell(broken(error, work.setup))
        return 1
