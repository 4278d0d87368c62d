"""All scores of one model on one split: losses, written answers, general chat. Knows no trial and no file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tuner.data.examples import Example
from tuner.data.render import Encoded, encode, learnable, prompt_ids
from tuner.evaluate.answers import corpus_bleu, corpus_chrf, is_right, rouge_l
from tuner.evaluate.base import Base
from tuner.evaluate.generate import generate
from tuner.evaluate.losses import Losses, losses, never
from tuner.events import TestResult

LONGEST = 4096
"""Tokens of an example that evaluation looks at, whatever a trial's max_length: one footing for all trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One example as evaluation needs it: its last answer is what has to be written.

    A prompt that leaves less than half of the model's room for the answer loses its beginning.
    """

    row: int
    encoded: Encoded
    prompt: tuple[int, ...]
    text: str
    """What the person said last before that answer."""
    expected: str
    expected_tokens: int


def questions(base: Base, examples: Sequence[Example]) -> tuple[Question, ...]:
    """Promises the examples that the model's template takes and of which an answer is left, in order."""
    longest = min(LONGEST, base.longest)
    return tuple(_question(base, example, longest) for example in learnable(base.tokenizer, examples, longest))


def _question(base: Base, example: Example, longest: int) -> Question:
    messages = list(example.messages)
    last = max(place for place, message in enumerate(messages) if message.role == "assistant")
    expected = messages[last].content
    return Question(
        row=example.row, encoded=encode(base.tokenizer, messages, longest),
        prompt=tuple(prompt_ids(base.tokenizer, messages[:last])[-longest // 2 :]),
        text=next((message.content for message in reversed(messages[:last]) if message.role == "user"), ""),
        expected=expected,
        expected_tokens=len(base.tokenizer(expected, add_special_tokens=False)["input_ids"]),
    )


def loss_scores(found: Losses) -> dict[str, float]:
    """loss, perplexity, token_accuracy; empty when there was no answer token."""
    if not math.isfinite(found.loss):
        return {}
    return {"loss": found.loss, "perplexity": found.perplexity, "token_accuracy": found.token_accuracy}


def answer_scores(answers: Sequence[str], asked: Sequence[Question]) -> dict[str, float]:
    """accuracy, chrf, rouge, bleu, each 0 to 1; empty without questions."""
    if not asked:
        return {}
    expected = [question.expected for question in asked]
    return {
        "accuracy": sum(map(is_right, answers, expected)) / len(asked),
        "chrf": corpus_chrf(answers, expected),
        "rouge": sum(map(rouge_l, answers, expected)) / len(asked),
        "bleu": corpus_bleu(answers, expected),
    }


def write_answers(base: Base, asked: Sequence[Question], stop: Callable[[], bool] = never) -> list[str]:
    """Promises a greedy answer to each question, of at most 1.5 times the longest expected one plus 16 tokens."""
    if not asked:
        return []
    bound = int(1.5 * max(question.expected_tokens for question in asked)) + 16
    room = max(8, base.longest - max(len(question.prompt) for question in asked))
    return generate(base.model, base.tokenizer, [question.prompt for question in asked], base.device,
                    min(bound, room), stop)


def sealed_test(base: Base, asked: Sequence[Question], subject: str, trial: int | None,
                more: dict[str, Any] | None = None) -> TestResult:
    """Promises losses and answers of the model as it stands on the sealed test, in the order of `asked`."""
    found = losses(base.model, [question.encoded for question in asked], base.device, base.layout)
    answers = write_answers(base, asked)
    right = tuple(map(is_right, answers, (question.expected for question in asked)))
    return TestResult(
        subject=subject, trial=trial, rows=tuple(question.row for question in asked), right=right,
        losses=found.means(), answers=tuple(answers), questions=tuple(question.text for question in asked),
        references=tuple(question.expected for question in asked),
        metrics={**loss_scores(found), **answer_scores(answers, asked), **(more or {})},
    )
