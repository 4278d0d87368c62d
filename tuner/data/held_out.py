"""Questions that were kept out of training, for people to judge answers by. Blocks: call it in a thread."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tuner.data.examples import Example, Message, read
from tuner.data.inspection import EXAMPLES
from tuner.data.split import split
from tuner.problems import ProblemError

Asked = tuple[Mapping[str, str], ...]
"""Messages up to a question, oldest first."""


def validation_questions(folder: Path, sizes: tuple[int, int, int], seed: int) -> tuple[Asked, ...]:
    """Promises what the validation split of a data set asks: a plan's `split` and `seed`, so nothing was trained on it.
    The sealed test stays sealed. Empty where the data set's file is gone or cannot be split.
    """
    try:
        parts = split(read(folder / EXAMPLES), seed, sizes)
    except (OSError, ValueError, KeyError, ProblemError):
        return ()
    return tuple(_asked(example) for example in parts.validation)


def _asked(example: Example) -> Asked:
    """The conversation up to its last question."""
    last = max(place for place, message in enumerate(example.messages) if message.role == "user")
    return tuple({"role": message.role, "content": message.content} for message in example.messages[: last + 1])


def with_corrections(folder: Path, corrected: list[tuple[Asked, str]]) -> tuple[list[list[dict[str, str]]], int]:
    """Promises the conversations of a data set with `corrected` (messages, the right answer) behind them, and how many
    old ones gave way: those that ask the very same. Raises OSError or ValueError where the data set cannot be read.
    """
    asked = {_folded(messages) for messages, _ in corrected}
    kept, replaced = [], 0
    for example in read(folder / EXAMPLES):
        if _folded(_asked(example)) in asked:
            replaced += 1
        else:
            kept.append([_plain(message) for message in example.messages])
    fresh = {_folded(messages): [*map(dict, messages), {"role": "assistant", "content": right}]
             for messages, right in corrected}
    return [*kept, *fresh.values()], replaced


def _plain(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _folded(messages: Asked) -> tuple[tuple[str, str], ...]:
    return tuple((message["role"], " ".join(message["content"].split()).casefold()) for message in messages)
