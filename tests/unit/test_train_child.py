"""The child process on the wire: one JSON object a line, stops heard, the parent's end noticed, errors named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_models import save_model
from training_bench import SETTINGS, examples

from tuner.checkpoints import verify
from tuner.data.examples import write
from tuner.runners.base import Broken, Ready, Scored, Setup, StepDone, TrialEnded, TrialSpec, Validated
from tuner.runners.wire import Close, Request, Score, Start, Stop, decode_event, encode_request


class Child:
    """A real child and what it said."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        rows = folder / "examples.jsonl"
        if not rows.exists():
            write(rows, examples(24))
        self.out = folder / "out"
        self.setup = Setup(**{"model": str(folder / "model"), "examples": str(rows), "split_seed": 0,
                              "split": (14, 5, 5), "general_chat": 0, "metric": "loss", "checkpoints": str(self.out),
                              "manifest": {"job": 1, "data": "d", "plan": "p"}, **changes})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tuner.runners.child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if changes else subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"})
        self.send(self.setup)

    def send(self, request: Request) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode_request(request))
        self.process.stdin.flush()

    def until(self, kind: type[Any]) -> tuple[Any, list[Any]]:
        """The next event of the kind, and those before it. Every line must be an event."""
        assert self.process.stdout is not None
        before: list[Any] = []
        for line in self.process.stdout:
            assert "NaN" not in line.decode()
            assert "Infinity" not in line.decode()
            event = decode_event(line)
            if isinstance(event, kind):
                return event, before
            before.append(event)
        raise AssertionError(f"the child ended without {kind.__name__}, after {before[-2:]}")

    def start(self, number: int, **changes: Any) -> None:
        self.send(Start(slot=0, trial=TrialSpec(number=number, settings={**SETTINGS, **changes})))

    def end(self) -> None:
        self.process.kill()
        self.process.wait(30)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("child")
    save_model(made / "model")
    return made


@pytest.fixture(scope="module")
def shared(folder: Path) -> Iterator[Child]:
    """One child for the tests that do not end it."""
    child = Child(folder)
    ready, _ = child.until(Ready)
    assert ready.device in ("cpu", "cuda", "mps")
    yield child
    child.end()


def test_a_trial_tells_its_steps_its_validations_and_its_end(shared: Child) -> None:
    shared.start(1)
    ended, before = shared.until(TrialEnded)
    assert (ended.number, ended.outcome, ended.checkpoint) == (1, "complete", "trial-1")
    assert verify(shared.out / "trial-1") == []
    assert {type(event) for event in before} == {StepDone, Validated}
    assert [event.valid_loss for event in before if isinstance(event, Validated)][-1] == ended.metrics["loss"]
    last = [event for event in before if isinstance(event, StepDone)][-1]
    assert last.step == last.steps


def test_a_failed_trial_leaves_the_child_ready_for_the_next(shared: Child) -> None:
    shared.start(2, learning_rate=1e6)
    assert shared.until(TrialEnded)[0].cause == "nan"
    shared.start(3)
    again = shared.until(TrialEnded)[0]
    shared.start(4)
    once_more = shared.until(TrialEnded)[0]
    measured = {"peak_memory_bytes"}  # of the machine, not of the trial
    assert {key: value for key, value in once_more.metrics.items() if key not in measured} == {
        key: value for key, value in again.metrics.items() if key not in measured}


def test_a_stop_is_heard_within_two_seconds_and_only_by_the_trial_it_names(shared: Child) -> None:
    shared.send(Stop(number=6, outcome="pruned"))
    shared.start(6, epochs=5000)
    shared.until(Validated)
    shared.send(Stop(number=5, outcome="pruned"))
    shared.until(Validated)
    asked = time.monotonic()
    shared.send(Stop(number=6, outcome="stopped"))
    ended, _ = shared.until(TrialEnded)
    assert time.monotonic() - asked < 5.0
    assert (ended.number, ended.outcome, ended.cause, ended.checkpoint) == (6, "stopped", "stopped", "trial-6")


def test_the_sealed_test_is_scored_on_the_same_rows_for_every_subject(shared: Child) -> None:
    shared.start(7)
    checkpoint = shared.until(TrialEnded)[0].checkpoint
    results = []
    for subject, trial, folder in (("base", None, None), ("best", 7, checkpoint), ("base", None, None)):
        shared.send(Score(subject=subject, trial=trial, checkpoint=folder))
        results.append(shared.until(Scored)[0].result)
    assert results[0].rows == results[1].rows
    assert results[1].metrics["loss"] < results[0].metrics["loss"]
    assert results[0] == results[2]
    assert (results[1].subject, results[1].trial) == ("best", 7)


@pytest.mark.slow
def test_the_child_ends_in_mid_step_when_its_parent_is_gone(folder: Path) -> None:
    child = Child(folder)
    child.until(Ready)
    child.start(8, epochs=100_000)
    child.until(Validated)
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(10) != 0
    child.end()


@pytest.mark.slow
def test_close_in_mid_trial_ends_the_child_without_another_word_about_it(folder: Path) -> None:
    child = Child(folder)
    child.until(Ready)
    child.start(9, epochs=100_000)
    child.until(Validated)
    child.send(Close())
    assert child.process.stdout is not None
    rest = [json.loads(line)["event"] for line in child.process.stdout]
    assert child.process.wait(10) == 0
    assert "TrialEnded" not in rest
    assert not (child.out / "trial-9").exists()
    child.end()


@pytest.mark.slow
def test_what_cannot_be_loaded_is_broken_with_a_key(folder: Path) -> None:
    for changes, key in (({"model": str(folder / "nothing")}, "runner.model_missing"),
                         ({"examples": str(folder / "nothing")}, "runner.data_missing")):
        child = Child(folder, **changes)
        broken, before = child.until(Broken)
        assert (broken.key, before) == (key, [])
        _, words = child.process.communicate(timeout=30)
        assert b"Traceback" in words


@pytest.mark.slow
def test_a_disk_that_takes_no_checkpoint_breaks_the_runner(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    child = Child(folder, checkpoints=str(tmp_path / "file" / "out"))
    child.until(Ready)
    child.start(1, epochs=1)
    broken, _ = child.until(Broken)
    assert broken.key == "runner.disk_unwritable"
    child.end()


def test_what_libraries_print_never_reaches_the_protocol(folder: Path) -> None:
    """The child hands file descriptor 1 to stderr before it imports anything heavy."""
    script = ("import os, tuner.runners.child as child; keep = child.guard_stdout(); print('noise'); "
              "os.system('echo louder'); os.write(keep, b'event'); ")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True)
    assert done.stdout == b"event"
    assert sorted(done.stderr.split()) == [b"louder", b"noise"]
