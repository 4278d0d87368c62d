"""Commands that answer once and end: the list of jobs, taking a model home."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

from bot.console.run import cannot_open
from bot.console.screen import open_screen
from bot.console.session import CHANNEL, PERSON, TEAM
from bot.desk import Services
from bot.desk import jobs as desk_jobs
from bot.desk.context import Turn
from bot.desk.words import checkpoint_of
from bot.language.commands import Command
from bot.phrases import Language, problem_sentences, say
from bot.replies import Text
from bot.settings import BotSettings
from bot.utterance import Utterance
from tuner.plan import models
from tuner.problems import Problem
from tuner.store import Store, StoreUnavailable


async def jobs(settings: BotSettings, *, as_json: bool) -> int:
    """Shows the jobs of the home."""

    async def work(turn: Turn) -> int:
        screen = open_screen(as_json=as_json)
        async for reply in desk_jobs.history(turn, Command(intent="history")):
            await screen.show(reply)
        return 0

    return await _with_turn(settings, work)


async def export(settings: BotSettings, *, job: int, to: Path, trial: int | None, merged: bool) -> int:
    """Writes the adapter, and with `merged` the whole model, to a folder."""

    async def work(turn: Turn) -> int:
        screen = open_screen(as_json=False)
        found = await turn.store.job(turn.team, job)
        if found is None:
            await screen.show(desk_jobs.not_found(turn, job))
            return 1
        checkpoint = await checkpoint_of(turn, found, trial)
        if checkpoint is None:
            await screen.show(Text(text=turn.say("replies.talk.no_checkpoint", {"job": job, "state": found.state})))
            return 1
        source = turn.services.home / checkpoint.folder
        await asyncio.to_thread(shutil.copytree, source, to / "adapter", dirs_exist_ok=True)
        if merged:
            base = (models.find(found.plan.model) or models.embedded()).source
            code = await _merge(base, source, to / "merged")
            if code != 0:
                await screen.show(Text(text=say("console.merge_failed", turn.language, {"code": code})))
                return 1
        await screen.show(Text(text=turn.say("replies.words.exported",
                                             {"job": job, "trial": checkpoint.trial, "folder": str(to)})))
        return 0

    return await _with_turn(settings, work)


async def _merge(base: str, adapter: Path, out: Path) -> int:
    """Merging needs torch, so it happens in a process of the tuner's."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tuner.checkpoints", "merge", base, str(adapter), str(out), stdin=asyncio.subprocess.DEVNULL)
    return await child.wait()


async def _with_turn(settings: BotSettings, work: Callable[[Turn], Awaitable[int]]) -> int:
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
    except OSError as error:
        problem = Problem(key="console.cannot_write", facts={"reason": error.strerror or str(error)})
        await open_screen(as_json=False).show(Text(text="\n".join(problem_sentences([problem], language))))
        return 1


async def _no_chat() -> NoReturn:
    raise RuntimeError("a command that answers once must not chat")
