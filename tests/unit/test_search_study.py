"""A search written for Optuna is what Optuna would have written itself, and written again it is not doubled."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from taken_home import job

from tuner.events import TestResult, TrialRecord
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Choices, Range
from tuner.problems import ProblemError
from tuner.search.study import NUMBER, study_name, write_study
from tuner.store.records import Job

optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE = {"learning_rate": Range(low=1e-5, high=1e-3, log=True), "lora_rank": Range(low=8, high=32),
         "epochs": Range(low=2, high=6, step=2), "batch_size": Choices(values=(8, 16)),
         "lr_schedule": Choices(values=("constant", "linear"))}
DEFAULTS = {name: knob.default for name, knob in KNOBS.items()}


def record(number: int, state: Any = "complete", value: float | None = 0.5, **settings: Any) -> TrialRecord:
    chosen = {"learning_rate": 1e-4, "lora_rank": 16, "epochs": 4, "batch_size": 8, "lr_schedule": "linear", **settings}
    return TrialRecord(
        number=number, settings=DEFAULTS | chosen, state=state, value=value, cause="" if state == "complete" else "nan",
        curve=((1, 2.5, None), (2, 1.5, 1.75), (3, 1.0, float("nan")), (4, 1.0, 1.25)), seconds=3.5,
        metrics={"loss": value, "accuracy": 0.5, "bleu": float("nan"), "nested": {"x": 1}},
    )


TRIALS = (
    record(0, learning_rate=5e-3, lora_rank=64, epochs=3, batch_size=4, lr_schedule="cosine"), record(1, value=0.25),
    record(2, "pruned", None), record(3, "failed", None), record(4, value=math.inf), record(5, "running", None),
    record(6, "stopped", 0.75),
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


def told() -> Job:
    return job("onsa-tiny", space=SPACE)


def loaded(url: str) -> optuna.Study:
    return optuna.load_study(study_name=study_name(told()), storage=url)


def test_optuna_finds_trials_values_curves_and_states(url: str) -> None:
    scored = TestResult(subject="best", trial=1, rows=(0, 1), right=(True, False), losses=(1.0, 2.0), answers=())
    made = write_study(url, told(), TRIALS, (), (scored,))
    assert made == {"study": study_name(told()), "trials": 6, "added": 6}
    study = loaded(url)
    assert study.direction == optuna.study.StudyDirection.MINIMIZE
    assert study.best_trial.user_attrs[NUMBER] == 1
    assert study.best_value == 0.25
    states = {trial.user_attrs[NUMBER]: trial.state for trial in study.trials}
    assert states == {0: TrialState.COMPLETE, 1: TrialState.COMPLETE, 2: TrialState.PRUNED, 3: TrialState.FAIL,
                      4: TrialState.FAIL, 6: TrialState.PRUNED}
    assert study.trials[1].intermediate_values == {2: 1.75, 4: 1.25}
    assert study.trials[1].params == {"learning_rate": 1e-4, "lora_rank": 16, "epochs": 4, "batch_size": 8,
                                      "lr_schedule": "linear"}
    assert study.trials[1].user_attrs["onsa:accuracy"] == 0.5
    assert "onsa:bleu" not in study.trials[1].user_attrs
    assert study.user_attrs["onsa:test"] == {"best": {"right": 1, "count": 2}}


def test_the_distributions_are_what_was_searched_wide_enough_for_the_defaults(url: str) -> None:
    write_study(url, told(), TRIALS, (), ())
    default, other = loaded(url).trials[:2]
    searched: Any = other.distributions["learning_rate"]
    assert (searched.low, searched.high, searched.log) == (1e-5, 1e-3, True)
    widened: Any = default.distributions["learning_rate"]
    assert (widened.low, widened.high, widened.log) == (1e-5, 5e-3, True)
    assert default.params["lr_schedule"] == "cosine"
    assert default.params["epochs"] == 3


def test_writing_again_adds_only_what_is_new(url: str) -> None:
    write_study(url, told(), TRIALS[:3], (), ())
    assert write_study(url, told(), TRIALS, (), ())["added"] == 3
    assert write_study(url, told(), TRIALS, (), ())["added"] == 0
    assert sorted(trial.user_attrs[NUMBER] for trial in loaded(url).trials) == [0, 1, 2, 3, 4, 6]


def test_a_job_that_was_extended_goes_on_in_its_study_and_another_job_gets_its_own(url: str) -> None:
    longer = dataclasses.replace(told(), plan=dataclasses.replace(told().plan, trials=40))
    assert study_name(longer) == study_name(told())
    other = dataclasses.replace(told(), created_at=2000.0)
    assert study_name(other) != study_name(told())
    write_study(url, told(), TRIALS, (), ())
    write_study(url, other, TRIALS, (), ())
    assert len(optuna.get_all_study_names(url)) == 2


def test_more_is_better_is_told(url: str) -> None:
    right = dataclasses.replace(told(), plan=dataclasses.replace(told().plan, metric="accuracy"))
    write_study(url, right, TRIALS, (), ())
    study = loaded(url)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_trial.user_attrs[NUMBER] == 0


@pytest.mark.parametrize(("said", "key"), [
    ("nonsense", "optuna.bad_url"), ("mysql://ana:secret@127.0.0.1/x", "optuna.bad_url"),
    ("sqlite:////nowhere/at/all.db", "optuna.no_storage"),
])
def test_a_storage_that_cannot_be_used_is_named_without_its_password(said: str, key: str) -> None:
    with pytest.raises(ProblemError) as caught:
        write_study(said, told(), TRIALS, (), ())
    (problem,) = caught.value.problems
    assert problem.key == key
    assert "secret" not in str(problem.facts)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database at all, but long enough to be looked at" * 40)
    with pytest.raises(ProblemError) as caught:
        write_study(f"sqlite:///{tmp_path / 'x.db'}", told(), TRIALS, (), ())
    assert caught.value.problems[0].key == "optuna.no_storage"
