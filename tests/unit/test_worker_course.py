"""A trial's course: a curve of bounded length, progress in measured doses, a record without numbers that are none."""

from __future__ import annotations

import json
import math

from tuner.runners.base import StepDone, TrialEnded, Validated
from tuner.worker.course import LONGEST_CURVE, Course

SETTINGS = {"learning_rate": 1e-3}


def step(at: int, loss: float = 1.0, steps: int = 100) -> StepDone:
    return StepDone(number=1, step=at, steps=steps, train_loss=loss)


def valid(at: int, loss: float = 2.0, steps: int = 100) -> Validated:
    return Validated(number=1, step=at, steps=steps, valid_loss=loss)


def ended(**changes: object) -> TrialEnded:
    return TrialEnded(**{"number": 1, "outcome": "complete", "cause": "", "metrics": {"loss": 2.0}, "tokens": 900,
                         **changes})  # type: ignore[arg-type]


def test_a_validation_joins_the_point_of_its_step() -> None:
    course = Course(1, SETTINGS)
    for event in (step(5), valid(5), step(6)):
        course.saw(event, 0.0)
    assert course.curve() == ((5, 1.0, 2.0), (6, 1.0, None))


def test_a_long_trial_keeps_every_validation_and_a_bounded_curve() -> None:
    course = Course(1, SETTINGS)
    for at in range(1, 20_001):
        course.saw(step(at, steps=20_000), at)
        if at % 1000 == 0:
            course.saw(valid(at, steps=20_000), at)
    curve = course.curve()
    assert len(curve) <= LONGEST_CURVE + 20
    assert [at for at, _, loss in curve if loss is not None] == list(range(1000, 20_001, 1000))
    assert [at for at, _, _ in curve] == sorted(at for at, _, _ in curve)


def test_progress_comes_twice_a_second_and_a_validation_waits_for_its_turn() -> None:
    course = Course(1, SETTINGS)
    told = [course.saw(event, now) for event, now in
            ((step(1), 0.0), (step(2), 0.1), (valid(2), 0.2), (step(3), 0.6), (step(100), 0.7))]
    assert [progress and (progress.step, progress.valid_loss) for progress in told] == [
        (1, None), None, None, (3, 2.0), (100, None)]


def test_a_record_is_valid_json_whatever_the_losses_were() -> None:
    course = Course(1, SETTINGS)
    course.saw(step(1, math.inf), 0.0)
    course.saw(valid(1, math.nan), 0.0)
    record = course.record(ended(metrics={"loss": math.nan, "accuracy": 0.5, "perplexity": math.inf}), "loss")
    json.dumps([record.curve, dict(record.metrics), record.value], allow_nan=False)
    assert (record.state, record.cause, record.value) == ("failed", "nan", None)
    assert record.checkpoint is None


def test_a_pruned_trial_has_no_value_and_a_stopped_one_keeps_its_own() -> None:
    course = Course(1, SETTINGS)
    pruned = course.record(ended(outcome="pruned", cause="pruned"), "loss")
    stopped = course.record(ended(outcome="stopped", cause="stopped", checkpoint="trial-1"), "loss")
    assert (pruned.value, pruned.cause) == (None, "pruned")
    assert (stopped.value, stopped.cause, stopped.checkpoint) == (2.0, "stopped", "trial-1")


def test_speed_leaves_out_what_came_before_the_first_step() -> None:
    """Steps 1 to 100 took 9.9 seconds: of 1,000 tokens 990 were trained on in that time."""
    course = Course(1, SETTINGS)
    course.saw(step(1), 50.0)
    course.saw(step(100), 59.9)
    speed = course.seconds_per_token(1000)
    assert speed is not None
    assert math.isclose(speed, 0.01)
    assert Course(1, SETTINGS).seconds_per_token(1000) is None


def test_a_lost_trial_keeps_what_was_heard_of_it() -> None:
    course = Course(1, SETTINGS)
    course.saw(step(1), 10.0)
    course.saw(step(2), 12.0)
    record = course.lost("out_of_memory", "[ab] killed")
    assert (record.state, record.cause, record.error, record.seconds) == ("failed", "out_of_memory", "[ab] killed", 2.0)
    assert record.metrics["steps"] == 100
