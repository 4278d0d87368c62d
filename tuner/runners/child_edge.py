"""The edge of the child process: where events leave it, and what an error is to the parent."""

from __future__ import annotations

import errno
import os
import sys

from tuner.problems import ProblemError
from tuner.runners.base import Broken, RunnerEvent, Setup
from tuner.runners.wire import encode_event

_FULL = (errno.ENOSPC, errno.EDQUOT)


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

    def close(self) -> None:
        """This process writes no more."""
        os.close(self._handle)


def guard_stdout() -> int:
    """Promises a handle to the first stdout that no library knows; file descriptor 1 is stderr from now on."""
    kept = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return kept


def broken(error: Exception, setup: Setup) -> Broken:
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
