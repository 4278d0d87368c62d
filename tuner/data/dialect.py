"""What one tokenizer's chat template can do, found by trying it: the only caller of `apply_chat_template`.

A tokenizer without a template gets a plain format, one block a message:

    ### System:
    ...

    ### User:
    ...

    ### Assistant:
    ...<end of text>

Knows nothing of lengths and of what is learnt.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tuner.data.examples import Message
from tuner.problems import Problem, ProblemError

_PLAIN = (
    "{% for message in messages %}{{ '### ' + message['role'] | capitalize + ':\n' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant:\n' }}{% endif %}"
)
_FIXED = {"enable_thinking": False, "date_string": "26 Jul 2024"}
"""Variables that some templates read: no thinking block before an answer, and the same text on every day."""

_MARKS = ("\U000f0000", "\U000f0001")
"""Characters with which the library marks control tokens; a text that holds them takes the careful way."""

_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")
_PROBE = "zebra"
_FILLERS = ("a", "0", "鬱")
"""Answers put in place of the real one to see where it begins and ends; no text begins or ends like all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    chat_template: str | None
    """None: the tokenizer's own."""
    control: re.Pattern[str]
    """Matches every added token of the tokenizer as text."""
    special_ids: frozenset[int]
    keeps_system: bool
    """False: the template refuses or forgets system texts, so they go before the first question."""
    opens_answers: bool
    """False: the template writes what introduces an answer only together with the answer."""
    marks_answers: bool
    """The template says itself what the assistant generates."""
    source: str
    """The template that all of this was found with."""


_KNOWN: weakref.WeakKeyDictionary[Any, Dialect] = weakref.WeakKeyDictionary()


def dialect_of(tokenizer: Any) -> Dialect:
    """Promises the dialect, found once a tokenizer and template."""
    source = str(tokenizer.chat_template or "")
    known = _KNOWN.get(tokenizer)
    if known is None or known.source != source:
        known = _KNOWN[tokenizer] = _study(tokenizer, source)
    return known


def _study(tokenizer: Any, source: str) -> Dialect:
    own = None if source else _plain_template(tokenizer)
    added = tokenizer.added_tokens_decoder
    words = sorted((token.content for token in added.values() if token.content), key=len, reverse=True)
    special = {number for number, token in added.items() if token.special} | set(tokenizer.all_special_ids)
    draft = Dialect(
        chat_template=own,
        control=re.compile("|".join(map(re.escape, (*words, *_MARKS)))),
        special_ids=frozenset(special),
        keeps_system=True,
        opens_answers=True,
        marks_answers=bool(_GENERATION.search(source)) and bool(getattr(tokenizer, "is_fast", False)),
        source=source,
    )
    return replace(draft, keeps_system=_keeps_system(tokenizer, draft), opens_answers=_opens_answers(tokenizer, draft))


def _plain_template(tokenizer: Any) -> str:
    """The plain format, opened as the tokenizer itself opens a text."""
    opens = tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    return ("{{ bos_token }}" if opens else "") + _PLAIN


def _keeps_system(tokenizer: Any, draft: Dialect) -> bool:
    question = Message(role="user", content="a")
    try:
        ids = tokens(tokenizer, draft, (Message(role="system", content=_PROBE), question), opened=True)
    except Refused:
        return False
    return _PROBE in tokenizer.decode(ids)


def _opens_answers(tokenizer: Any, draft: Dialect) -> bool:
    chat = (Message(role="user", content="a"), Message(role="assistant", content=_PROBE))
    try:
        ids = tokens(tokenizer, draft, chat, opened=False)
        prompt = tokens(tokenizer, draft, chat[:1], opened=True)
        start, _ = answer_span(tokenizer, draft, chat, 1, ids)
    except Refused:
        return True
    return ids[: len(prompt)] == prompt and not tokenizer.decode(ids[len(prompt):start]).strip()


class Refused(Exception):
    """The template does not take these messages in this order, or a text of theirs."""


def tokens(tokenizer: Any, dialect: Dialect, messages: Sequence[Message], *, opened: bool) -> list[int]:
    """Promises the token ids of `messages`, with the start of an answer after them when `opened`.

    Control tokens inside the messages are encoded as the letters they are made of. Raises Refused.
    """
    careful = any(dialect.control.search(message.content) for message in messages)
    return list(_apply(tokenizer, dialect, messages, add_generation_prompt=opened, return_dict=False,
                       sanitize_control_tokens=careful))


def tokens_and_mask(
    tokenizer: Any, dialect: Dialect, messages: Sequence[Message]
) -> tuple[list[int], list[bool]] | None:
    """Promises ids and the template's own word on what is generated; None where it has none to say.

    The library refuses to mark and to sanitise in one call, so messages that hold control tokens get None as well.
    """
    if not dialect.marks_answers or any(dialect.control.search(message.content) for message in messages):
        return None
    out = _apply(tokenizer, dialect, messages, return_dict=True, return_assistant_tokens_mask=True)
    mask = [bool(one) for one in out["assistant_masks"]]
    return (list(out["input_ids"]), mask) if any(mask) else None


def _apply(tokenizer: Any, dialect: Dialect, messages: Sequence[Message], **options: Any) -> Any:
    import jinja2

    chat = [{"role": message.role, "content": message.content} for message in messages]
    options = {**options, **_FIXED, "chat_template": dialect.chat_template, "tokenize": True}
    try:
        return tokenizer.apply_chat_template(chat, **options)
    except (jinja2.TemplateError, ValueError, TypeError, KeyError) as error:
        raise Refused(str(error)) from error


def answer_span(
    tokenizer: Any, dialect: Dialect, chat: Sequence[Message], place: int, ids: Sequence[int]
) -> tuple[int, int]:
    """Promises where the answer `chat[place]` stands in `ids`: what is before and after it stays when another takes its
    place. Raises Refused.
    """
    before, after = len(ids), len(ids)
    for filler in _FILLERS:
        other = (*chat[:place], Message(role="assistant", content=filler), *chat[place + 1:])
        others = tokens(tokenizer, dialect, other, opened=False)
        before = min(before, _alike(ids, others))
        after = min(after, _alike(ids[::-1], others[::-1]))
    return before, max(before, len(ids) - after)


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


def adapt(
    tokenizer: Any, dialect: Dialect, messages: Sequence[Message], *, opened: bool
) -> tuple[tuple[Message, ...], list[int]]:
    """Promises the messages as the template takes them, with their ids: unchanged if it can be, else with neighbours of
    one role joined, else with the system text before the first question.

    Raises ProblemError `data.template_refuses` when the template takes them in no such form.
    """
    ways = [tuple(messages)] if dialect.keeps_system else []
    joined = _joined(messages)
    ways += [joined] if dialect.keeps_system else []
    ways.append(_joined(_system_in_question(joined)))
    reason: Refused | None = None
    for way in dict.fromkeys(ways):
        try:
            return way, tokens(tokenizer, dialect, way, opened=opened)
        except Refused as error:
            reason = error
    raise refusal(reason) from reason


def refusal(reason: Refused | None) -> ProblemError:
    """Promises the Problem `data.template_refuses` with the template's own words."""
    return ProblemError([Problem(key="data.template_refuses", facts={"reason": str(reason)[:200]})])


def _joined(messages: Sequence[Message]) -> tuple[Message, ...]:
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role:
            message = Message(role=message.role, content=f"{joined.pop().content}\n\n{message.content}")
        joined.append(message)
    return tuple(joined)


def _system_in_question(messages: Sequence[Message]) -> tuple[Message, ...]:
    if not messages or messages[0].role != "system":
        return tuple(messages)
    system, *rest = messages
    for place, message in enumerate(rest):
        if message.role == "user":
            rest[place] = Message(role="user", content=f"{system.content}\n\n{message.content}")
            return tuple(rest)
    return (Message(role="user", content=system.content), *rest)
