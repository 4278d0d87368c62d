"""A house for journeys: the stand-in, the real bot, and a worker whose child trains by a script."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from process import ENDS_S, ROOT, OnsaBot, onsa_bot
from standin import Person, Standin
from standin.world import Channel, Guild, Message

from tuner.store import Store

PATIENCE_S = 60.0
"""For what takes a moment on an idle machine; the tests share theirs with others."""

ROWS = "question,answer\n" + "".join(f"What is in room {n}?,The code is {n * 37 % 997}.\n" for n in range(1, 41))
ROWS_JA = "質問,回答\n" + "".join(f"{n}号室の番号は何ですか？,番号は{n * 37 % 997}です。\n" for n in range(1, 41))
SLOW = '{"step_s": 0.4, "steps": 36}'
"""A script for the worker's child: slow enough that things can happen in mid-job."""
TUNE = "@Onsa tune lr between 1e-4 and 1e-3 with 3 trials"
TUNE_JA = "@Onsa 学習率を1e-4から1e-3で、3回調整して"


@dataclass(slots=True, kw_only=True)
class Team:
    """One guild: its owner is an admin, the others are members like any."""

    guild: Guild
    general: Channel
    olga: Person
    ana: Person
    ben: Person

    async def plan(self, person: Person | None = None, words: str = TUNE, rows: str = ROWS) -> Message:
        """Post a file with a sentence; the plan card."""
        who = person or self.ana
        before = len(who.visible())
        await who.says(self.general, words, files={"rooms.csv": rows})
        return await who.sees(lambda message: has_start(message) and message in who.visible()[before:], PATIENCE_S)


def has_start(message: Message) -> bool:
    return bool({"Start", "開始"} & set(message.labels))


def team(standin: Standin, name: str = "Team", locale: str = "en-US") -> Team:
    olga = Person(standin, f"Olga of {name}", locale)
    guild = standin.guild(name, owner=olga.user, locale=locale)
    ana, ben = (Person(standin, f"{each} of {name}", locale) for each in ("Ana", "Ben"))
    standin.join(guild, ana.user, ben.user)
    return Team(guild=guild, general=standin.general(guild), olga=olga, ana=ana, ben=ben)


async def prepared(folder: Path) -> Path:
    """A home on a machine whose speed is known, so that nobody waits for a measurement."""
    home = folder / "home"
    async with await Store.open(home) as store:
        await store.measure("seconds_per_token:onsa-tiny", 1e-5)
    return home


@contextlib.asynccontextmanager
async def scripted_worker(home: Path, script: str = '{"step_s": 0.05}') -> AsyncIterator[asyncio.subprocess.Process]:
    """A real worker process; its child follows the script instead of training."""
    log = await asyncio.to_thread(home.with_name("worker.log").open, "ab")
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "tests" / "faults" / "scripted_worker.py"), script, "--home", str(home),
            cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"})
    finally:
        log.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), ENDS_S)
            except TimeoutError:
                process.kill()
                await process.wait()


def is_live(message: Message) -> bool:
    return "▰" in message.text or "▱" in message.text


def live_cards(channel: Channel) -> list[Message]:
    return [each for each in channel.shown if is_live(each)]


def reports(channel: Channel) -> list[Message]:
    return [each for each in channel.shown if "the result" in each.text]


async def running_job(made: Team) -> Channel:
    """A started job's thread, its live card shown."""
    plan = await made.plan()
    await made.ana.clicks(plan, "Start")
    await made.ana.sees(is_live, PATIENCE_S, channel=plan.channel)
    return plan.channel


@dataclass(slots=True, kw_only=True)
class House:
    standin: Standin
    home: Path
    bot: OnsaBot

    def team(self, name: str, locale: str = "en-US") -> Team:
        return team(self.standin, name, locale)


@contextlib.asynccontextmanager
async def house(folder: Path, script: str = '{"step_s": 0.05}', **environment: str) -> AsyncIterator[House]:
    """All three, and at the end: no forbidden body, no ping, no unhandled error in the bot."""
    home = await prepared(folder)
    async with (Standin() as standin, scripted_worker(home, script),
                onsa_bot(standin, home, "--no-workers", **environment) as bot):
        yield House(standin=standin, home=home, bot=bot)
        check(standin, bot)


def check(standin: Standin, bot: OnsaBot) -> None:
    """What no journey may leave behind."""
    assert not standin.violations, standin.violations
    assert not standin.rest.errors, standin.rest.errors
    pinging = [each.text for each in standin.world.posted if each.author is standin.bot and each.pings]
    assert not pinging, pinging
    assert "unhandled" not in bot.log, bot.log[-4000:]
