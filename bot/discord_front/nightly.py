"""Once a night: each team's rule about checkpoints is looked at, and what was done or may go is told in its newest job.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable
from pathlib import Path

import discord

from bot.discord_front import outlet
from bot.discord_front.places import guild_of, is_ours
from bot.discord_front.render import posts_of
from bot.manage import tidying
from bot.phrases import Language
from tuner.store import Store, StoreUnavailable

_LOG = logging.getLogger("onsa.discord")

HOUR = 3
"""Of this machine's day."""
LOOK_S = 600.0


async def nightly(client: discord.Client, store: Store, clock: Callable[[], float]) -> None:
    """Until cancelled. Trouble with one team is logged and holds up no other."""
    last = _day(clock())
    while True:
        await asyncio.sleep(LOOK_S)
        today = _day(clock())
        if today != last:
            last = today
            await round_of_teams(client, store)


async def round_of_teams(client: discord.Client, store: Store) -> None:
    """One look at every team."""
    for team in await asyncio.to_thread(_teams, store.home):
        try:
            await _team(client, store, team)
        except (discord.HTTPException, OSError, StoreUnavailable):
            _LOG.warning("tidying of a team could not be done or told", exc_info=True)


async def _team(client: discord.Client, store: Store, team: str) -> None:
    jobs = await store.jobs(team, limit=1)
    if not jobs or not is_ours(team):
        return
    chosen = await store.preference(team, None, "language") or jobs[0].language
    language: Language = "ja" if chosen == "ja" else "en"
    said = await tidying.check(store, team, language)
    if said is None:
        return
    place = client.get_partial_messageable(int(jobs[0].channel), guild_id=guild_of(team))
    for post in posts_of(said):
        await outlet.send(place, post)


def _day(now: float) -> datetime.date:
    """The night belongs to the day before it."""
    return (datetime.datetime.fromtimestamp(now).astimezone() - datetime.timedelta(hours=HOUR)).date()


def _teams(home: Path) -> list[str]:
    folder = home / "teams"
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
