"""What every part of the desk needs for one turn: who speaks, in which language, and the doors behind the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from bot.language.options import NO_OPTIONS, Options
from bot.phrases import Language, say
from bot.replies import Text
from bot.utterance import Privilege, Utterance
from tuner.chat.askers import asker
from tuner.chat.client import ChatClient
from tuner.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The doors behind the desk, opened once by a front."""

    store: Store
    home: Path
    chat: Callable[[], Awaitable[ChatClient]]
    """Finds or starts the chat server. Raises tuner.chat.client.ChatUnavailable."""
    clock: Callable[[], float]
    model: str | None = None
    """Model of plans that name none: a catalogue name, hub id or folder. None: the embedded one."""
    measuring_s: float = 0.0
    """How long a plan may wait for a worker that is just measuring this machine."""
    samples: Mapping[str, Path] = field(default_factory=dict)
    """Language -> sample data file that people may try."""
    may_push: bool = False
    """Whether who speaks here may use this machine's token for a model hub."""
    draws: bool = False
    """Whether the leaderboard, and a try beside the best one, come with a picture, drawn by a child process."""
    chance: Random = field(default_factory=SystemRandom)
    """Draws the sides of blind pairs."""
    opened_at: float = 0.0
    """When this process began to listen; 0: it is not known, and nothing counts as older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One utterance being answered."""

    utterance: Utterance
    language: Language
    services: Services
    state: dict[str, Any]
    """The dialogue of this person in this channel: kept after the turn, expires, survives a restart."""
    said: str = ""
    """The words as they were typed, before names were replaced by numbers; empty for anything but words."""
    options: Options = NO_OPTIONS
    """Wishes about the plan that were taken out of the words (bot.desk.wishes)."""

    @property
    def store(self) -> Store:
        return self.services.store

    @property
    def team(self) -> str:
        return self.utterance.team

    async def asker(self) -> str:
        """Promises who asks, as a chat server may know it: the same for this person each time. Raises OSError."""
        return await asyncio.to_thread(asker, self.services.home, self.team, self.utterance.person)

    def refusal(self, *wishes: Privilege) -> Text | None:
        """The sentence for the first of `wishes` that this person may not do here, or None."""
        for wish in wishes:
            if wish in self.utterance.denied:
                return Text(text=self.say(f"replies.desk.denied_{wish}", self._limit_facts()))
        return None

    def too_long(self, seconds: float | None) -> Text | None:
        """The sentence for a plan that takes longer than the GPU minutes that are left, or None."""
        limit = self.utterance.limit
        if limit is None or seconds is None or seconds <= limit.left_s:
            return None
        return Text(text=self.say("replies.desk.minutes_short", {**self._limit_facts(), "seconds": seconds}))

    def _limit_facts(self) -> dict[str, Any]:
        limit = self.utterance.limit
        if limit is None:
            return {"whose": None, "minutes": None, "used": None, "promised": None, "left": None}
        return {
            "whose": limit.whose,
            "minutes": limit.minutes,
            "used": round(limit.used_s / 60),
            "promised": round(limit.promised_s / 60),
            "left": int(limit.left_s // 60),
        }

    @property
    def shows_costs(self) -> bool:
        """False where time and memory are kept for some, and this person or somebody who reads along may not see it."""
        return "costs" not in self.utterance.denied

    def say(self, key: str, facts: Mapping[str, Any] | None = None) -> str:
        return say(key, self.language, facts)
