"""Opens the house for a console (store, desk, children), feeds it lines, and closes everything again."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

from bot.children import Children
from bot.console.screen import Screen, open_screen
from bot.console.session import Session
from bot.desk.context import Services
from bot.desk.door import Desk
from bot.manage import deleting
from bot.phrases import Language, say
from bot.replies import Text
from bot.settings import BotSettings
from bot.warm import warm_up
from tuner.chat.lora import Adapters
from tuner.embedded import sample_path
from tuner.store import Store, StoreUnavailable

MEASURING_S = 45.0
"""The worker's first look at a slow machine: loading torch, a few steps."""


@asynccontextmanager
async def open_session(settings: BotSettings, screen: Screen, *, confirms: bool) -> AsyncIterator[Session]:
    """Promises a session with a worker under way; its children end with it. Raises StoreUnavailable."""
    home = settings.home.expanduser().resolve()
    token = settings.chat_token.get_secret_value() if settings.chat_token else None
    async with await Store.open(home) as store:
        _log_to(home)
        await asyncio.to_thread(warm_up)
        await deleting.finish(store)
        children = Children(home, chat_url=settings.chat_url, chat_token=token,
                            adapters=Adapters(store, settings.chat_home or str(home)))
        services = Services(
            store=store,
            home=home,
            chat=children.chat,
            clock=time.time,
            opened_at=time.time(),
            model=settings.model,
            measuring_s=MEASURING_S,
            draws=True,
            may_push=True,
            samples={"en": sample_path("en"), "ja": sample_path("ja")},
        )
        try:
            await children.keep_worker()
            yield Session(
                desk=Desk(services),
                services=services,
                screen=screen,
                folder=Path.cwd(),
                language=settings.language,
                confirms=confirms,
                need_worker=children.keep_worker,
            )
        finally:
            await children.close()
            screen.close()


def _log_to(home: Path) -> None:
    """The console's own log: what went wrong, with its reference number; never on the screen."""
    (home / "logs").mkdir(parents=True, exist_ok=True)
    handler = _Quiet(home / "logs" / "console.log", encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in ("onsa", "bot", "tuner"):
        logger = logging.getLogger(name)
        for old in logger.handlers[:]:
            logger.removeHandler(old)
            old.close()
        logger.addHandler(handler)
        logger.propagate = False


class _Quiet(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk costs the log; nobody at the terminal is shown a traceback for it."""


async def console(settings: BotSettings, *, as_json: bool, confirms: bool) -> int:
    """Runs until the input ends or the person leaves. Promises 0, or 1 when the home cannot be used."""
    screen = open_screen(as_json=as_json)
    _end_on_signals()
    try:
        async with open_session(settings, screen, confirms=confirms) as session:
            if sys.stdin.isatty():
                await screen.show(Text(text=say("console.welcome", settings.language or "en")))
            async for line in lines(sys.stdin):
                if not sys.stdin.isatty() and line.strip():
                    screen.echo(line.strip())
                if not await session.hear(line):
                    break
            for job in await session.unfinished():
                await screen.show(
                    Text(text=say("console.left_running", settings.language or job.language, {"job": job.number}))
                )
    except StoreUnavailable as error:
        await screen.show(cannot_open(settings, error))
        return 1
    except asyncio.CancelledError:
        return 130
    return 0


def cannot_open(settings: BotSettings, error: StoreUnavailable) -> Text:
    """Promises the sentence for a home that cannot be used."""
    language: Language = settings.language or "en"
    sentence = say(f"problems.{error.problem.key}", language, error.problem.facts)
    return Text(text=say("console.cannot_open", language, {"home": str(settings.home), "sentence": sentence}))


def _end_on_signals() -> None:
    """SIGTERM ends the console as Ctrl-C does: its children end with it."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def lines(source: TextIO) -> AsyncIterator[str]:
    """Promises the lines of `source` as they come, read by a thread of its own: nothing else waits for a person."""
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def tell(line: str | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(queue.put_nowait, line)

    def read() -> None:
        try:
            for line in source:
                tell(line)
        finally:
            tell(None)

    threading.Thread(target=read, name="onsa-lines", daemon=True).start()
    while (line := await queue.get()) is not None:
        yield line
