"""Who speaks and where, in the desk's words: a server is a team, a direct conversation a team of one person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import discord

from bot.phrases import Language
from bot.utterance import Utterance
from tuner.store import Store

FOREVER_S = 1e11
"""Three thousand years: what must not be forgotten outlives also a clock that was wrong by decades."""
_REMEMBERED_S = 24 * 3600.0
SHELF = "*"

_GUILD, _PERSON = "guild-", "person-"


def team_of(guild_id: int | None, user_id: int) -> str:
    """Promises the team whose data, jobs and chats are visible there, and no other's."""
    return f"{_GUILD}{guild_id}" if guild_id is not None else f"{_PERSON}{user_id}"


def guild_of(team: str) -> int | None:
    """The server's id, or None for a team of one person."""
    return int(team.removeprefix(_GUILD)) if team.startswith(_GUILD) else None


def is_ours(team: str) -> bool:
    """True for a team of Discord's: the same home may serve a console too."""
    return team.startswith((_GUILD, _PERSON)) and team.partition("-")[2].isdigit()


def language_of(locale: discord.Locale | None) -> Language:
    """Promises the language for a person's Discord client."""
    return "ja" if locale is discord.Locale.japanese else "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A thread that Onsa opened."""

    thread: int
    kind: Literal["job", "chat"]
    guild: int
    parent: int
    """The channel that it hangs on, for when the thread is gone."""

    @property
    def dialogue(self) -> str:
        """In a thread everybody goes on with the same conversation, and with the same plan."""
        return f"thread-{self.thread}"


async def keep_room(store: Store, room: Room) -> None:
    value: Mapping[str, Any] = {"kind": room.kind, "guild": room.guild, "parent": room.parent}
    await store.keep_dialogue(SHELF, f"room:{room.thread}", value, FOREVER_S)


async def is_about(store: Store, room: Room, job: int) -> None:
    """From now on, words in the thread are about that job of the team."""
    await store.keep_dialogue(SHELF, f"about:{room.thread}", {"job": job}, FOREVER_S)


async def know_job(store: Store, utterance: Utterance, room: Room) -> None:
    """Lets a dialogue in a job's thread begin with that job, whoever speaks and however late."""
    about = await store.dialogue(SHELF, f"about:{room.thread}")
    place = f"{utterance.team}/{utterance.channel}"
    state = await store.dialogue(room.dialogue, place) or {}
    if about is not None and "job" not in state:
        await store.keep_dialogue(room.dialogue, place, {**state, "job": about["job"]}, _REMEMBERED_S)


async def room_of(store: Store, channel: int) -> Room | None:
    """Promises the thread as it was opened, or None for a channel that is no thread of Onsa's."""
    value = await store.dialogue(SHELF, f"room:{channel}")
    return None if value is None else Room(thread=channel, **value)
