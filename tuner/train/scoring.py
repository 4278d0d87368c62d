"""Opens the sealed test of a bench for the model as it stands."""

from __future__ import annotations

from tuner.evaluate.chat_check import chat_scores
from tuner.evaluate.scores import sealed_test
from tuner.events import TestResult
from tuner.train.bench import Bench


def score_sealed_test(bench: Bench, subject: str, trial: int | None) -> TestResult:
    """Promises the scores of whatever adapter the base carries now, general chat among them when it was mixed in."""
    chat = chat_scores(bench.base, sample=120) if bench.splits.chat else {}
    return sealed_test(bench.base, bench.test, subject, trial, more=chat)
