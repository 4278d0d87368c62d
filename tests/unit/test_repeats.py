"""Which settings are trained again with other seeds, under which numbers, and which of them win. Pure."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worker_jobs import plan

from tuner.events import TrialRecord
from tuner.repeats import FIRST_REPEAT, best_trial, confirmed_best, contenders, planned_repeats
from tuner.worker.confirm import Confirmation, reserved_s


def trial(number: int, value: float | None, rate: float | None = None, seed: int = 0, **changes: object) -> TrialRecord:
    record = TrialRecord(number=number, settings={"learning_rate": rate or 1e-4 * (number + 1), "seed": seed},
                         state="complete", value=value, seconds=10.0)
    return dataclasses.replace(record, **changes)  # type: ignore[arg-type]


def again(of: int, place: int, value: float | None, **changes: object) -> TrialRecord:
    return trial(FIRST_REPEAT * place + of, value, repeat_of=of, **changes)  # type: ignore[arg-type]


TRIALS = (trial(0, 1.0), trial(1, 0.5), trial(2, 0.7), trial(3, 0.6), trial(4, 0.9))
BROKEN = {"state": "failed", "cause": "nan"}


def test_the_best_and_the_defaults_are_chosen() -> None:
    assert [chosen.number for chosen in contenders(plan(confirm=3), TRIALS)] == [1, 3, 2, 0]


def test_defaults_that_are_among_the_best_are_not_chosen_twice() -> None:
    trials = (trial(0, 0.1), *TRIALS[1:])
    assert [chosen.number for chosen in contenders(plan(confirm=3), trials)] == [0, 1, 3]


def test_defaults_that_are_the_best_are_held_against_the_second_best() -> None:
    trials = (trial(0, 0.1), *TRIALS[1:])
    assert [chosen.number for chosen in contenders(plan(confirm=1), trials)] == [0, 1]


def test_of_the_same_settings_only_the_best_run_is_chosen() -> None:
    trials = (*TRIALS, trial(5, 0.4, rate=2e-4, seed=9))
    assert [chosen.number for chosen in contenders(plan(confirm=2), trials)] == [5, 3, 0]


@pytest.mark.parametrize("useless", [
    {"state": "failed", "value": None}, {"state": "pruned", "value": None}, {"state": "stopped"}, {"value": math.nan},
])
def test_trials_without_a_whole_run_are_not_chosen(useless: dict[str, object]) -> None:
    trials = (dataclasses.replace(TRIALS[0], **useless), *TRIALS[1:])  # type: ignore[arg-type]
    assert [chosen.number for chosen in contenders(plan(confirm=3), trials)] == [1, 3, 2]


def test_more_is_better_where_the_metric_says_so() -> None:
    assert [chosen.number for chosen in contenders(plan(confirm=2, metric="accuracy"), TRIALS)] == [0, 4]


def test_each_gets_a_second_seed_before_any_gets_a_third() -> None:
    repeats = planned_repeats(plan(confirm=1), TRIALS)
    assert [(repeat.trial, repeat.settings["seed"]) for repeat in repeats] == [(1, 1), (0, 1), (1, 2), (0, 2)]
    assert [repeat.number for repeat in repeats] == [1_000_001, 1_000_000, 2_000_001, 2_000_000]


def test_seeds_that_the_search_ran_itself_are_not_run_again() -> None:
    trials = (*TRIALS, trial(5, 0.55, rate=2e-4, seed=1))
    repeats = planned_repeats(plan(confirm=1), trials)
    assert [repeat.settings["seed"] for repeat in repeats if repeat.trial == 1] == [2]


@pytest.mark.parametrize("changes", [{"confirm": 0}, {"confirm": 1, "trials": 1}])
def test_nothing_is_run_again_where_it_is_off_or_nothing_is_to_be_compared(changes: dict[str, int]) -> None:
    assert planned_repeats(plan(**changes), TRIALS[:1] if "trials" in changes else TRIALS) == ()


def test_the_best_mean_wins() -> None:
    repeats = [again(1, 1, 0.9), again(1, 2, 0.9), again(3, 1, 0.6), again(3, 2, 0.6), again(0, 1, 1.0),
               again(0, 2, 1.0)]
    assert confirmed_best(plan(confirm=2), TRIALS, repeats) == 3


def test_settings_that_broke_down_come_last() -> None:
    repeats = [again(1, 1, None, **BROKEN), again(1, 2, 0.1), again(0, 1, 2.0)]
    assert confirmed_best(plan(confirm=1), TRIALS, repeats) == 0


def test_a_crashed_repeat_says_nothing_about_its_settings() -> None:
    repeats = [again(1, 1, None, state="failed", cause="crashed"), again(1, 2, 0.5), again(0, 1, 1.0)]
    assert confirmed_best(plan(confirm=1), TRIALS, repeats) == 1


def test_before_everybody_was_checked_the_best_value_counts() -> None:
    repeats = [again(1, 1, 9.0), again(3, 1, 0.1)]
    assert confirmed_best(plan(confirm=3), TRIALS, repeats) is None
    found = best_trial(plan(confirm=3), TRIALS, repeats)
    assert found is not None
    assert found.number == 1


@given(st.lists(st.one_of(st.none(), st.floats(0, 9)), min_size=1, max_size=12), st.integers(0, 4))
def test_the_plan_of_repeats_is_the_same_at_every_call_and_no_longer_than_the_plan_says(
    values: list[float | None], count: int
) -> None:
    trials = [trial(number, value, state="failed" if value is None else "complete")
              for number, value in enumerate(values)]
    made = plan(confirm=count)
    repeats = planned_repeats(made, trials)
    assert repeats == planned_repeats(made, list(reversed(trials)))
    assert len(repeats) <= made.repeats
    assert len({repeat.number for repeat in repeats}) == len(repeats)
    assert all(repeat.number >= FIRST_REPEAT and repeat.number % FIRST_REPEAT == repeat.trial for repeat in repeats)


def test_a_confirmation_taken_up_again_asks_for_what_is_missing() -> None:
    made = Confirmation(plan(confirm=1), TRIALS, [again(1, 1, 0.5), again(0, 2, 1.0)])
    asked = [made.ask(), made.ask(), made.ask()]
    assert [repeat.number for repeat in asked if repeat is not None] == [1_000_000, 2_000_001]
    assert asked[-1] is None


@pytest.mark.parametrize(("budget", "seconds"), [(None, 0.0), (1000, 40.0), (60, 15.0)])
def test_a_search_with_a_time_limit_leaves_room_for_its_repeats(budget: int | None, seconds: float) -> None:
    assert reserved_s(plan(confirm=1, time_budget_s=budget), TRIALS) == seconds
    assert reserved_s(plan(confirm=0, time_budget_s=budget), TRIALS) == 0.0
