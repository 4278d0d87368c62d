"""The child's work with several slots: trials side by side in a pack, requests heard between two turns."""

from __future__ import annotations

from tuner.runners.child_inbox import Inbox
from tuner.runners.child_work import Work
from tuner.runners.wire import Close, Score, Start
from tuner.train.packed.layers import CannotPackError
from tuner.train.packed.memory import Costs
from tuner.train.packed.sweep import Sweep

__all__ = ["CannotPackError", "serve_pack"]


def serve_pack(work: Work, slots: int, inbox: Inbox, memory_bytes: int | None = None,
               costs: Costs | None = None) -> int:
    """Promises Ready, then to serve until the parent closes; gives the exit code. `memory_bytes`: what the pack may
    take, None: all that trials may; `costs`: of what it takes, measured anew if None.

    Raises CannotPackError before Ready when the model takes one trial at a time only, and CheckpointWriteError.
    """
    sweep = Sweep(work.bench, slots, work.progress, work.ended, inbox.wish, narrowed=work.narrowed,
                  memory_bytes=work.memory_bytes if memory_bytes is None else memory_bytes, costs=costs)
    work.ready(sweep.slots, parks=True)
    while True:
        request = inbox.next() if sweep.is_idle else inbox.poll()
        if isinstance(request, Start):
            trial = request.trial
            sweep.start(request.slot, trial.number, trial.settings, parked=trial.parked)
        elif isinstance(request, Score):
            work.score(request)
        elif isinstance(request, Close):
            return 0
        elif request is not None:
            raise ValueError(f"after setup come start, score or close, got {type(request).__name__}")
        else:
            sweep.turn()
