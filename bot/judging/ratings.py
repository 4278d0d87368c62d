"""Verdicts on single answers in chat: kept with prompt, answer, checkpoint and a reason in the person's words."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence

from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.judging.hearing import reason_of
from bot.judging.subjects import key_of_trial
from bot.judging.told import to_correct
from bot.phrases import Language
from bot.replies import Button, Reply, Text
from tuner.store.opinions import Verdict

ANSWER_LIVES_S = 30 * 24 * 3600.0
"""An answer can be rated for as long as this. One that nobody rates is forgotten."""
REASON = 1000
"""Characters of a reason that are kept."""
_SHELF = "*"
_MODEL = re.compile(r"(?P<team>.+)/job-(?P<job>[0-9]+)-trial-(?P<trial>[0-9]+)")


def new_answer() -> str:
    return uuid.uuid4().hex[:16]


def buttons(answer_id: str, language: Language) -> tuple[Button, ...]:
    """Promises the thumbs under an answer."""
    return (button("good", answer_id, language), button("poor", answer_id, language))


async def remember(
    turn: Turn, answer_id: str, model: str, messages: Sequence[Mapping[str, str]], answer: str
) -> None:
    """Lets people rate this answer; the newest one is what words such as “good answer” are about."""
    turn.state["answer"] = answer_id
    turn.state.pop("pair", None)
    value = {"model": model, "messages": [dict(message) for message in messages], "answer": answer}
    await turn.store.keep_dialogue(_SHELF, _name(turn, answer_id), value, ANSWER_LIVES_S)


async def typed(turn: Turn, verdict: Verdict | None) -> AsyncIterator[Reply]:
    """A verdict in words on the newest answer of this dialogue."""
    answer_id = turn.state.get("answer")
    if answer_id is None:
        yield Text(text=turn.say("judging.vote.unclear" if "pair" in turn.state else "judging.rate.no_answer"))
    elif verdict is None:
        yield Text(text=turn.say("judging.rate.which"), buttons=buttons(answer_id, turn.language))
    else:
        async for reply in rate(turn, answer_id, verdict, reason_of(turn.utterance.text)):
            yield reply


async def rate(turn: Turn, answer_id: str, verdict: Verdict, reason: str = "") -> AsyncIterator[Reply]:
    """Keeps the verdict; said again, the newest counts."""
    value = await turn.store.dialogue(_SHELF, _name(turn, answer_id))
    found = _MODEL.fullmatch(value["model"]) if value is not None else None
    if value is None or found is None or found["team"] != turn.team:
        yield Text(text=turn.say("judging.rate.too_old"))
        return
    job = int(found["job"])
    kept = await turn.store.opinions.rate(
        team=turn.team,
        person=turn.utterance.person,
        answer_id=answer_id,
        job=job,
        subject=key_of_trial(job, int(found["trial"])),
        messages=value["messages"],
        answer=value["answer"],
        verdict=verdict,
        reason=reason[:REASON],
    )
    waiting = await to_correct(turn.store, turn.team, job)
    offers = (button("correct", str(job), turn.language),) if verdict == "bad" else ()
    facts = {"verdict": verdict, "reason": kept.reason, "bad": len(waiting)}
    yield Text(text=turn.say("judging.rate.kept", facts), buttons=offers)


def _name(turn: Turn, answer_id: str) -> str:
    return f"rated:{turn.team}:{answer_id}"
