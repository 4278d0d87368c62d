"""The leaderboard: votes of this team into an order of its models, with how sure that is, in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from bot.desk.context import Turn
from bot.judging.drawing import drawn
from bot.judging.subjects import called, is_base
from bot.replies import Reply, Table, Text
from bot.wording import percent
from tuner.judging.luck import Duel
from tuner.judging.standings import Board, boards
from tuner.store.opinions import vote_of

DUELS = 3
"""Pairs of models that are told in words, those with most votes first."""


async def show(turn: Turn) -> AsyncIterator[Reply]:
    """Promises a table for each group of models that met, the closest look at those that met most, and a picture of the
    largest group where the front shows pictures."""
    votes = [vote_of(cast) for cast in await turn.store.opinions.votes(turn.team)]
    if not votes:
        yield Text(text=turn.say("judging.board.none"))
        return
    references = sorted({name for vote in votes for name in (vote.a, vote.b) if is_base(name)})
    found = await asyncio.to_thread(boards, votes, references)
    for place, board in enumerate(found):
        yield _table(turn, board, is_only=len(found) == 1, is_first=place == 0)
    duels = sorted((duel for board in found for duel in board.duels), key=lambda duel: -duel.votes)
    lines = [in_words(turn, duel) for duel in duels[:DUELS]]
    yield Text(text="\n".join([*lines, turn.say("judging.board.how", {"models": _models(found)})]))
    if turn.services.draws:
        folder = turn.services.home / "charts" / turn.team / "votes"
        picture = await drawn(found[0], turn.language, folder)
        if picture is not None:
            yield picture


def _models(found: list[Board]) -> int:
    return max(len(board.standings) for board in found)


def _table(turn: Turn, board: Board, *, is_only: bool, is_first: bool) -> Table:
    reference = called(board.reference, turn.language)
    facts = {"votes": board.votes, "people": board.people, "questions": board.questions}
    header = tuple(
        turn.say(f"judging.board.column_{name}", {"reference": reference})
        for name in ("place", "model", "share", "range", "votes")
    )
    rows = []
    for standing in board.standings:
        is_reference = standing.subject == board.reference
        rows.append(
            (
                str(standing.place),
                called(standing.subject, turn.language),
                "–" if is_reference else percent(standing.share),
                "–" if is_reference else f"{percent(standing.low)} – {percent(standing.high)}",
                str(standing.votes),
            )
        )
    title = "title" if is_only or is_first else "title_apart"
    return Table(title=turn.say(f"judging.board.{title}", facts), header=header, rows=tuple(rows))


def in_words(turn: Turn, duel: Duel) -> str:
    """Promises how often one was preferred, whether that could be luck, and how many votes are still missing."""
    facts: dict[str, Any] = {
        "a": called(duel.a, turn.language),
        "b": called(duel.b, turn.language),
        "votes": duel.votes,
        "for_a": duel.for_a,
        "for_b": duel.for_b,
        "ties": duel.ties,
        "both_bad": duel.both_bad,
        "questions": duel.questions,
        "people": duel.people,
        "is_luck": duel.is_luck,
        "p": duel.p,
        "needed": duel.needed,
        "most_by_one": duel.most_by_one,
    }
    return turn.say("judging.board.duel", facts)
