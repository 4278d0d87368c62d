"""The desk's way into keeping house: words, buttons and menus, each to the part that answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.desk.context import Turn
from bot.language.commands import Command
from bot.manage import deleting, hearing, history, names, team_model, tidying
from bot.manage.wish import Wish
from bot.replies import Reply

VERBS = frozenset({"undo", "older", "newer", "delete", "spare", "tidy"})
"""Buttons that `press` answers."""

_ASKS = frozenset({"delete", "keep", "budget", "tidy"})
"""Wishes that are answered with a question before anything is deleted."""


async def listens(turn: Turn, command: Command) -> Wish | None:
    """Promises the wish about keeping house in this turn's words; None where they are for others."""
    if turn.utterance.managed is not None:
        return turn.utterance.managed
    if not turn.utterance.addressed or not turn.said:
        return None
    wish = hearing.heard(turn.said, command, await turn.store.labels.names(turn.team))
    if wish is not None and (wish.is_sure or await deleting.find(turn, wish.name) is not None):
        return wish
    if names.asks_for_team_model(turn.said, command):
        return None if await turn.store.labels.promoted(turn.team) is not None else Wish(kind="no_model")
    return None


async def answer(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """Everything that `listens` finds."""
    if wish.kind in _ASKS:
        turn.state.pop("shown", None)  # a yes to this question starts no plan that was shown before
    match wish.kind:
        case "search":
            replies = history.search(turn, wish)
        case "call":
            replies = names.call(turn, wish)
        case "uncall":
            replies = names.uncall(turn, wish)
        case "promote":
            replies = team_model.promote(turn, wish)
        case "undo":
            replies = team_model.undo(turn)
        case "delete":
            replies = deleting.ask(turn, wish)
        case "keep" | "budget" | "mode":
            replies = tidying.decide(turn, wish)
        case "tidy":
            replies = tidying.tidy(turn)
        case "retention":
            replies = tidying.show(turn)
        case _:
            replies = team_model.show(turn)
    async for reply in replies:
        yield reply


def press(turn: Turn, verb: str, argument: str) -> AsyncIterator[Reply]:
    """Promises the replies to a button of VERBS."""
    match verb:
        case "undo":
            return team_model.undo(turn, argument)
        case "older" | "newer":
            return history.search(turn, history.turned(argument))
        case "delete":
            return deleting.delete(turn, argument)
        case "tidy":
            return tidying.press(turn, argument)
        case "spare":
            return deleting.spare(turn)
        case _:
            raise ValueError(f"verb must be one of VERBS, got {verb!r}")
