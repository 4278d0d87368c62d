"""The life of the chat server: binds, says where it listens, ends cleanly when asked. Knows no route."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web

from tuner.chat.address import LOOPBACK, Address, make_token, remove_address, write_address
from tuner.chat.asks import Models
from tuner.chat.catalogue import Catalogue
from tuner.chat.downloads import add_downloads
from tuner.chat.engine import Engine
from tuner.chat.server import Api, Limits
from tuner.problems import Problem, ProblemError
from tuner.store import Store
from tuner.uncollected import uncollected

log = logging.getLogger(__name__)


async def serve(
    home: Path,
    stop: asyncio.Event,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    needs_token: bool = True,
    idle_s: float | None = None,
    places: int = 32,
    line: int = 64,
    memory_share: float = 0.3,
    threads: int | None = None,
    limits: Limits | None = None,
    models: Callable[[], Models] | None = None,
    on_ready: Callable[[Address], None] | None = None,
) -> None:
    """Serves until `stop` is set, or until nobody asked anything for `idle_s`. `port` 0: any free one.

    Training may run beside it: chat takes `memory_share` of the memory that is free when the first model is loaded, for
    what it keeps of conversations and for adapters, and `threads` of the processor (None: half of the cores).

    While it listens, home/chat.json holds its address, and home/chat.token what callers have to show. It ends within
    three seconds; a model's step that is still running then is left to a daemon thread.
    Raises ProblemError: `chat.unprotected` (a host that others reach, without a token) or `chat.cannot_listen`.
    Raises StoreUnavailable.
    """
    if not needs_token and host not in LOOPBACK:
        raise ProblemError([Problem(key="chat.unprotected", facts={"host": host})])
    limits = limits or Limits()
    async with await Store.open(home) as store:
        token = await asyncio.to_thread(make_token, home) if needs_token else None
        make = models or (lambda: _torch_models(limits.max_tokens, memory_share, threads))
        engine = Engine(make, places=places, line=line)
        api = Api(Catalogue(home, store), engine, token=token, limits=limits)
        async with _listening(home, api, engine, host, port) as address:
            log.info("chat server listens on %s", address.url)
            if on_ready is not None:
                on_ready(address)
            await _until_over(stop, api, idle_s)


@asynccontextmanager
async def _listening(home: Path, api: Api, engine: Engine, host: str, port: int) -> AsyncIterator[Address]:
    """Serves while it is open, and ends the engine with itself. Raises ProblemError."""
    app = api.app()
    add_downloads(app, home)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
    try:
        await runner.setup()
        address = await _listen(runner, host, port)
        await asyncio.to_thread(write_address, home, address)
        try:
            yield address
        finally:
            await asyncio.to_thread(remove_address, home, address)
    finally:
        if not await asyncio.to_thread(engine.close, 1.5):
            log.warning("a model's step is still running")
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> Address:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        detail = error.strerror or str(error)
        raise ProblemError(
            [Problem(key="chat.cannot_listen", facts={"host": host, "port": port, "detail": detail})]
        ) from error
    bound = runner.addresses[0]
    shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
    return Address(url=f"http://{shown}:{bound[1]}", pid=os.getpid())


async def _until_over(stop: asyncio.Event, api: Api, idle_s: float | None) -> None:
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(None if idle_s is None else min(idle_s, 30.0)):
                await stop.wait()
        if idle_s is not None and not api.under_way and time.time() - api.last_asked_at >= idle_s:
            log.info("nobody asked anything for %s s", idle_s)
            return


def end_with_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Sets `stop` when standard input ends: the parent holds the other side, which dies with it."""

    def watch() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):  # the loop has closed: we are ending anyway
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="chat-parent", daemon=True).start()


def _torch_models(max_tokens: int, memory_share: float = 0.3, threads: int | None = None) -> Models:
    """Runs in the engine's thread: torch is heavy, and the server listens while it loads."""
    with uncollected():
        return _loaded_models(max_tokens, memory_share, threads)


def _loaded_models(max_tokens: int, memory_share: float, threads: int | None) -> Models:
    import torch
    import transformers

    from tuner.chat.engine.bases import Bases
    from tuner.embedded import model_path

    if threads is not None or "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(threads or max(1, (os.cpu_count() or 2) // 2))
    transformers.utils.logging.disable_progress_bar()
    bases = Bases(max_tokens=max_tokens, memory_share=memory_share)
    try:
        bases.preload(str(model_path()))
    except Exception:
        log.exception("the embedded model does not load; others may")
    return bases
