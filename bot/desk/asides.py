"""While somebody talks with a model: the model hears everything but what is certainly meant for Onsa."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from bot.desk import talk
from bot.desk.context import Turn
from bot.language.asides import meant_for_onsa
from bot.language.parser import parse
from bot.manage import hearing
from bot.replies import Reply, Text


async def continued(turn: Turn, said: Callable[[Turn], AsyncIterator[Reply]]) -> AsyncIterator[Reply]:
    """The next words of an open conversation. `said`: answers what is meant for Onsa.

    After an aside the conversation goes on, which is said once; a new plan ends it, so that it can be talked about.
    """
    ours = _ours(turn.utterance.text)
    if ours is None:
        async for reply in talk.continue_chat(turn):
            yield reply
        return
    before: dict[str, Any] = turn.state["chat"]
    plan = _plan(turn)
    aside = replace(turn, utterance=replace(turn.utterance, text=ours))
    async for reply in said(aside):
        yield reply
    if turn.state.get("chat") is not before:
        return
    if _plan(turn) not in (plan, _NO_PLAN):
        turn.state.pop("chat")
        yield Text(text=turn.say("replies.talk.left_for_plan", {"speaker": before["speaker"]}))
    elif not before.get("aside"):
        before["aside"] = True
        yield Text(text=turn.say("replies.talk.goes_on", {"speaker": before["speaker"]}))


_NO_PLAN = (None, None)


def _plan(turn: Turn) -> tuple[str | None, str | None]:
    """The plan that waits, and the one whose card was shown."""
    return turn.state.get("draft"), turn.state.get("shown")


def _ours(text: str) -> str | None:
    """The words for Onsa; a job that is named by its number makes an order about names and the team's model one too."""
    meant = meant_for_onsa(text)
    if meant is not None:
        return meant
    wish = hearing.heard(text, parse(text), ())
    return text if wish is not None and wish.thing.job is not None else None
