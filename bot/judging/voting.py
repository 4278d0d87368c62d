"""Votes on blind pairs: once a person, to be changed; who has voted learns the names and how others voted."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.judging import blind, steering
from bot.judging.subjects import called
from bot.replies import Button, Reply, Text
from tuner.judging.preference import by_side
from tuner.store.opinions import Choice, Pair, vote_of

CHOICES: dict[str, Choice] = {"left": "left", "right": "right", "tie": "tie", "bad": "both_bad"}
"""Verb of a button -> what it votes for."""
EVERY = 4
SURELY = 0.8
"""At every so many votes of a person it is looked whether they go by side, and said when it is as likely as this."""


async def press(turn: Turn, verb: str, pair_id: str) -> AsyncIterator[Reply]:
    """A vote by button: the names for the person who voted, then the next pair for everybody."""
    pair = await turn.store.opinions.pair(turn.team, pair_id)
    if pair is None:
        yield Text(text=turn.say("replies.desk.button_too_old"))
        return
    before = await turn.store.opinions.vote(turn.team, pair.id, turn.utterance.person, CHOICES[verb])
    if steering.is_ours(pair):
        async for reply in _steered(turn, pair, before):
            yield reply
        return
    one = await blind.round_of(turn, pair.request)
    is_last = one is None or pair.place + 1 >= len(one.prompts)
    following = None if is_last else await turn.store.opinions.pair_at(turn.team, pair.request, pair.place + 1)
    buttons = (button("next", pair.id, turn.language),) if following is not None else ()
    yield await _names(turn, pair, before, buttons)
    async for reply in _by_side(turn, before):
        yield reply
    if one is not None and not is_last and following is None:
        async for reply in blind.show(turn, one, pair.place + 1):
            yield reply


async def _steered(turn: Turn, pair: Pair, before: Choice | None) -> AsyncIterator[Reply]:
    """A vote that a search asked for, and what it asks next."""
    newer = await turn.store.opinions.pair_at(turn.team, pair.request, pair.place + 1)
    buttons = (button("next", pair.id, turn.language),) if newer is not None else ()
    yield await _names(turn, pair, before, buttons)
    async for reply in _by_side(turn, before):
        yield reply
    async for reply in steering.after(turn, pair):
        yield reply


async def _by_side(turn: Turn, before: Choice | None) -> AsyncIterator[Reply]:
    """A kind word, now and then, for somebody whose votes nearly all fall on one side."""
    votes = [vote_of(cast) for cast in await turn.store.opinions.votes(turn.team)]
    own = [vote for vote in votes if vote.person == turn.utterance.person and vote.won in ("a", "b")]
    if before is not None or len(own) % EVERY or not own or by_side(own)[turn.utterance.person] < SURELY:
        return
    left = sum(vote.won == "a" for vote in own)
    facts = {"votes": len(own), "count": max(left, len(own) - left), "left": 2 * left > len(own)}
    yield Text(text=turn.say("judging.steer.by_side", facts))


async def typed(turn: Turn, choice: Choice) -> AsyncIterator[Reply]:
    """A vote in words, on the pair shown last in this dialogue. Names come by a button: others read along."""
    pair = await turn.store.opinions.pair(turn.team, turn.state.get("pair", ""))
    if pair is None:
        yield Text(text=turn.say("judging.vote.no_pair"))
        return
    await turn.store.opinions.vote(turn.team, pair.id, turn.utterance.person, choice)
    names = button("names", pair.id, turn.language, "primary")
    yield Text(text=turn.say("judging.vote.kept", {"choice": choice}), buttons=(names,))


async def names(turn: Turn, pair_id: str) -> AsyncIterator[Reply]:
    """The names behind a pair, for somebody who has voted on it; then the next pair of the round."""
    pair = await turn.store.opinions.pair(turn.team, pair_id)
    own = await _own_vote(turn, pair) if pair is not None else None
    if pair is None:
        yield Text(text=turn.say("replies.desk.button_too_old"))
    elif own is None:
        yield Text(text=turn.say("judging.vote.first"))
    else:
        verb = next(verb for verb, choice in CHOICES.items() if choice == own)
        async for reply in press(turn, verb, pair.id):
            yield reply


async def following(turn: Turn, pair_id: str) -> AsyncIterator[Reply]:
    """The pair after this one, shown again."""
    pair = await turn.store.opinions.pair(turn.team, pair_id)
    if pair is not None and steering.is_ours(pair):
        async for reply in steering.newest(turn, pair):
            yield reply
        return
    one = await blind.round_of(turn, pair.request) if pair is not None else None
    if pair is None or one is None or pair.place + 1 >= len(one.prompts):
        yield Text(text=turn.say("replies.desk.button_too_old"))
        return
    async for reply in blind.show(turn, one, pair.place + 1):
        yield reply


async def _own_vote(turn: Turn, pair: Pair) -> Choice | None:
    votes = await turn.store.opinions.votes(turn.team, pair.id)
    return next((vote.choice for vote in votes if vote.person == turn.utterance.person), None)


async def _names(turn: Turn, pair: Pair, before: Choice | None, buttons: tuple[Button, ...]) -> Text:
    votes = await turn.store.opinions.votes(turn.team, pair.id)
    counts = Counter(vote.choice for vote in votes)
    own = next(vote.choice for vote in votes if vote.person == turn.utterance.person)
    facts: dict[str, Any] = {
        "choice": own,
        "before": before,
        "left": called(pair.left_subject, turn.language),
        "right": called(pair.right_subject, turn.language),
        "votes": len(votes),
        "counts": {name: counts[name] for name in CHOICES.values()},
    }
    return Text(
        text=turn.say("judging.vote.names", facts), buttons=(*buttons, button("board", "-", turn.language))
    )
