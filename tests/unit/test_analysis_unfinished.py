"""Who is told that it had learned too little, where curves are short and begin when most is learnt already."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from planted_studies import DEFAULTS, SPACE, complete, scored, study

from tuner.analysis import findings_of
from tuner.analysis.recording import read_recording
from tuner.analysis.study import Study
from tuner.events import TestResult, TrialRecord

SEEDS = range(20)
LITTLE = ("learnt_too_little", "learning_rate_too_low")
START = 6.6
DEMO = ((0.72, 0.14, 0.058, 0.041, 0.0408), (0.642, 0.153, 0.062, 0.044, 0.0445),
        (3.876, 1.983, 0.987, 0.703, 0.672), (0.427, 0.312, 0.114, 0.049, 0.0414), (1.649, 0.244, 0.084, 0.064, 0.0621))
"""Five tries of five passes each, as they were really trained: validated at the end of each pass."""

Lines = list[dict[str, Any]]


def untouched(loss: float) -> TestResult:
    made = scored("base", [False] * 30)
    return TestResult(subject="base", trial=None, rows=made.rows, right=made.right, losses=(loss,) * 30,
                      answers=made.answers)


def stored(lines: Lines, start: float) -> Study:
    """A job's study as the worker leaves it: the untouched model was tested."""
    trials = tuple(TrialRecord(number=line["number"], settings=DEFAULTS | line["params"], state="complete",
                               value=line["value"], curve=tuple(map(tuple, line["curve"]))) for line in lines)
    return study(trials, {"learning_rate": SPACE["learning_rate"]}, tests=(untouched(start),))


def recorded(lines: Lines, _: float) -> Study:
    """Only validation losses: nobody says what the untouched model loses."""
    return read_recording([json.dumps(line) for line in lines])


def with_training(lines: Lines, start: float) -> Study:
    """The first training loss is the untouched model's."""
    return recorded([line | {"curve": [[1, start, None], *line["curve"]]} for line in lines], start)


BRANCHES: Sequence[Callable[[Lines, float], Study]] = (stored, recorded, with_training)


def still_falling(each: Study) -> set[int]:
    return {finding.facts["trial"] for finding in findings_of(each)
            if finding.kind == "learnt_too_little" and finding.facts["still_falling"]}


def line(number: int, rate: float, values: Sequence[float], steps: Sequence[int]) -> dict[str, Any]:
    return {"number": number, "params": {"learning_rate": rate, "epochs": 3}, "state": "complete", "value": values[-1],
            "curve": [[step, None, value] for step, value in zip(steps, values, strict=True)]}


def short_curves(seed: int, *, unfinished: bool, close: bool) -> tuple[Lines, float, float]:
    """Eight runs that come to rest near one floor, validated from the first pass on; the last may be far from it. One
    had learned nearly all by its first validation, and fell from there to its end, `close` to the others' or twice it.

    Returned with the untouched model's loss and what the unfinished one has still before it, as a share of its fall.
    """
    rng = random.Random(seed + 7100)
    start, floor = rng.uniform(4, 12), rng.uniform(0.02, 0.06)
    parts = rng.choice([(0.2, 0.33, 0.4, 0.67, 1.0), (0.25, 0.5, 0.75, 1.0), (0.2, 0.4, 0.6, 0.8, 1.0)])
    steps = [round(300 * part) for part in parts]
    lines: Lines = []
    left = 0.0
    for number in range(8):
        slow = unfinished and number == 7
        pace = rng.uniform(1.0, 2.2) if slow else rng.uniform(5.5, 9)
        ground = floor * rng.uniform(0.95, 1.1)
        eased = 0.0 if slow else rng.choice([0.0, 1.0])  # of a rate that falls to nothing, or of a constant one
        values = [(ground + (start - ground) * math.exp(-pace * (part + eased * math.sin(math.pi * part) / math.pi)))
                  * rng.uniform(0.99, 1.01) for part in parts]
        if number == 3:
            began, late = 0.06 * start, rng.uniform(1.6, 2.2)
            falls = [math.exp(-late * (part - parts[0]) / (1 - parts[0])) for part in parts]
            end = 1.03 * min(one["value"] for one in lines) if close else ground + began * falls[-1]
            values = [end + began * (each - falls[-1]) for each in falls]
        lines.append(line(number, 10 ** rng.uniform(-4, -3), values, steps))
        left = (values[-1] - ground) / (start - values[-1])
    return lines, start, left


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_try_as_good_as_the_best_is_not_called_unfinished(branch: Callable[[Lines, float], Study]) -> None:
    lines = [line(number, 10 ** (-4 + number / 10), values, (101, 202, 303, 404, 505))
             for number, values in enumerate(DEMO)]
    assert still_falling(branch(lines, START)) == set()
    alone = [one for one in lines if one["number"] in (1, 3)]
    assert still_falling(branch(alone, START)) == set(), "the best one neither: it lost nearly all"


@pytest.mark.parametrize("branch", BRANCHES)
def test_of_runs_that_came_to_rest_none_is_called_unfinished(branch: Callable[[Lines, float], Study]) -> None:
    """Twice the loss of another is much, unless the untouched model's is known to be a hundred times as large."""
    for close in (True, False)[:1 if branch is recorded else 2]:
        drawn = {seed: short_curves(seed, unfinished=False, close=close)[:2] for seed in SEEDS}
        assert {seed: found for seed, made in drawn.items() if (found := still_falling(branch(*made)))} == {}


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_one_run_that_fell_steeply_to_its_end_alone_is_named(branch: Callable[[Lines, float], Study]) -> None:
    right, wrong = 0, 0
    for seed in SEEDS:
        lines, start, left = short_curves(seed, unfinished=True, close=branch is recorded)
        assert left > 0.1, "it has much before it"
        found = [finding for finding in findings_of(branch(lines, start)) if finding.kind in LITTLE]
        right += any(finding.facts["trial"] == 7 for finding in found)
        wrong += any(finding.facts["trial"] != 7 for finding in found)
    assert right >= 0.95 * len(SEEDS)
    assert wrong <= 0.02 * len(SEEDS)


@pytest.mark.parametrize("branch", BRANCHES)
def test_where_all_passes_were_too_few_all_are_named(branch: Callable[[Lines, float], Study]) -> None:
    """No other run shows how far it goes; what is left of the untouched model's loss does."""
    steps = (25, 50, 75, 100)
    lines = [line(number, 3e-4 + number * 1e-5, [5.0 - (0.03 + number / 2000) * step for step in steps], steps)
             for number in range(4)]
    assert still_falling(branch(lines, 5.0)) == {0, 1, 2, 3}


def test_the_best_run_far_ahead_of_the_others_is_told_to_learn_longer() -> None:
    """It lost nearly all that the untouched model loses, so it had not learned too little; it still got better."""
    steps = (12, 23, 28, 56)
    lines = [line(0, 8.5e-4, (3.922, 1.611, 1.056, 0.288), steps), line(1, 3.6e-4, (4.58, 2.837, 2.284, 1.174), steps)]
    each = stored(lines, 10.9)
    assert still_falling(each) == {1}
    assert "more_epochs" in [finding.facts["action"] for finding in findings_of(each) if finding.kind == "next"]


def test_a_try_behind_by_no_more_than_its_seed_is_not_called_unfinished() -> None:
    """The same settings with other seeds ended as far apart."""
    steps = (25, 50, 75, 100)
    falling = line(9, 3e-4, (3.0, 2.0, 1.1, 0.6), steps)
    calm, noisy = ([line(number, 1e-3, (0.5, 0.4, 0.352, value), steps) for number, value in enumerate(ends)]
                   for ends in ((0.35, 0.39, 0.37), (0.35, 0.75, 0.6)))
    for runs, expected in ((calm, {9}), (noisy, set())):
        seeded = [run | {"params": run["params"] | {"seed": run["number"]}} for run in runs]
        assert still_falling(recorded([*seeded, falling | {"params": falling["params"] | {"seed": 0}}], 0)) == expected


def test_a_try_that_nobody_judged_is_told_by_its_curve() -> None:
    """Where people vote, a try that ran to its end may have no value yet."""
    steps = (25, 50, 75, 100)
    falling = line(1, 3e-4, (3.0, 2.0, 1.1, 0.6), steps) | {"value": None}
    assert still_falling(stored([line(0, 1e-3, (0.5, 0.4, 0.352, 0.35), steps), falling], 5.0)) == {1}


def test_a_short_curve_that_began_low_learnt_no_less_than_the_others() -> None:
    """By its own first value it fell by a half, the best by nearly all: both began where the untouched model stood."""
    slow = complete(1, DEFAULTS, 0.05)
    fast = line(0, 1e-3, (0.1, 0.08, 0.06, 0.055), (25, 50, 75, 100))
    other = {"number": 1, "params": {"learning_rate": 1e-4, "epochs": 3}, "state": "complete", "value": 0.05,
             "curve": list(map(list, slow.curve))}
    assert [finding for finding in findings_of(recorded([fast, other], 0)) if finding.kind in LITTLE] == []
