"""Talking with a checkpoint: one question, or a conversation; and what both models answered in the sealed test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from bot.desk import jobs
from bot.desk.context import Turn
from bot.judging import ratings
from bot.language.commands import Command
from bot.phrases import problem_sentences
from bot.replies import Reply, Stream, Table, Text
from tuner.chat.client import ChatUnavailable
from tuner.store import Store
from tuner.store.records import Checkpoint, Job

MAX_TOKENS = 256
REMEMBERED = 12
"""Messages of a conversation that are sent along."""


async def chat(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """Answers `command.prompt` with the checkpoint it names, or opens a conversation with it."""
    chosen = await _checkpoint(turn, command)
    if isinstance(chosen, Text):
        yield chosen
        return
    model, speaker = chosen
    if command.prompt:
        async for reply in _ask(turn, model, speaker, [{"role": "user", "content": command.prompt}]):
            yield reply
        return
    turn.state["chat"] = {"model": model, "speaker": speaker, "messages": [], "at": turn.services.clock()}
    yield Text(text=turn.say("replies.talk.opened", {"speaker": speaker}))


async def open_with(turn: Turn, job_number: int) -> AsyncIterator[Reply]:
    """The Chat button of a report."""
    async for reply in chat(turn, Command(intent="chat", job=job_number, trial="best")):
        yield reply


async def continue_chat(turn: Turn) -> AsyncIterator[Reply]:
    """The next message of an open conversation; the word for leaving ends it."""
    talk: dict[str, Any] = turn.state["chat"]
    text = turn.utterance.text.strip()
    if text.casefold() in _leaving_words(turn):
        turn.state.pop("chat")
        yield Text(text=turn.say("replies.talk.closed"))
        return
    if _is_from_before(turn, talk):
        yield Text(text=turn.say("replies.talk.taken_up", {"speaker": talk["speaker"]}))
    talk["at"] = turn.services.clock()
    messages = [*talk["messages"], {"role": "user", "content": text}]
    if len(messages) > REMEMBERED:
        messages = _latest(messages, REMEMBERED)
        if not talk.get("told"):
            talk["told"] = True
            yield Text(text=turn.say("replies.talk.forgets", {"count": len(messages)}))
    async for reply in _ask(turn, talk["model"], talk["speaker"], messages, keep=talk):
        yield reply


def _is_from_before(turn: Turn, talk: dict[str, Any]) -> bool:
    """True where the last word of the conversation is older than this process: nobody may still have it in mind."""
    return bool(talk.get("at", turn.services.opened_at) < turn.services.opened_at)


def _latest(messages: list[dict[str, str]], most: int) -> list[dict[str, str]]:
    """Promises at most so many of the last messages, the first of them a person's, as models expect."""
    kept = messages[-most:]
    return kept[1:] if kept[0]["role"] == "assistant" else kept


def _leaving_words(turn: Turn) -> frozenset[str]:
    return frozenset(word.strip().casefold() for word in turn.say("replies.talk.leaving_words").split("|"))


async def _ask(
    turn: Turn, model: str, speaker: str, messages: list[dict[str, str]], keep: dict[str, Any] | None = None
) -> AsyncIterator[Reply]:
    client, user = await turn.services.chat(), await turn.asker()
    answer_id = ratings.new_answer()
    ended: list[bool] = []
    sent = messages

    async def pieces() -> AsyncIterator[str]:
        nonlocal sent
        said: list[str] = []
        while not ended:
            try:
                answer = client.stream(model, sent, max_tokens=MAX_TOKENS, temperature=0.0, user=user)
                async with aclosing(answer):
                    async for piece in answer:
                        said.append(piece)
                        yield piece
                ended.append(True)
            except ChatUnavailable as error:
                if error.problem.key == "chat.too_long" and not said and len(sent) > 1:
                    sent = _latest(sent, len(sent) - 1)  # the model's memory is shorter than ours
                    continue
                # The Stream is already on its way to the person: the reason follows what was said so far.
                yield ("\n" if said else "") + "\n".join(problem_sentences([error.problem], turn.language))
                return
        if keep is not None:
            keep["messages"] = [*sent, {"role": "assistant", "content": "".join(said)}]
        await ratings.remember(turn, answer_id, model, sent, "".join(said))

    thumbs = ratings.buttons(answer_id, turn.language)
    yield Stream(
        speaker=speaker,
        pieces=pieces(),
        model=model,
        asked=tuple(messages),
        buttons=thumbs,
        is_whole=lambda: bool(ended),
    )
    if len(sent) < len(messages) and keep is not None and not keep.get("told"):
        keep["told"] = True
        yield Text(text=turn.say("replies.talk.forgets", {"count": len(sent)}))


async def _checkpoint(turn: Turn, command: Command) -> tuple[str, str] | Text:
    """(model id at the chat server, how it is called to people), or the sentence that there is none."""
    promoted = await turn.store.labels.promoted(turn.team)
    if promoted is not None and command.job is None and command.trial is None:
        return await _addressed(turn, promoted.job, promoted.trial)
    job = await jobs.find(turn, command.job)
    if job is None and isinstance(command.job, int):
        return jobs.not_found(turn, command.job)
    if job is None:
        return Text(text=turn.say("replies.talk.nothing_tuned"))
    kept = await _kept(turn.store, job, command.trial)
    if kept is None:
        return Text(text=turn.say("replies.talk.no_checkpoint", {"job": job.number, "state": job.state}))
    return await _addressed(turn, job.number, kept.trial)


async def is_there(store: Store, team: str, command: Command) -> bool:
    """Promises whether `command`, said where nothing was spoken of yet, finds a checkpoint to talk with."""
    if command.job is None and command.trial is None and await store.labels.promoted(team) is not None:
        return True
    job = await store.job(team, "last" if command.job is None else command.job)
    return job is not None and await _kept(store, job, command.trial) is not None


async def _kept(store: Store, job: Job, trial: int | str | None) -> Checkpoint | None:
    if not isinstance(trial, int):
        return await store.best_checkpoint(job.team, job.number)
    return next((found for found in await store.checkpoints(job.team, job.number) if found.trial == trial), None)


async def _addressed(turn: Turn, job: int, trial: int) -> tuple[str, str]:
    named = {each.trial: each.name for each in await turn.store.labels.names(turn.team) if each.job == job}
    facts = {"job": job, "trial": trial, "name": named.get(trial) or named.get(None)}
    return f"{turn.team}/job-{job}-trial-{trial}", turn.say("replies.talk.speaker", facts)


async def side_by_side(turn: Turn, job: Job, rows: int = 5) -> AsyncIterator[Reply]:
    """The same test questions, answered by the untouched and by the tuned model, from the stored results."""
    results = {result.subject: result for result in await turn.store.tests(job.id)}
    base, best = results.get("base"), results.get("best") or results.get("default")
    if base is None or best is None or not best.questions:
        yield Text(text=turn.say("replies.talk.no_test_yet", {"job": job.number}))
        return
    header = tuple(turn.say(f"replies.talk.column_{name}") for name in ("question", "base", "best"))
    picked = _spread(len(best.questions), rows)
    yield Table(
        title=turn.say("replies.talk.side_by_side", {"job": job.number, "count": len(picked)}),
        header=header,
        rows=tuple((best.questions[at], base.answers[at], best.answers[at]) for at in picked),
    )


def _spread(count: int, wanted: int) -> list[int]:
    """Evenly spread positions: shows good and bad answers as they come, picks none out."""
    if count <= wanted:
        return list(range(count))
    return [round(index * (count - 1) / (wanted - 1)) for index in range(wanted)]
