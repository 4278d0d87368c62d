"""When a trial under way is given up, and when never."""

from __future__ import annotations

import random
from typing import Any

import optuna
import pytest
from test_search_proposals import DEFAULTS, plan

from tuner.events import TrialRecord
from tuner.plan.plan import Pruner
from tuner.search import Search
from tuner.search.pruning import BRACKETS, HALVING_NEEDS, MARGIN, MEDIAN_NEEDS, REDUCTION, is_hopeless, percent_of

PRUNERS: tuple[Pruner, ...] = ("median", "hyperband", "asha")
GOOD = dict.fromkeys((10, 20, 30, 40, 60, 80, 100), 1.0)


def searched(pruner: Pruner, **settings: Any) -> Search:
    """Six good finished trials, and the seventh under way."""
    search = Search(plan(pruner=pruner, trials=20))
    for number in range(6):
        curve = tuple((step, 1.0, 1.0) for step in range(1, 11))
        search.tell(TrialRecord(number=number, settings=DEFAULTS, state="complete", value=1.0, curve=curve))
    search.tell(TrialRecord(number=6, settings={**DEFAULTS, **settings}, state="running"))
    return search


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_trial_that_lags_behind_is_given_up(pruner: Pruner) -> None:
    search = searched(pruner)
    assert any(search.report(6, step, 10, 9.0) for step in range(1, 10))


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_trial_that_leads_goes_on(pruner: Pruner) -> None:
    search = searched(pruner)
    assert not any(search.report(6, step, 10, 0.5) for step in range(1, 11))


def test_without_a_pruner_nothing_is_given_up() -> None:
    search = searched("none")
    assert not any(search.report(6, step, 10, 9.0) for step in range(1, 11))


@pytest.mark.parametrize("pruner", PRUNERS)
def test_nothing_is_judged_in_its_first_fifth(pruner: Pruner) -> None:
    search = searched(pruner)
    assert not search.report(6, 19, 100, 99.0)


@pytest.mark.parametrize("pruner", PRUNERS)
def test_nothing_is_judged_while_its_learning_rate_warms_up(pruner: Pruner) -> None:
    search = searched(pruner, warmup_ratio=0.5)
    assert not any(search.report(6, step, 10, 9.0) for step in range(1, 6))


@pytest.mark.parametrize("pruner", PRUNERS)
def test_the_default_trial_is_never_given_up(pruner: Pruner) -> None:
    others = dict.fromkeys(range(1, 9), GOOD)
    for percent in range(1, 101):
        assert not is_hopeless(pruner, 0, {percent: 99.0}, others, others)


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_trial_at_its_last_step_is_not_given_up(pruner: Pruner) -> None:
    search = searched(pruner)
    assert not search.report(6, 10, 10, 99.0)


@pytest.mark.parametrize("pruner", PRUNERS)
def test_a_rebuilt_search_gives_the_same_verdict(pruner: Pruner) -> None:
    search = searched(pruner)
    stopped_at = next(step for step in range(1, 10) if search.report(6, step, 10, 9.0))
    curve = tuple((step, 9.0, 9.0) for step in range(1, stopped_at + 1))
    search.tell(TrialRecord(number=6, settings=DEFAULTS, state="pruned", curve=curve, metrics={"steps": 10}))
    again = Search(search.plan, records=[*search._records.values()])
    for step in range(1, 10):
        assert search.report(7, step, 10, 1.0 + 0.3 * step) == again.report(7, step, 10, 1.0 + 0.3 * step)


def test_trials_of_different_length_are_compared_by_their_own_share() -> None:
    """300 steps of small batches against 10 of large ones: at a third, 1.0 is no worse than 1.0."""
    search = searched("median")
    assert not search.report(6, 100, 300, 1.0)
    assert not search.report(6, 150, 300, 1.1)  # Its best so far still equals the median.
    assert searched("median").report(6, 100, 300, 1.1)


def test_the_median_needs_finished_trials() -> None:
    for count in range(MEDIAN_NEEDS):
        others = dict.fromkeys(range(1, count + 1), GOOD)
        assert not is_hopeless("median", 9, {50: 99.0}, others, others)


def test_the_median_rule_agrees_with_optunas() -> None:
    chance = random.Random(3)
    for _ in range(60):
        others = {n: {percent: chance.random() for percent in range(10, 101, 10)} for n in range(1, 8)}
        curve = {percent: chance.random() for percent in range(10, 80, 10)}
        assert is_hopeless("median", 8, curve, others, others) == _optunas_median(curve, others)


def _optunas_median(curve: dict[int, float], others: dict[int, dict[int, float]]) -> bool:
    pruner = optuna.pruners.MedianPruner(n_startup_trials=MEDIAN_NEEDS)
    study = optuna.create_study(pruner=pruner)
    for other in others.values():
        study.add_trial(optuna.create_trial(state=optuna.trial.TrialState.COMPLETE, value=1.0,
                                            intermediate_values=other))
    trial = study.ask()
    for percent, loss in curve.items():
        trial.report(loss, percent)
    return trial.should_prune()


def test_halving_agrees_with_optunas_where_a_rung_has_enough_trials() -> None:
    chance = random.Random(5)
    for _ in range(40):
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=BRACKETS[0][0], reduction_factor=REDUCTION)
        study = optuna.create_study(pruner=pruner)
        curves: dict[int, dict[int, float]] = {}
        for number in range(1, 13):
            trial, curves[number] = study.ask(), {}
            others = {other: curve for other, curve in curves.items() if other != number}
            for percent in range(5, 100, 5):
                curves[number][percent] = 1.3 ** chance.randrange(12)  # equal, or apart by more than the margin
                trial.report(curves[number][percent], percent)
                theirs = trial.should_prune()
                at_rung = sum(max(curve) >= percent for curve in others.values()) + 1
                if percent in BRACKETS[0] and at_rung >= HALVING_NEEDS:
                    assert is_hopeless("asha", number, curves[number], others, ()) == theirs
                if theirs:
                    break


def test_a_trial_close_behind_the_cut_goes_on() -> None:
    others = dict.fromkeys(range(1, 9), GOOD)
    for rung in BRACKETS[0]:
        assert not is_hopeless("asha", 9, {rung: 1 + 0.9 * MARGIN}, others, ())
        assert is_hopeless("asha", 9, {rung: 1 + 1.1 * MARGIN}, others, ())


def test_the_first_trials_of_a_rung_go_on() -> None:
    for count in range(HALVING_NEEDS - 1):
        assert not is_hopeless("asha", 9, {20: 99.0}, dict.fromkeys(range(1, count + 1), GOOD), ())


def test_one_bracket_of_hyperband_never_gives_up() -> None:
    others = dict.fromkeys(range(1, 12), GOOD)
    kept = [number for number in range(12, 15)
            if not any(is_hopeless("hyperband", number, {percent: 9.0}, others, others) for percent in range(1, 100))]
    assert len(kept) == 1


def test_percent_is_100_at_the_last_step_only() -> None:
    assert [percent_of(step, 7) for step in (0, 1, 6, 7)] == [0, 14, 85, 100]
    assert percent_of(999, 1000) == 99
