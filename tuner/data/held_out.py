"""Questions that were kept out of training, for people to judge answers by. Blocks: call it in a thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tuner.data.examples import Example, Message, read
from tuner.data.inspection import EXAMPLES
from tuner.data.split import split
from tuner.problems import ProblemError

Asked = tuple[Mapping[str, str], ...]
"""Messages up to a question, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What a job's plan keeps of its data set for judging, and what it does not."""

    validation: tuple[Asked, ...] = ()
    closed: frozenset[str] = frozenset()
    """Keys (`key`) of the questions that were trained on or are sealed."""


def held_out(folder: Path, sizes: tuple[int, int, int], seed: int) -> HeldOut:
    """Promises the questions of a data set, as a plan's `split` and `seed` deal them. Nothing was trained on those of
    the validation split; the sealed test stays sealed. Empty where the file is gone or cannot be split.
    """
    try:
        parts = split(read(folder / EXAMPLES), seed, sizes)
    except (OSError, ValueError, KeyError, ProblemError):
        return HeldOut()
    return HeldOut(
        validation=tuple(_asked(example) for example in parts.validation),
        closed=frozenset(key(_asked(example)) for example in (*parts.train, *parts.test)),
    )


def key(messages: Asked) -> str:
    """Equal for questions that people would call the same."""
    return json.dumps([[message["role"], " ".join(message["content"].split()).casefold()] for message in messages])


def _asked(example: Example) -> Asked:
    """The conversation up to its last question."""
    last = max(place for place, message in enumerate(example.messages) if message.role == "user")
    return tuple({"role": message.role, "content": message.content} for message in example.messages[: last + 1])


def with_corrections(folder: Path, corrected: list[tuple[Asked, str]]) -> tuple[list[list[dict[str, str]]], int]:
    """Promises the conversations of a data set with `corrected` (messages, the right answer) behind them, and how many
    old ones gave way: those that ask the very same. Raises OSError or ValueError where the data set cannot be read.
    """
    asked = {key(messages) for messages, _ in corrected}
    kept, replaced = [], 0
    for example in read(folder / EXAMPLES):
        if key(_asked(example)) in asked:
            replaced += 1
        else:
            kept.append([_plain(message) for message in example.messages])
    fresh = {key(messages): [*map(dict, messages), {"role": "assistant", "content": right}]
             for messages, right in corrected}
    return [*kept, *fresh.values()], replaced


def _plain(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}
