"""How people are called in their team, remembered when they start or decide something: ids say nothing to others."""

from __future__ import annotations

from bot.desk.context import Turn
from tuner.store import Store

_KEY = "called"
_LONGEST = 60


async def remember(turn: Turn) -> None:
    """Keeps how this person is called here, where the front knows it."""
    called = " ".join(turn.utterance.called.split())[:_LONGEST]
    if called:
        await turn.store.prefer(turn.team, turn.utterance.person, _KEY, called)


async def called(store: Store, team: str, person: str) -> str:
    """Promises the name last remembered, else the id."""
    return await store.preference(team, person, _KEY) or person
