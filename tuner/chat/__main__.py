"""`python -m tuner.chat`: the chat server of a home, as `onsa serve` and the console start it."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tuner.chat.address import Address
from tuner.chat.server import Limits
from tuner.chat.service import end_with_parent, serve
from tuner.problems import ProblemError
from tuner.store import StoreUnavailable


def main(arguments: Sequence[str] | None = None) -> int:
    """Promises an exit code: 0 after a wanted end, 2 when it cannot serve as asked."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    try:
        asyncio.run(_run(options))
    except (ProblemError, StoreUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


async def _run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.parent_pipe:
        end_with_parent(loop, stop)
    await serve(
        options.home.expanduser(),
        stop,
        host=options.host,
        port=options.port,
        needs_token=not options.no_token,
        idle_s=options.idle,
        places=options.places,
        line=options.line,
        memory_share=options.memory_share,
        threads=options.threads,
        limits=Limits(max_tokens=options.max_tokens),
        on_ready=_announce,
    )


def _announce(address: Address) -> None:
    """One line for whoever started us and reads our output."""
    print(address.url, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tuner.chat", description="OpenAI-compatible chat server.")
    parser.add_argument("--home", type=Path, required=True, help="folder with all state")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; chat.json in the home names it")
    parser.add_argument("--no-token", action="store_true", help="ask callers for no token (loopback only)")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input ends")
    parser.add_argument("--idle", type=float, default=None, metavar="SECONDS", help="end after so long unasked")
    parser.add_argument("--places", type=_count, default=32, help="answers written at the same time")
    parser.add_argument("--line", type=_count, default=64, help="requests that may wait; more get 429")
    parser.add_argument("--memory-share", type=_share, default=0.3, metavar="SHARE",
                        help="of the free memory, for conversations and adapters; training has the rest")
    parser.add_argument("--threads", type=_count, default=None, help="processor threads; half of the cores if not said")
    parser.add_argument("--max-tokens", type=int, default=2048, help="of one answer")
    return parser


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise ValueError(f"must be 1 or more, got {value}")
    return value


def _share(text: str) -> float:
    if not 0.0 < (value := float(text)) < 1.0:
        raise ValueError(f"must lie between 0 and 1, got {value}")
    return value


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # all is closed by now; taking torch's modules apart would take seconds more
