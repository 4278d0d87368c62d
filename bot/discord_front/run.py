"""`onsa bot`: opens the house, connects to Discord and stays connected until it is ended."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path

import aiohttp
import discord

from bot.children import Children
from bot.desk.context import Services
from bot.desk.door import Desk
from bot.discord_front.chat_server import ChatServer
from bot.discord_front.client import OnsaClient
from bot.discord_front.front import Front
from bot.discord_front.server import api_base, point_to
from bot.manage import deleting
from bot.phrases import Language, say
from bot.settings import BotSettings
from bot.warm import warm_up
from tuner.chat.lora import Adapters
from tuner.embedded import sample_path
from tuner.store import Store, StoreUnavailable

_LOG = logging.getLogger("onsa.discord")

WAITS_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Between two attempts to connect; the last one again and again."""
STEADY_S = 120.0
"""A connection that held as long as this starts the waits anew."""
CHILDREN_S = 5.0
MEASURING_S = 15.0
"""How long a plan card may wait for the worker's first look at this machine; people see that Onsa writes."""


async def bot(settings: BotSettings) -> int:
    """Runs until SIGTERM or Ctrl-C. Promises 0, or 1 when the token, the intents or the home cannot be used."""
    language: Language = settings.language or "en"
    token = await asyncio.to_thread(token_of, settings)
    if not token:
        return _say("discord.run.no_token", language)
    home = settings.home.expanduser().resolve()
    task = asyncio.current_task()
    if task is not None:
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    try:
        async with await Store.open(home) as store:
            log_to(home)
            await asyncio.to_thread(warm_up)
            await deleting.finish(store)
            return await _serve(settings, store, home, token, language)
    except StoreUnavailable as error:
        sentence = say(f"problems.{error.problem.key}", language, error.problem.facts)
        print(say("console.cannot_open", language, {"home": str(home), "sentence": sentence}), file=sys.stderr)
        return 1
    except asyncio.CancelledError:
        return 0


async def _serve(settings: BotSettings, store: Store, home: Path, token: str, language: Language) -> int:
    children = Children(home)
    chat = ChatServer(settings, home, children, Adapters(store, settings.chat_home or str(home)))
    services = Services(
        store=store,
        home=home,
        chat=chat,
        clock=time.time,
        opened_at=time.time(),
        model=settings.model,
        measuring_s=MEASURING_S,
        draws=True,
        samples={"en": sample_path("en"), "ja": sample_path("ja")},
    )
    front = Front(desk=Desk(services), services=services, settings=settings, noticed=lambda team, channel: None)
    keeper = asyncio.create_task(_keep(children)) if settings.workers else None
    try:
        return await _stay(front, token, language)
    finally:
        if keeper is not None:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        await chat.close()
        await children.close()


async def _keep(children: Children) -> None:
    """A worker that died is started anew; the chat server starts with the first conversation."""
    while True:
        try:
            await children.keep_worker()
        except OSError:
            _LOG.exception("the worker could not be started")
        await asyncio.sleep(CHILDREN_S)


async def _stay(front: Front, token: str, language: Language) -> int:
    """Connects, and connects anew whatever happens, but for what only a person can mend."""
    attempt = 0
    while True:
        began = time.monotonic()
        try:
            await _connect(front, token)
            _LOG.warning("the connection has ended")
        except discord.LoginFailure:
            return _say("discord.run.wrong_token", language)
        except discord.PrivilegedIntentsRequired:
            return _say("discord.run.intent_missing", language)
        except discord.ConnectionClosed as error:
            if error.code == 4004:
                return _say("discord.run.wrong_token", language)
            _LOG.warning("Discord closed the connection: %s", error.code)
        except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError) as error:
            _LOG.warning("Discord cannot be reached: %r", error)
        except Exception:
            _LOG.exception("the connection broke")  # discord.py ends on events that it cannot read
        attempt = 0 if time.monotonic() - began > STEADY_S else attempt
        wait_s = WAITS_S[min(attempt, len(WAITS_S) - 1)]
        attempt += 1
        _LOG.info("connecting again in %.0f s", wait_s)
        await asyncio.sleep(wait_s)


async def _connect(front: Front, token: str) -> None:
    """One connection, from login to its end."""
    if front.settings.discord_api:
        await point_to(api_base(front.settings.discord_api), token)
    client = OnsaClient(front)
    try:
        await client.login(token)
        await client.connect()
    except AttributeError as error:
        # discord.py 2.7 stumbles over its own missing socket when the very first handshake fails.
        if client.ws is not None:
            raise
        raise aiohttp.ClientError("the gateway did not answer") from error
    finally:
        await client.close()


def token_of(settings: BotSettings) -> str:
    """Promises the token, from the environment or from the file it names; empty when there is none."""
    if settings.discord_token is not None and settings.discord_token.get_secret_value().strip():
        return settings.discord_token.get_secret_value().strip()
    if settings.discord_token_file is None:
        return ""
    try:
        return settings.discord_token_file.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def log_to(home: Path) -> None:
    """Calm lines on the terminal, everything with its reference numbers in logs/discord.log."""
    (home / "logs").mkdir(parents=True, exist_ok=True)
    shape = logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    kept = logging.FileHandler(home / "logs" / "discord.log", encoding="utf-8", delay=True)
    shown = logging.StreamHandler(sys.stderr)
    for handler in (kept, shown):
        handler.setFormatter(shape)
    for name, level in (("onsa", logging.INFO), ("discord", logging.WARNING), ("discord.gateway", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        if "." not in name:
            logger.handlers[:] = [kept, shown]
            logger.propagate = False
    logging.getLogger("discord.client").addFilter(_calmly)


def _calmly(record: logging.LogRecord) -> bool:
    """discord.py tells each lost connection with a stack of calls, and that voice is missing, which nobody wants."""
    record.exc_info = None
    return "voice will NOT be supported" not in record.getMessage()


def _say(key: str, language: Language) -> int:
    print(say(key, language), file=sys.stderr)
    return 1
