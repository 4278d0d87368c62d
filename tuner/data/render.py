"""Conversations into token ids and what of them is learnt: the one renderer of training, evaluation and chat.

Takes any Hugging Face tokenizer object; imports neither torch nor transformers. Learnt are the assistant's texts and
the token that ends each of them, nothing else.

What is too long loses its oldest exchanges first, a question with its answer, never the system text. If one exchange
alone is too long, its end is cut: the model then learns the beginning of the answer and no end token, so that it is
never taught to stop in mid-sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.data.dialect import Dialect, Refused, adapt, answer_span, dialect_of, refusal, tokens, tokens_and_mask
from tuner.data.examples import Example, Message
from tuner.problems import Problem, ProblemError


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    ids: list[int]
    learn: list[bool]
    """As long as ids: True where the model is to predict this token."""
    cut: bool
    """Something was left out for the length; `any(learn)` may be False then."""


def encode(tokenizer: Any, messages: Sequence[Message], max_length: int) -> Encoded:
    """Promises at most `max_length` ids of a conversation that ends with an answer.

    Raises ProblemError `data.template_refuses` when the model's chat template does not take such a conversation.
    """
    ids, learn = _render(tokenizer, messages)
    if len(ids) <= max_length:
        return Encoded(ids=ids, learn=learn, cut=False)
    shorter = _shortened(messages)
    low, high = 0, len(shorter)  # the fewest exchanges to leave out; len(shorter): not even the last one fits
    while low < high:
        middle = (low + high) // 2
        if len(_render(tokenizer, shorter[middle])[0]) <= max_length:
            high = middle
        else:
            low = middle + 1
    if shorter:
        ids, learn = _render(tokenizer, shorter[min(low, len(shorter) - 1)])
    return Encoded(ids=ids[:max_length], learn=learn[:max_length], cut=True)


def length(tokenizer: Any, messages: Sequence[Message]) -> int:
    """Promises the number of ids of the whole conversation, before any cut, give or take what closes it.

    Raises ProblemError `data.template_refuses`.
    """
    return len(adapt(tokenizer, dialect_of(tokenizer), messages, opened=False)[1])


def learnable(tokenizer: Any, examples: Iterable[Example], max_length: int) -> tuple[Example, ...]:
    """Promises those examples of which something is learnt at this length; the report card lists the others by row."""
    return tuple(example for example in examples if _is_learnable(tokenizer, example.messages, max_length))


def _is_learnable(tokenizer: Any, messages: Sequence[Message], max_length: int) -> bool:
    try:
        return length(tokenizer, messages) < max_length or any(encode(tokenizer, messages, max_length).learn)
    except ProblemError:  # the template takes no such conversation
        return False


def prompt_ids(tokenizer: Any, messages: Sequence[Message], max_length: int | None = None) -> list[int]:
    """Promises the ids after which the model writes its answer, at most `max_length`; oldest exchanges go first.

    Raises ProblemError `data.template_refuses`, and `data.prompt_too_long` when the last question alone does not fit.
    """
    ids = _opened(tokenizer, messages)
    if max_length is None or len(ids) <= max_length:
        return ids
    for shorter in _shortened(messages):
        ids = _opened(tokenizer, shorter)
        if len(ids) <= max_length:
            return ids
    raise ProblemError([Problem(key="data.prompt_too_long", facts={"tokens": len(ids), "most": max_length})])


def pieces(tokenizer: Any, encoded: Encoded) -> tuple[tuple[str, bool], ...]:
    """Promises the example as the model sees it: neighbouring texts with whether they are learnt."""
    found: list[tuple[str, bool]] = []
    start = 0
    for place in range(1, len(encoded.ids) + 1):
        if place == len(encoded.ids) or encoded.learn[place] != encoded.learn[start]:
            text = tokenizer.decode(encoded.ids[start:place], skip_special_tokens=False,
                                    clean_up_tokenization_spaces=False)
            found.append((text, encoded.learn[start]))
            start = place
    return tuple(found)


def _shortened(messages: Sequence[Message]) -> list[tuple[Message, ...]]:
    """The conversation without its first exchange, its first two, …: each begins at a question."""
    head = tuple(message for message in messages[:1] if message.role == "system")
    starts = [place for place in range(len(head) + 1, len(messages))
              if messages[place].role == "user" and messages[place - 1].role == "assistant"]
    return [(*head, *messages[start:]) for start in starts]


def _opened(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    dialect = dialect_of(tokenizer)
    chat, ids = adapt(tokenizer, dialect, messages, opened=True)
    if dialect.opens_answers:
        return ids
    whole = (*chat, Message(role="assistant", content="a"))  # what introduces an answer comes only together with one
    try:
        ids = tokens(tokenizer, dialect, whole, opened=False)
        return ids[: answer_span(tokenizer, dialect, whole, len(chat), ids)[0]]
    except Refused as error:
        raise refusal(error) from error


def _render(tokenizer: Any, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
    """Ids of the whole conversation up to the last learnt token, and what is learnt."""
    dialect = dialect_of(tokenizer)
    chat, ids = adapt(tokenizer, dialect, messages, opened=False)
    try:
        marked = tokens_and_mask(tokenizer, dialect, chat)
        if marked is not None:
            ids, mask = marked
            spans = _runs(mask)
        else:
            spans = _spans(tokenizer, dialect, chat, ids)
    except Refused as error:
        raise refusal(error) from error
    ids, spans = _closed(tokenizer, dialect, ids, spans)
    learn = [False] * len(ids)
    for start, end in spans:
        learn[start:end] = [True] * (end - start)
    last = spans[-1][1] if spans else len(ids)
    return ids[:last], learn[:last]


def _runs(mask: list[bool]) -> list[tuple[int, int]]:
    edges = [place for place in range(len(mask) + 1)
             if (place < len(mask) and mask[place]) != (place > 0 and mask[place - 1])]
    return list(zip(edges[::2], edges[1::2], strict=True))


def _spans(tokenizer: Any, dialect: Dialect, chat: tuple[Message, ...], ids: list[int]) -> list[tuple[int, int]]:
    """Where each answer begins and ends, found by comparing with the same conversation up to it or with another answer.

    The comparison with a prompt is what generation will see; it fails where a template writes earlier turns
    differently from the last one, as templates with thinking blocks do.
    """
    spans = []
    for place, message in enumerate(chat):
        if message.role != "assistant":
            continue
        start = _start(tokenizer, dialect, chat[:place], ids)
        is_last = place == len(chat) - 1
        if start is None or not is_last:
            found, end = answer_span(tokenizer, dialect, chat, place, ids)
            spans.append((found if start is None else start, end))
        else:
            spans.append((start, len(ids)))
    return spans


def _start(tokenizer: Any, dialect: Dialect, before: tuple[Message, ...], ids: list[int]) -> int | None:
    """Where generation would begin after `before`; None when the whole conversation does not begin with that prompt."""
    if not before or not dialect.opens_answers:
        return None
    try:
        prompt = tokens(tokenizer, dialect, before, opened=True)
    except Refused:
        return None
    return len(prompt) if ids[: len(prompt)] == prompt else None


def _closed(
    tokenizer: Any, dialect: Dialect, ids: list[int], spans: list[tuple[int, int]]
) -> tuple[list[int], list[tuple[int, int]]]:
    """The spans with their end-of-turn token and nothing after it; a template that ends answers with none gets the
    tokenizer's end of text after the last answer, or the model would never learn to stop."""
    if not spans:
        return ids, spans
    ends = [_end_of_turn(tokenizer, dialect, ids, start, end) for start, end in spans]
    closed = [(start, end) for (start, _), end in zip(spans, ends, strict=True)]
    start, end = closed[-1]
    if ids[end - 1] not in dialect.special_ids and tokenizer.eos_token_id is not None:
        ids = [*ids[:end], tokenizer.eos_token_id]
        closed[-1] = (start, end + 1)
    return ids, closed


def _end_of_turn(tokenizer: Any, dialect: Dialect, ids: list[int], start: int, end: int) -> int:
    place = end
    while place > start and ids[place - 1] not in dialect.special_ids and _is_blank(tokenizer, ids[place - 1]):
        place -= 1
    if place > start and ids[place - 1] in dialect.special_ids:
        return place  # the template put a line break behind the end token
    place = end
    while place < len(ids) and ids[place] not in dialect.special_ids and _is_blank(tokenizer, ids[place]):
        place += 1
    if place < len(ids) and ids[place] in dialect.special_ids and _ends_answers(dialect, ids, place):
        return place + 1
    return end


def _ends_answers(dialect: Dialect, ids: list[int], place: int) -> bool:
    """True when the token at `place` is also the one that ends the last answer, and so no opening of the next turn."""
    closing = next((one for one in reversed(ids) if one in dialect.special_ids), None)
    return ids[place] == closing


def _is_blank(tokenizer: Any, number: int) -> bool:
    return not tokenizer.decode([number]).strip()
