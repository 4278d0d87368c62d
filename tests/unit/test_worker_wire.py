"""The lines between worker and child say the same at both ends."""

from __future__ import annotations

import math

import pytest

from tuner.events import TestResult
from tuner.runners import wire
from tuner.runners.base import Broken, Ready, RunnerEvent, Scored, Setup, StepDone, TrialEnded, TrialSpec, Validated

SETUP = Setup(model="/models/音叉", examples="/x.jsonl", split_seed=1, split=(8, 2, 2), general_chat=3, metric="loss",
              checkpoints="/out", slots=2, manifest={"job": 4})

REQUESTS: list[wire.Request] = [
    SETUP,
    wire.Start(slot=1, trial=TrialSpec(number=3, settings={"learning_rate": 1e-4, "lr_schedule": "cosine"})),
    wire.Stop(number=3, outcome="pruned"),
    wire.Score(subject="base", trial=None, checkpoint=None),
    wire.Score(subject="best", trial=3, checkpoint="trial-3"),
    wire.Close(),
]

EVENTS: list[RunnerEvent] = [
    Ready(device="cpu", device_name="CPU"),
    StepDone(number=3, step=1, steps=9, train_loss=2.5),
    StepDone(number=3, step=1, steps=9, train_loss=math.inf),
    Validated(number=3, step=9, steps=9, valid_loss=1.25),
    TrialEnded(number=3, outcome="failed", cause="nan", error="loss is\nnot finite", metrics={"loss": 2.0},
               checkpoint="trial-3", seconds=1.5, tokens=900),
    Scored(result=TestResult(subject="best", trial=3, rows=(2, 5), right=(True, False), losses=(0.1, 2.0),
                             answers=("はい", "one\ntwo"), metrics={"accuracy": 0.5})),
    Broken(key="runner.model_missing", facts={"model": "x"}, error="OSError"),
]


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_request_survives_the_wire(request_: wire.Request) -> None:
    line = wire.encode_request(request_)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert wire.decode_request(line) == request_


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_survives_the_wire_on_one_line(event: RunnerEvent) -> None:
    line = wire.encode_event(event)
    assert line.count(b"\n") == 1
    assert wire.decode_event(line) == event


@pytest.mark.parametrize("line", ["[]", "{}", '{"start": {}, "stop": {}}', '{"dance": {}}', "no json"])
def test_a_line_that_is_no_request_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (json's own error is one too)
        wire.decode_request(line)


@pytest.mark.parametrize("line", ['{"event": "Dance"}', "3", "Downloading weights: 30%"])
def test_a_line_that_is_no_event_is_refused(line: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        wire.decode_event(line)
