"""Which column holds the questions and which the answers: asked when a file leaves it open."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from bot.desk.buttons import numbered
from bot.desk.context import Turn
from bot.phrases import problem_sentences
from bot.replies import Button, Text
from bot.utterance import Attachment
from tuner.problems import Problem

ASKS = frozenset({"data.which_columns", "data.no_headings", "data.no_such_column", "data.same_column"})
"""Problems that naming the columns solves."""

_ROLE = re.compile(r"(?:^|(?<=[\s,;、，]))([A-Za-z]{2,20}|質問|回答|問い|答え)\s*[=＝]\s*")
_ROLES = {"質問": "question", "問い": "question", "回答": "answer", "答え": "answer"}
_ROLE_WORDS = re.compile(r"\b(questions?|answers?)\b|質問|問い|回答|答え", re.IGNORECASE)


async def remember(turn: Turn, attachment: Attachment) -> None:
    """Keeps the posted bytes, so that naming the columns later needs no second upload."""
    name = hashlib.sha256(attachment.content).hexdigest()
    folder = turn.services.home / "teams" / turn.team / "posted"
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread((folder / name).write_bytes, attachment.content)
    turn.state["posted"] = {"name": attachment.name, "sha256": name}


async def posted(turn: Turn) -> Attachment | None:
    """Promises the file that was posted last in this dialogue, or None."""
    known = turn.state.get("posted")
    if not known:
        return None
    path = turn.services.home / "teams" / turn.team / "posted" / known["sha256"]
    try:
        return Attachment(name=known["name"], content=await asyncio.to_thread(path.read_bytes))
    except OSError:
        return None


def said(text: str) -> dict[str, str]:
    """Promises role -> column of `question=COLUMN answer=COLUMN`; empty when `text` says no such thing."""
    found = list(_ROLE.finditer(text))
    pairs = {}
    for index, match in enumerate(found):
        end = found[index + 1].start() if index + 1 < len(found) else len(text)
        column = text[match.end() : end].strip(" \t,;、，\"'“”「」")
        if column:
            pairs[_ROLES.get(match[1], match[1].lower())] = column
    return pairs if {"question", "answer"} <= set(pairs) else {}


def chosen(turn: Turn, text: str) -> dict[str, str]:
    """Promises role -> column when `text` names the two proposed columns while they are asked for; else empty.

    「お問い合わせとご案内です」: the one named first holds the questions, unless the answers are said to be there.
    """
    called: dict[str, str] = turn.state.get("called") or {}
    found = {column: _named(name).search(text) for column, name in called.items()}
    places = {column: match.start() for column, match in found.items() if match is not None}
    if len(places) != 2:
        return {}
    first, second = sorted(places, key=lambda column: places[column])
    bare = text
    for name in called.values():
        bare = _named(name).sub(" ", bare)
    roles = [match[0].casefold() for match in _ROLE_WORDS.finditer(bare)]
    turned = bool(roles) and (roles[0].startswith("answer") or roles[0] in ("回答", "答え"))
    return {"question": second, "answer": first} if turned else {"question": first, "answer": second}


def _named(name: str) -> re.Pattern[str]:
    """The column's name on its own: “A” does not stand in “make”."""
    letter = r"[A-Za-z0-9_]"
    before = rf"(?<!{letter})" if re.match(letter, name) else ""
    after = rf"(?!{letter})" if re.search(letter + r"\Z", name) else ""
    return re.compile(before + re.escape(name) + after, re.IGNORECASE)


def again(turn: Turn) -> Text | None:
    """Promises the open question about the columns once more; None when there is none."""
    if not turn.state.get("columns"):
        return None
    return Text(text=turn.say("replies.data.columns_first"), buttons=_buttons(turn))


def question(turn: Turn, problems: tuple[Problem, ...]) -> Text:
    """Promises the problems in words; where columns were proposed, the two ways round as buttons."""
    offers: list[dict[str, str]] = []
    called: dict[str, str] = {}
    for problem in problems:
        facts: Mapping[str, Any] = problem.facts
        if problem.key in ASKS and facts.get("question") and facts.get("answer"):
            first, second = str(facts["question"]), str(facts["answer"])
            offers = [{"question": first, "answer": second}, {"question": second, "answer": first}]
            called = {first: str(facts.get("question_name", first)), second: str(facts.get("answer_name", second))}
    turn.state["columns"], turn.state["called"] = offers, called
    return Text(text="\n".join(problem_sentences(problems, turn.language)), buttons=_buttons(turn))


def _buttons(turn: Turn) -> tuple[Button, ...]:
    called = turn.state["called"]
    return tuple(
        numbered(
            "columns",
            str(index),
            index + 1,
            turn.say("replies.data.columns_offer", {role: called[column] for role, column in offer.items()}),
        )
        for index, offer in enumerate(turn.state["columns"])
    )
