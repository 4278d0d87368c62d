"""Opens the sealed test of a bench for the model as it stands."""

from __future__ import annotations

from tuner.data.check import contradictory_rows
from tuner.evaluate.answers import is_right
from tuner.evaluate.chat_check import chat_scores
from tuner.evaluate.scores import questions, sealed_test, write_answers
from tuner.events import TestResult
from tuner.train.bench import Bench

TRAINED = 40
"""Training questions that a tuned model is asked again, to tell what it knows from what it learnt by heart."""


def score_sealed_test(bench: Bench, subject: str, trial: int | None) -> TestResult:
    """Promises the scores of whatever adapter the base carries now, general chat among them when it was mixed in."""
    chat = chat_scores(bench.base, sample=120) if bench.splits.chat else {}
    known = {} if subject == "base" else _trained(bench)
    return sealed_test(bench.base, bench.test, subject, trial, more={**chat, **known, **_contradictory(bench)})


def _contradictory(bench: Bench) -> dict[str, int]:
    """rows and rows_contradictory: how many examples there are, and how many ask what another one answers otherwise."""
    examples = (*bench.splits.train, *bench.splits.valid, *bench.splits.test)
    return {"rows": len(examples), "rows_contradictory": len(contradictory_rows(examples))}


def _trained(bench: Bench) -> dict[str, int]:
    """train_asked and train_right: questions spread evenly over the training examples, asked again word for word."""
    examples = bench.splits.train
    asked = questions(bench.base, examples[:: max(1, -(-len(examples) // TRAINED))])
    answers = write_answers(bench.base, asked)
    right = sum(map(is_right, answers, (question.expected for question in asked)))
    return {"train_asked": len(asked), "train_right": right}
