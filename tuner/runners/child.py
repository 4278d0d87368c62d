"""The child process of the local runner: reads requests from stdin, trains, writes events to its first stdout.

`python -m tuner.runners.child`. The protocol is tuner/runners/wire.py. Trials run on the main thread, side by side in a
pack, or one after the other where the model takes no pack; a reader thread hears stops at once and ends the process
when the parent is gone. Anything else that a library prints goes to stderr.
"""

from __future__ import annotations

import errno
import logging
import os
import sys

from tuner.problems import ProblemError
from tuner.runners.base import Broken, RunnerEvent, Setup
from tuner.runners.child_inbox import Inbox
from tuner.runners.wire import Close, Score, Start, encode_event

_FULL = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)


class Outbox:
    """The only writer to the parent."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __call__(self, event: RunnerEvent) -> None:
        """Promises the whole line in the pipe. Ends the process when nobody reads it any more."""
        rest = memoryview(encode_event(event))
        try:
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except BrokenPipeError:
            os._exit(1)


def guard_stdout() -> int:
    """Promises a handle to the first stdout that no library knows; file descriptor 1 is stderr from now on."""
    kept = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return kept


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
        tell(_broken(error, setup))
        return 1


def _serve(setup: Setup, inbox: Inbox, tell: Outbox) -> int:
    from tuner.runners.child_pack import CannotPackError, serve_pack
    from tuner.runners.child_work import Work

    work = Work(setup, tell, inbox)
    try:
        return serve_pack(work, work.slots, inbox)
    except CannotPackError as error:
        log.warning("trials run one at a time: this model takes no pack (%s)", error)
        alone = error.reason if work.slots > 1 else ""
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


def _broken(error: Exception, setup: Setup) -> Broken:
    """The error as a Problem's key; `runner.died` when nobody foresaw it."""
    from tuner.train.trial import CheckpointWriteError, cause_of

    if isinstance(error, ProblemError):
        problem = error.problems[0]
        return Broken(key=problem.key, facts=problem.facts, error=str(error))
    if isinstance(error, CheckpointWriteError) and isinstance(error.__cause__, OSError):
        key = "runner.disk_full" if error.__cause__.errno in _FULL else "runner.disk_unwritable"
        return Broken(key=key, facts={"folder": setup.checkpoints}, error=str(error))
    if cause_of(error) == "out_of_memory":
        return Broken(key="runner.no_memory", facts={"model": setup.model}, error=str(error)[:2000])
    return Broken(key="runner.died", facts={}, error=f"{type(error).__name__}: {error}"[:2000])


if __name__ == "__main__":
    # os._exit: no library's exit handler may hold up or print after the last event.
    code = main()
    sys.stderr.flush()
    os._exit(code)
