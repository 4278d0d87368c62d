"""The desk's way into judging: words, buttons and menus, each to the part that answers it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from bot.desk import jobs, talk
from bot.desk.context import Turn
from bot.judging import blind, board, corrections, ratings, steering, voting
from bot.judging.hearing import heard, verdict_of_thumb
from bot.judging.told import told
from bot.judging.wish import Wish
from bot.language.commands import Command
from bot.replies import Reply, Text

Handler = Callable[[Turn, Command], AsyncIterator[Reply]]

ALWAYS = ("compare", "side_by_side", "board", "correct", "judge")
"""Kinds of wishes that mean the same whatever was asked before; votes and verdicts may also answer a question."""
VERBS = frozenset(
    (*voting.CHOICES, "next", "names", "judge", "board", "good", "poor", "correct", "write", "leave", "enough", "make")
)
"""Buttons that `press` answers."""


def listens(turn: Turn, command: Command) -> Wish | None:
    """Promises the wish about judging in this turn's words; None where they are for others. Words that could be
    anything, such as “right”, are a vote only while a pair is open, a verdict only after an answer."""
    wish = turn.utterance.compared or heard(turn.utterance.text, command)
    if wish is None or not turn.utterance.addressed:
        return None
    if wish.kind == "vote" and "pair" not in turn.state:
        if command.intent != "rate":
            return None
        return Wish(kind="rate") if "answer" in turn.state else wish
    return wish


async def answer(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """Everything that `listens` finds."""
    match wish.kind:
        case "compare":
            replies = blind.compare(turn, wish)
        case "side_by_side":
            replies = _side_by_side(turn, wish)
        case "board":
            replies = board.show(turn)
        case "correct":
            replies = corrections.begin(turn, wish.job)
        case "judge":
            replies = steering.begin(turn, wish.job)
        case "vote":
            assert wish.choice is not None
            replies = voting.typed(turn, wish.choice)
        case "rate":
            replies = ratings.typed(turn, wish.verdict)
    async for reply in replies:
        yield reply


def press(turn: Turn, verb: str, argument: str) -> AsyncIterator[Reply]:
    """Promises the replies to a button of VERBS. Words may come with it: a reason, or a right answer from a form."""
    text = turn.utterance.text
    match verb:
        case "left" | "right" | "tie" | "bad":
            return voting.press(turn, verb, argument)
        case "next":
            return voting.following(turn, argument)
        case "names":
            return voting.names(turn, argument)
        case "judge":
            return steering.begin(turn, int(argument))
        case "board":
            return board.show(turn)
        case "good" | "poor":
            return ratings.rate(turn, argument, "good" if verb == "good" else "bad", text)
        case "correct":
            return corrections.begin(turn, int(argument))
        case "write":
            number = int(argument)
            return corrections.written(turn, number, text) if text else corrections.write(turn, number)
        case "leave":
            return corrections.written(turn, int(argument), "")
        case "enough":
            return corrections.done(turn, int(argument))
        case "make":
            return corrections.make(turn, int(argument))
        case _:
            raise ValueError(f"verb must be one of VERBS, got {verb!r}")


def interrupts(turn: Turn) -> AsyncIterator[Reply] | None:
    """Promises the replies to words that mean something else right now: a right answer that was asked for, or a thumb
    in a conversation; None where words are words."""
    text = turn.utterance.text.strip()
    if "correcting" in turn.state and text:
        return corrections.written(turn, int(turn.state["correcting"]), text)
    verdict = verdict_of_thumb(text)
    if turn.state.get("chat") and verdict is not None:
        return ratings.typed(turn, verdict)
    return None


def with_opinions(handler: Handler) -> Handler:
    """Promises a handler that also tells what people said about the job that the command is about."""

    async def both(turn: Turn, command: Command) -> AsyncIterator[Reply]:
        async for reply in handler(turn, command):
            yield reply
        job = await jobs.find(turn, command.job)
        said = await told(turn.store, job, turn.language) if job is not None else None
        if said is not None:
            yield said

    return both


async def _side_by_side(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    job = await jobs.find(turn, wish.job)
    if job is None:
        yield Text(text=turn.say("replies.talk.nothing_tuned"))
        return
    async for reply in talk.side_by_side(turn, job):
        yield reply
