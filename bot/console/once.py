"""Commands that answer once and end: the list of jobs, and what looks before a server or a worker starts."""

from __future__ import annotations

import argparse
import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from bot.console.run import cannot_open
from bot.console.screen import open_screen
from bot.console.session import CHANNEL, PERSON, TEAM
from bot.desk.context import Services, Turn
from bot.manage import history
from bot.manage.wish import Wish
from bot.phrases import Language, problem_sentences
from bot.replies import Text
from bot.settings import BotSettings
from bot.utterance import Utterance
from tuner.chat.address import LOOPBACK
from tuner.problems import Problem, ProblemError
from tuner.store import Store, StoreUnavailable


async def check_home(settings: BotSettings) -> int:
    """Promises 0 when the home can be used, else says why not and gives 1."""

    async def work(_: Turn) -> int:
        return 0

    return await with_turn(settings, work)


def refuse_serving(arguments: Sequence[str]) -> Problem | None:
    """Promises why a chat server could not serve with these options of its own, None when nothing is in the way.

    The server names the same problems, but it has no words for people.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default="0")
    parser.add_argument("--no-token", action="store_true")
    said, _ = parser.parse_known_args(arguments)
    if said.no_token and said.host not in LOOPBACK:
        return Problem(key="chat.unprotected", facts={"host": said.host})
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(said.host, int(said.port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen()
    except ValueError:
        return None  # no number: the server says how its options are used
    except (OSError, OverflowError) as error:
        detail = getattr(error, "strerror", None) or str(error)
        return Problem(key="chat.cannot_listen", facts={"host": said.host, "port": said.port, "detail": detail})
    return None


async def check_serving(settings: BotSettings, arguments: Sequence[str]) -> int:
    """Promises 0 when a chat server can listen, else says why not and gives 1."""
    problem = await asyncio.to_thread(refuse_serving, arguments)
    if problem is None:
        return 0
    await open_screen(as_json=False).show(Text(text="\n".join(problem_sentences([problem], settings.language or "en"))))
    return 1


async def jobs(settings: BotSettings, *, as_json: bool, search: str = "", page: int = 1) -> int:
    """Shows the jobs of the home, or those that have what is searched for, page by page."""

    async def work(turn: Turn) -> int:
        screen = open_screen(as_json=as_json)
        async for reply in history.search(turn, Wish(kind="search", query=search, page=page - 1)):
            await screen.show(reply)
        return 0

    return await with_turn(settings, work)


async def with_turn(settings: BotSettings, work: Callable[[Turn], Awaitable[int]]) -> int:
    """Promises what `work` gives, with a store and nobody to chat with; 1 where that, or the home, has problems."""
    home = settings.home.expanduser().resolve()
    language: Language = settings.language or "en"
    try:
        async with await Store.open(home) as store:
            services = Services(store=store, home=home, chat=_no_chat, clock=time.time, model=settings.model)
            utterance = Utterance(team=TEAM, person=PERSON, channel=CHANNEL, message_id="once", language=language)
            return await work(Turn(utterance=utterance, language=language, services=services, state={}))
    except StoreUnavailable as error:
        await open_screen(as_json=False).show(cannot_open(settings, error))
        return 1
    except ProblemError as error:
        await open_screen(as_json=False).show(Text(text="\n".join(problem_sentences(error.problems, language))))
        return 1


async def _no_chat() -> NoReturn:
    raise RuntimeError("a command that answers once must not chat")
