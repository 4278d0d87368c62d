"""A trial of the embedded model on the sample data, as the demo runs it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tuner.data.examples import Example, Message, write
from tuner.data.split import sizes_for
from tuner.embedded import model_path, sample_path
from tuner.embedded.defaults import DEFAULTS, GENERAL_CHAT_EXAMPLES

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not (model_path() / "model.safetensors").is_file(), reason="no embedded model yet")]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tuner.train.bench import Bench, load_splits
    from tuner.train.model import load_base

    folder = tmp_path_factory.mktemp("embedded")
    with sample_path("en").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    made = [Example(row=row + 2, messages=(Message(role="user", content=question),
                                           Message(role="assistant", content=answer)))
            for row, (question, answer) in enumerate(rows)]
    write(folder / "examples.jsonl", made)
    splits = load_splits(folder / "examples.jsonl", sizes_for(len(made)), 0, GENERAL_CHAT_EXAMPLES)
    return Bench(base=load_base(str(model_path())), splits=splits, metric="accuracy", checkpoints=folder / "out")


def test_the_defaults_teach_the_sample_questions(own: Any, tmp_path: Path) -> None:
    from tuner.train.model import saved_adapter
    from tuner.train.scoring import score_sealed_test
    from tuner.train.trial import run_trial

    base = score_sealed_test(own, "base", None)
    ended = run_trial(own, 0, DEFAULTS, lambda _at: None, lambda: "")
    assert (ended.outcome, ended.cause) == ("complete", "")
    with saved_adapter(own.base, own.checkpoints / str(ended.checkpoint)):
        tuned = score_sealed_test(own, "default", 0)
    assert base.metrics["accuracy"] <= 0.04
    assert tuned.metrics["loss"] < 0.3 * base.metrics["loss"]
    assert tuned.metrics["accuracy"] > base.metrics["accuracy"]
    assert tuned.metrics["token_accuracy"] > 0.8
    assert ended.metrics.keys() >= {"accuracy", "general_chat_accuracy"}


def test_the_lowest_rate_of_the_range_learns_next_to_nothing(own: Any) -> None:
    from tuner.train.trial import run_trial

    told: list[Any] = []
    ended = run_trial(own, 1, {**DEFAULTS, "learning_rate": 1e-6, "epochs": 1}, told.append, lambda: "")
    assert ended.outcome == "complete"
    assert ended.metrics["accuracy"] <= 0.04


def test_a_rate_far_above_the_range_diverges_and_says_so(own: Any) -> None:
    from tuner.train.trial import run_trial

    told: list[Any] = []
    ended = run_trial(own, 2, {**DEFAULTS, "learning_rate": 1e-2}, told.append, lambda: "")
    assert (ended.outcome, ended.cause) == ("failed", "diverged")
    assert told[-1].step < told[-1].steps, "it is noticed under way"
