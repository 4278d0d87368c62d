"""Recorded studies whose truth is known, one generator a truth. For the tests of what a report may and must say."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from tuner.analysis.study import Study, searched_on_log
from tuner.events import TestResult, TrialRecord
from tuner.plan.space import Choices, Range, Spec

SPACE: Mapping[str, Spec] = {
    "learning_rate": Range(low=1e-5, high=1e-2, log=True),
    "lora_rank": Range(low=4, high=64, log=True),
    "lora_dropout": Range(low=0.0, high=0.2, log=False),
    "batch_size": Choices(values=(4, 8, 16, 32)),
    "lr_schedule": Choices(values=("constant", "linear", "cosine")),
}
DEFAULTS: Mapping[str, Any] = {
    "learning_rate": 3e-4, "lora_rank": 16, "lora_dropout": 0.05, "batch_size": 8, "lr_schedule": "cosine", "epochs": 4,
    "max_length": 512,
}

Cost = Callable[[Mapping[str, Any], random.Random], float]


def draw(space: Mapping[str, Spec], rng: random.Random) -> dict[str, Any]:
    """One setting of every knob, uniform on the knob's own scale."""
    settings: dict[str, Any] = dict(DEFAULTS)
    for name, spec in space.items():
        if isinstance(spec, Choices):
            settings[name] = rng.choice(spec.values)
            continue
        assert isinstance(spec, Range)
        assert spec.low is not None
        assert spec.high is not None
        low, high = (math.log(spec.low), math.log(spec.high)) if spec.log else (spec.low, spec.high)
        value = math.exp(rng.uniform(low, high)) if spec.log else rng.uniform(low, high)
        settings[name] = round(value) if isinstance(spec.low, int) else value
    return settings


def falling_curve(final: float, start: float = 4.0, points: int = 10, steps: int = 100) -> tuple[Any, ...]:
    """A curve that has come to rest at `final`."""
    out = []
    for index in range(points + 1):
        value = final + (start - final) * math.exp(-9 * index / points)
        out.append((index * steps // points, value * 0.95, value))
    return tuple(out)


def complete(number: int, settings: Mapping[str, Any], value: float) -> TrialRecord:
    return TrialRecord(number=number, settings=settings, state="complete", value=value, curve=falling_curve(value),
                       seconds=20.0)


def study(trials: tuple[TrialRecord, ...], space: Mapping[str, Spec] = SPACE, tests: tuple[TestResult, ...] = (),
          **other: Any) -> Study:
    return Study(**({"number": 12, "model": "onsa-tiny", "metric": "loss", "maximise": False, "planned": len(trials),
                     "state": "finished", "space": space, "defaults": DEFAULTS, "trials": trials, "tests": tests,
                     "log_by_name": {name: searched_on_log(name, spec) for name, spec in space.items()}} | other))


def planted(cost: Cost, seed: int, n: int = 40, space: Mapping[str, Spec] = SPACE) -> Study:
    """Trial 0 with the defaults, the others drawn at random, each with `cost` as its validation loss."""
    rng = random.Random(seed)
    settings = [dict(DEFAULTS), *(draw(space, rng) for _ in range(n - 1))]
    return study(tuple(complete(number, each, cost(each, rng)) for number, each in enumerate(settings[:n])), space)


def noise(_: Mapping[str, Any], rng: random.Random) -> float:
    return 1.0 + rng.gauss(0, 0.1)


def one_knob(settings: Mapping[str, Any], rng: random.Random) -> float:
    """A sweet spot of the learning rate at 1e-3.5, nothing else."""
    return 0.5 + 0.25 * (math.log10(settings["learning_rate"]) + 3.5) ** 2 + rng.gauss(0, 0.05)


def at_the_edge(settings: Mapping[str, Any], rng: random.Random) -> float:
    """The higher the learning rate the better, beyond the range too."""
    return 1.0 - 0.3 * (math.log10(settings["learning_rate"]) + 5) + rng.gauss(0, 0.05)


def saturating(settings: Mapping[str, Any], rng: random.Random) -> float:
    """Low learning rates are worse; from 1e-4 on it makes no difference."""
    return 0.5 + 0.4 * max(0.0, -4 - math.log10(settings["learning_rate"])) + rng.gauss(0, 0.03)


def one_schedule(settings: Mapping[str, Any], rng: random.Random) -> float:
    return (1.0 if settings["lr_schedule"] == "constant" else 0.6) + rng.gauss(0, 0.08)


def together(settings: Mapping[str, Any], rng: random.Random) -> float:
    """Learning rate and rank work only with each other."""
    rate, rank = math.log10(settings["learning_rate"]) + 3.5, math.log2(settings["lora_rank"]) - 4
    return 1.0 - 0.2 * rate * rank + rng.gauss(0, 0.08)


def diverging(seed: int, n: int = 15, above: float = 3e-3, low: float = 1e-4) -> Study:
    """Every run above a learning rate breaks down, the others are equally good but for noise."""
    rng = random.Random(seed)
    space: dict[str, Spec] = {"learning_rate": Range(low=low, high=1e-2, log=True), "lora_rank": SPACE["lora_rank"]}
    trials = []
    for number in range(n):
        settings = draw(space, rng) if number else dict(DEFAULTS)
        if settings["learning_rate"] > above:
            trials.append(TrialRecord(number=number, settings=settings, state="failed", cause="diverged", seconds=5.0,
                                      curve=((0, 4.0, 4.0), (10, 6.0, 7.0))))
        else:
            trials.append(complete(number, settings, 0.8 + rng.gauss(0, 0.05)))
    return study(tuple(trials), space)


def out_of_memory(seed: int, n: int = 30, most: int = 8192) -> Study:
    rng = random.Random(seed)
    space: dict[str, Spec] = {
        "batch_size": Choices(values=(2, 4, 8, 16, 32, 64)), "max_length": Choices(values=(128, 256, 512, 1024)),
        "learning_rate": SPACE["learning_rate"],
    }
    trials = []
    for number in range(n):
        settings = draw(space, rng) if number else dict(DEFAULTS)
        if settings["batch_size"] * settings["max_length"] > most:
            trials.append(TrialRecord(number=number, settings=settings, state="failed", cause="out_of_memory",
                                      seconds=2.0))
        else:
            trials.append(complete(number, settings, 1.0 + rng.gauss(0, 0.1)))
    return study(tuple(trials), space)


def overfitting(seed: int, n: int = 10) -> Study:
    """Validation turns after three epochs; the more epochs the worse."""
    rng = random.Random(seed)
    space: dict[str, Spec] = {"epochs": Range(low=1, high=12, log=False), "lora_dropout": SPACE["lora_dropout"]}
    trials = []
    for number in range(n):
        settings = draw(space, rng) if number else dict(DEFAULTS) | {"epochs": 8}
        curve, value = [], 0.0
        for half in range(2 * settings["epochs"] + 1):
            epoch = half / 2
            value = 0.8 + 2.5 * math.exp(-1.5 * epoch) + max(0.0, epoch - 3) * 0.08 + rng.gauss(0, 0.01)
            curve.append((round(epoch * 50), 3.0 * math.exp(-0.8 * epoch) + 0.05, value))
        trials.append(TrialRecord(number=number, settings=settings, state="complete", value=value, curve=tuple(curve),
                                  seconds=30.0))
    return study(tuple(trials), space)


def lucky(seed: int, n: int = 30) -> Study:
    """Nothing matters, and one run's seed was very kind to it."""
    calm = planted(noise, seed, n)
    chosen = random.Random(seed).randrange(1, n)
    return study(tuple(complete(trial.number, trial.settings, 0.2) if trial.number == chosen else trial
                       for trial in calm.trials))


def scored(subject: str, right: list[bool], trial: int | None = None, **metrics: Any) -> TestResult:
    return TestResult(subject=subject, trial=trial, rows=tuple(range(2, len(right) + 2)), right=tuple(right),
                      losses=tuple(0.3 if one else 1.5 for one in right), answers=tuple("yes" for _ in right),
                      metrics=metrics)


def sealed(best: int, default: int, base: int, count: int = 50, best_trial: int = 3) -> tuple[TestResult, ...]:
    """Nested: whatever the weaker answers right, the stronger does too."""
    def first(n: int) -> list[bool]:
        return [index < n for index in range(count)]
    return (scored("base", first(base), general_chat_accuracy=0.9), scored("default", first(default), 0),
            scored("best", first(best), best_trial, general_chat_accuracy=0.8))
