"""Replies to a model's answer go on from it: each answer keeps the conversation that led to it, for a day."""

from __future__ import annotations

import discord

from bot.discord_front.places import SHELF
from bot.discord_front.streaming import Answered, Halts
from bot.replies import Stream
from bot.utterance import Utterance
from tuner.store import Store

LIVES_S = 24 * 3600.0
_PREFIX = "chain-"


def is_chain(dialogue: str | None) -> bool:
    """True for the dialogue of a chain of replies."""
    return dialogue is not None and dialogue.startswith(_PREFIX)


async def keep(store: Store, utterance: Utterance, stream: Stream, answered: Answered) -> None:
    """Lets a reply to any message of the answer go on from it; from one that broke off, as if it had not been asked."""
    messages = answered.messages
    if not stream.model or not messages or (utterance.dialogue or "").startswith("thread-"):
        return
    said = [{"role": one["role"], "content": one["content"]} for one in stream.asked]
    said = [*said, {"role": "assistant", "content": answered.text}] if answered.is_whole else said[:-1]
    chat = {"model": stream.model, "speaker": stream.speaker, "messages": said}
    dialogue = f"{_PREFIX}{messages[0].id}"
    await store.keep_dialogue(dialogue, f"{utterance.team}/{utterance.channel}", {"chat": chat}, LIVES_S)
    for message in messages:
        await store.keep_dialogue(SHELF, f"answer:{utterance.team}:{message.id}", {"dialogue": dialogue}, LIVES_S)


async def dialogue_of(store: Store, halts: Halts, team: str, message: discord.Message) -> str | None:
    """Promises the dialogue that `message`, a reply, goes on with, or None when it goes on from no answer.

    A reply to an answer that is still being written waits for its end.
    """
    reference = message.reference
    if reference is None or reference.message_id is None:
        return None
    await halts.wait_for(reference.message_id)
    known = await store.dialogue(SHELF, f"answer:{team}:{reference.message_id}")
    place = f"{team}/{message.channel.id}"
    so_far = await store.dialogue(str(known["dialogue"]), place) if known is not None else None
    if so_far is None:
        return None
    dialogue = f"{_PREFIX}{message.id}"  # two replies to one answer are two conversations
    await store.keep_dialogue(dialogue, place, so_far, LIVES_S)
    return dialogue
