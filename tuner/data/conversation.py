"""One cell into messages: the chat formats of OpenAI (role, content) and ShareGPT (from, value), and clean texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tuner.data.examples import Message, Role
from tuner.data.table import MAX_CELL, UnsavedFormula

_ROLES: Mapping[str, Role] = {
    "system": "system", "developer": "system", "システム": "system",
    "user": "user", "human": "user", "customer": "user", "prompter": "user", "ユーザー": "user", "ユーザ": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "chatgpt": "assistant", "model": "assistant",
    "bing": "assistant", "bard": "assistant", "アシスタント": "assistant",
}
_MAX_MESSAGES = 1_000
_FORMULA_ERRORS = frozenset({"#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!"})
_DROPPED = dict.fromkeys(code for code in range(32) if chr(code) not in "\n\t")


class Unusable(Exception):
    """A row that cannot become an example; `reason` names its sentence under problems/data."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def clean(value: Any, part: str, *, may_be_empty: bool = False) -> str:
    """Promises the text of a cell without outer spaces and control characters, with plain line breaks.

    Raises Unusable `empty_<part>` for an empty one, `not_text` for a list or an object, `formula_error` for what a
    spreadsheet writes in place of a value, `formula_without_value` where the value was not stored, `broken_characters`
    for half a character, `cell_too_long`.
    """
    if not isinstance(value, str):
        raise Unusable("not_text")
    if isinstance(value, UnsavedFormula):
        raise Unusable("formula_without_value")
    text = value.replace("\r\n", "\n").replace("\r", "\n").translate(_DROPPED).strip().strip("\ufeff\u200b").strip()
    if not text:
        if may_be_empty:
            return ""
        raise Unusable(f"empty_{part}")
    if text in _FORMULA_ERRORS:
        raise Unusable("formula_error", text)
    if len(text) > MAX_CELL:
        raise Unusable("cell_too_long")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Unusable("broken_characters") from error
    return text


def messages_of(cell: Any) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Promises the messages of one conversation, its last one an answer, and notes on what was left out.

    Raises Unusable when it is no conversation, holds no answer, or holds something that is no text.
    """
    turns = _parsed(cell)
    if len(turns) > _MAX_MESSAGES:
        raise Unusable("cell_too_long")
    messages = [_message(turn) for turn in turns]
    answers = [place for place, message in enumerate(messages) if message.role == "assistant"]
    if not answers:
        raise Unusable("no_answer_turn")
    if not any(message.role == "user" for message in messages[: answers[-1]]):
        raise Unusable("no_question_turn")
    if any(message.role == "system" for message in messages[1:]):
        raise Unusable("system_in_the_middle")
    kept = messages[: answers[-1] + 1]
    return tuple(kept), (("ends_with_question",) if len(kept) < len(messages) else ())


def _parsed(cell: Any) -> list[Any]:
    if isinstance(cell, str):
        if not cell.strip():
            raise Unusable("empty_conversation")
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError) as error:
            raise Unusable("not_a_conversation") from error
    if isinstance(cell, dict):
        cell = cell.get("messages", cell.get("conversations"))
    if not isinstance(cell, list):
        raise Unusable("not_a_conversation")
    if not cell:
        raise Unusable("empty_conversation")
    return cell


def _message(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise Unusable("not_a_conversation")
    said, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    if not isinstance(said, str):
        raise Unusable("not_a_conversation")
    role = _ROLES.get(said.strip().casefold())
    if role is None:
        raise Unusable("unknown_role", said.strip()[:40])
    if turn.get("tool_calls") or turn.get("function_call"):
        raise Unusable("unknown_role", "tool_calls")
    if isinstance(content, list):
        content = "".join(_part(part) for part in content)
    if content is None:
        content = ""
    if not isinstance(content, str):
        raise Unusable("not_text")
    return Message(role=role, content=clean(content, "answer" if role == "assistant" else "question"))


def _part(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) else part
    if not isinstance(text, str):
        raise Unusable("not_text")
    return text
