"""The child process of the local runner: reads requests from stdin, trains, writes events to its first stdout.

`python -m tuner.runners.child`. The protocol is tuner/runners/wire.py. Trials run on the main thread, side by side in a
pack, in forked processes where a small model meets several cores (child_lanes), or one after the other where the model
takes no pack; a reader thread hears stops at once and ends the process when the parent is gone. Anything else that a
library prints goes to stderr.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from tuner.runners.base import Broken, Setup
from tuner.runners.child_edge import Outbox, broken, guard_stdout
from tuner.runners.child_inbox import Inbox
from tuner.runners.wire import Close, Score, Start
from tuner.uncollected import uncollected

if TYPE_CHECKING:
    from tuner.runners.child_work import Work

log = logging.getLogger(__name__)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    tell = Outbox(guard_stdout())
    inbox = Inbox(os.dup(0))
    setup = inbox.next()
    if not isinstance(setup, Setup):
        tell(Broken(key="runner.died", facts={}, error=f"the first line must be setup, got {type(setup).__name__}"))
        return 2
    try:
        return _serve(setup, inbox, tell)
    except Exception as error:  # the process's edge
        log.exception("the runner broke")
        tell(broken(error, setup))
        return 1


def _serve(setup: Setup, inbox: Inbox, tell: Outbox) -> int:
    with uncollected():
        from tuner.runners.child_work import Work

        work = Work(setup, tell, inbox)
    return serve(work, inbox, tell)


def serve(work: Work, inbox: Inbox, tell: Outbox) -> int:
    """Promises Ready, then to serve until the parent closes; gives the exit code. Raises CheckpointWriteError."""
    from tuner.runners.child_lanes import lanes_for, serve_lanes
    from tuner.runners.child_pack import CannotPackError, serve_pack

    slots = work.slots
    lanes = lanes_for(work.bench.base, slots)
    try:
        return serve_lanes(work, slots, lanes, inbox, tell) if lanes > 1 else serve_pack(work, slots, inbox)
    except CannotPackError as error:
        log.warning("trials run one at a time: this model takes no pack (%s)", error)
        alone = error.reason if slots > 1 else ""
    work.ready(alone=alone)
    while True:
        request = inbox.next()
        if isinstance(request, Start):
            work.run(request.trial)
        elif isinstance(request, Score):
            work.score(request)
        elif isinstance(request, Close):
            return 0
        else:
            raise ValueError(f"after setup come start, score or close, got {type(request).__name__}")


if __name__ == "__main__":
    # os._exit: no library's exit handler may hold up or print after the last event.
    code = main()
    sys.stderr.flush()
    os._exit(code)
