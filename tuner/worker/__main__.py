"""`python -m tuner.worker --home DIR`: the worker as a process.

SIGTERM and SIGINT end it orderly: the child is ended, the job goes back to the queue, finished trials are kept. With
`--parent-pipe` so does the end of stdin. A home that cannot be used is one JSON line on stderr, `{"problem": ...}` as
tuner.problems writes it, and exit code 2; whoever started the worker has the words.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import os
import signal
import sys
from pathlib import Path

from tuner.runners.local import launch_local
from tuner.store import StoreUnavailable
from tuner.worker.crew import Launch
from tuner.worker.loop import LEASE_S, run


def main(arguments: list[str] | None = None, runner_factory: Launch = launch_local) -> int:
    parser = argparse.ArgumentParser(prog="python -m tuner.worker")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("ONSA_HOME", Path.home() / ".onsa")))
    parser.add_argument("--once", action="store_true", help="one job at most")
    parser.add_argument("--idle-exit", type=float, metavar="SECONDS", help="end after so long without a job")
    parser.add_argument("--lease", type=float, default=LEASE_S, metavar="SECONDS")
    parser.add_argument("--pack", type=places, default=os.environ.get("ONSA_PACK", "auto"), metavar="SLOTS",
                        help="trials trained side by side; 1: one after the other; auto, the default: what suits the "
                             "machine")
    parser.add_argument("--chat-share", type=share, default=os.environ.get("ONSA_CHAT_SHARE", "0.2"),
                        metavar="SHARE", help="of a GPU's memory, left to the chat")
    parser.add_argument("--parent-pipe", action="store_true", help="end when stdin ends")
    chosen = parser.parse_args(arguments)
    measures = runner_factory is launch_local and not chosen.once
    if runner_factory is launch_local:
        runner_factory = functools.partial(launch_local, most=chosen.pack, chat_share=chosen.chat_share)
    try:
        return asyncio.run(_work(chosen, runner_factory, measures))
    except StoreUnavailable as error:
        print(json.dumps({"problem": error.problem.to_json()}), file=sys.stderr)
        return 2


def places(said: str) -> int | None:
    """None: nobody chose. Raises ValueError for what is no number of places."""
    if said.strip().casefold() in ("", "auto"):
        return None
    if (found := int(said)) < 1:
        raise ValueError(f"1 <= places must hold, got {said}")
    return found


def share(said: str) -> float:
    """Raises ValueError for what is no share."""
    if not 0.0 <= (found := float(said)) < 1.0:
        raise ValueError(f"0 <= share < 1 must hold, got {said}")
    return found


async def _work(chosen: argparse.Namespace, runner_factory: Launch, measures: bool) -> int:
    loop = asyncio.get_running_loop()
    working = asyncio.create_task(run(chosen.home, once=chosen.once, idle_exit_s=chosen.idle_exit,
                                      lease_s=chosen.lease, runner_factory=runner_factory,
                                      measures=measures))
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, working.cancel)
    parent = asyncio.create_task(_until_parent_is_gone(working)) if chosen.parent_pipe else None
    with contextlib.suppress(asyncio.CancelledError):
        await working
    if parent is not None:
        parent.cancel()
        await asyncio.wait([parent])
    return 0


async def _until_parent_is_gone(working: asyncio.Task[None]) -> None:
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    while await stdin.read(1024):
        pass
    working.cancel()


if __name__ == "__main__":
    sys.exit(main())
