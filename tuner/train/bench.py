"""What all trials of a job share: the loaded model, the split data, and encodings kept from trial to trial."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from tuner.data.examples import Example, Message, Role, read
from tuner.data.render import Encoded, encode, learnable
from tuner.data.split import split
from tuner.embedded.general_chat import general_chat
from tuner.evaluate.base import Base
from tuner.evaluate.losses import Losses, losses
from tuner.evaluate.scores import Question, questions
from tuner.train.lessons import Lessons

GENERATING_METRICS = frozenset({"accuracy", "rouge", "bleu"})
"""Plan metrics that need written answers."""
CHAT_ROUNDS = 5
"""Different rounds of general chat: as many as the embedded model's default has epochs."""
SAMPLE = 1000
"""Training examples on which the untouched model is measured at most."""
_SMALL = 100_000_000
"""Weights up to which writing answers costs little on any machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    train: tuple[Example, ...]
    valid: tuple[Example, ...]
    test: tuple[Example, ...]
    chat: tuple[tuple[Example, ...], ...]
    """Rounds of general chat, one of which is mixed into each epoch."""


def load_splits(path: Path, sizes: tuple[int, int, int], seed: int, chat: int) -> Splits:
    """Promises the same rows for the same arguments, and `chat` examples of general chat in each round.

    Raises OSError or ValueError when the file cannot be read, and ProblemError when it cannot be split.
    """
    parts = split(read(path), seed, sizes)
    mixed = [_example(conversation) for conversation in (general_chat(chat * CHAT_ROUNDS, seed) if chat else ())]
    rounds = tuple(tuple(mixed[start : start + chat]) for start in range(0, len(mixed), chat or 1))
    return Splits(train=parts.train, valid=parts.validation, test=parts.test, chat=rounds)


def _example(conversation: Sequence[Mapping[str, str]]) -> Example:
    messages = (Message(role=cast(Role, one["role"]), content=one["content"]) for one in conversation)
    return Example(row=0, messages=tuple(messages))


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where trials are run one after the other."""

    base: Base
    splits: Splits
    metric: str
    checkpoints: Path
    manifest: dict[str, Any] = field(default_factory=dict)
    """Facts that each checkpoint's manifest repeats."""
    _encoded: dict[int, Lessons] = field(default_factory=dict)
    _untouched: dict[tuple[int, float], Losses] = field(default_factory=dict)

    def training(self, max_length: int) -> Lessons:
        """The training split and the general chat, cut at `max_length` tokens."""
        if max_length not in self._encoded:
            longest = min(max_length, self.base.longest)
            self._encoded[max_length] = Lessons(
                own=self._encode(self.splits.train, longest),
                chat=tuple(self._encode(chat, longest) for chat in self.splits.chat),
            )
        return self._encoded[max_length]

    @cached_property
    def valid(self) -> tuple[Question, ...]:
        return questions(self.base, self.splits.valid)

    @cached_property
    def test(self) -> tuple[Question, ...]:
        return questions(self.base, self.splits.test)

    @cached_property
    def asked(self) -> tuple[Question, ...]:
        """Validation questions that a finished trial answers in writing."""
        weights = sum(parameter.numel() for parameter in self.base.model.parameters())
        if self.metric in GENERATING_METRICS:
            return self.valid[:200]
        cheap = weights <= _SMALL or self.base.device.type == "cuda"
        return self.valid[:60] if cheap else ()

    def untouched(self, max_length: int, label_smoothing: float, stop: Callable[[], bool]) -> Losses:
        """Losses of the base on `training(max_length).every`; of a large set, of a sample whose mean stands for
        the rest.

        To be asked while the base carries no adapter. Raises Stopped.
        """
        key = (max_length, label_smoothing)
        if key not in self._untouched:
            rows = self.training(max_length).every
            drawn = sorted(random.Random("untouched").sample(range(len(rows)), min(len(rows), SAMPLE)))
            found = losses(self.base.model, [rows[place] for place in drawn], self.base.device, self.base.layout, stop,
                           label_smoothing)
            sums, tokens = [found.loss] * len(rows), [1] * len(rows)
            for place, total, count in zip(drawn, found.sums, found.tokens, strict=True):
                sums[place], tokens[place] = total, count
            self._untouched[key] = Losses(sums=tuple(sums), tokens=tuple(tokens), hits=(0,) * len(rows))
        return self._untouched[key]

    def _encode(self, examples: Sequence[Example], longest: int) -> tuple[Encoded, ...]:
        """What this model cannot learn from at this length is left out; the report card listed it by row."""
        usable = learnable(self.base.tokenizer, examples, longest)
        return tuple(encode(self.base.tokenizer, list(example.messages), longest) for example in usable)
