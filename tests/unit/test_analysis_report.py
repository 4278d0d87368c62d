"""The report as a whole: whatever state the job is in, the same rows give the same facts."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from typing import Any

import pytest
from planted_studies import (
    DEFAULTS,
    SPACE,
    complete,
    diverging,
    falling_curve,
    noise,
    one_knob,
    planted,
    scored,
    sealed,
    study,
)

from tuner.analysis import build_report, findings_of
from tuner.events import Finding, TrialRecord, report_from_json, report_to_json
from tuner.plan.plan import Plan
from tuner.store.records import Job, JobState


def job(state: JobState = "finished", metric: Any = "loss", trials: int = 8) -> Job:
    plan = Plan(model="onsa-tiny", dataset="d", space=dict(SPACE), defaults=dict(DEFAULTS), method="tpe", pruner="none",
                metric=metric, trials=trials, parallel=1, time_budget_s=None, general_chat=10, seed=0,
                split=(80, 10, 10), assumed=())
    return Job(id=1, number=7, team="t", person="p", channel="c", language="en", plan=plan, state=state, wish="",
               worker=None, lease_until=0.0, created_at=0.0, started_at=0.0, ended_at=None, ran_s=200.0, problem=None)


def only(findings: tuple[Finding, ...], kind: str) -> Finding:
    (found,) = [finding for finding in findings if finding.kind == kind]
    return found


def test_the_same_rows_give_the_same_report_byte_for_byte() -> None:
    trials = planted(one_knob, 1, 30).trials
    first, second = (json.dumps(report_to_json(build_report(job(), trials, sealed(40, 30, 2)))) for _ in range(2))
    assert first == second


def test_the_order_in_which_trials_are_read_changes_nothing() -> None:
    trials = list(planted(one_knob, 1, 30).trials)
    mixed = random.Random(0).sample(trials, len(trials))
    assert report_to_json(build_report(job(), trials, ())) == report_to_json(build_report(job(), mixed, ()))


def test_a_report_survives_json() -> None:
    report = build_report(job(), diverging(3).trials, sealed(40, 30, 2))
    assert report_from_json(json.loads(json.dumps(report_to_json(report)))) == report


def test_every_fact_is_a_plain_finite_json_value() -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)
        else:
            assert value is None or type(value) in (str, int, float, bool), repr(value)
            assert not isinstance(value, float) or math.isfinite(value)

    for each in (planted(one_knob, 1, 60), diverging(3), planted(noise, 0, 0)):
        for finding in findings_of(each):
            walk(dict(finding.facts))


@pytest.mark.parametrize("state", ["finished", "stopped", "running", "paused", "failed", "queued"])
@pytest.mark.parametrize("n", [0, 1, 4])
def test_every_state_of_a_job_gives_a_report(state: JobState, n: int) -> None:
    trials = (*planted(one_knob, 1, n).trials, TrialRecord(number=n, settings=DEFAULTS, state="running"))
    report = build_report(job(state), trials, ())
    winner = only(report.findings, "winner")
    assert winner.facts["complete"] == n
    assert winner.strength == "none"


def test_a_running_job_is_given_no_advice() -> None:
    report = build_report(job("running"), planted(one_knob, 1, 4).trials, ())
    assert not [finding for finding in report.findings if finding.kind == "next"]


def test_when_every_try_broke_down_the_advice_is_a_lower_learning_rate() -> None:
    broken = tuple(trial for trial in diverging(5, n=30).trials if trial.state == "failed")
    following = only(findings_of(study(broken)), "next").facts
    assert following["action"] == "lower_rate"
    assert following["high"] < min(trial.settings["learning_rate"] for trial in broken)


def test_the_metric_decides_which_way_is_better() -> None:
    trials = tuple(complete(number, DEFAULTS, value) for number, value in enumerate((0.2, 0.9, 0.5)))
    assert only(build_report(job(metric="loss"), trials, ()).findings, "winner").facts["best_trial"] == 0
    assert only(build_report(job(metric="accuracy"), trials, ()).findings, "winner").facts["best_trial"] == 1


def test_a_value_that_is_no_number_never_wins() -> None:
    trials = (complete(0, DEFAULTS, 0.5), complete(1, DEFAULTS, math.nan))
    assert only(build_report(job(), trials, ()).findings, "winner").facts["best_trial"] == 0


# The sealed test.

def winner_of(best: int, default: int, base: int, count: int = 50) -> Finding:
    trials = tuple(complete(number, DEFAULTS | {"lora_rank": 4 + number}, 1.0 - 0.1 * number) for number in range(4))
    return only(build_report(job(), trials, sealed(best, default, base, count, best_trial=3)).findings, "winner")


def test_a_clear_gain_on_the_sealed_test_is_strong() -> None:
    winner = winner_of(41, 25, 2)
    assert winner.strength == "strong"
    assert (winner.facts["best_right"], winner.facts["default_right"], winner.facts["base_right"]) == (41, 25, 2)
    assert (winner.facts["over_default"]["better"], winner.facts["over_default"]["worse"]) == (16, 0)


def test_an_equal_score_is_no_real_difference() -> None:
    winner = winner_of(30, 30, 2)
    assert winner.strength == "none"
    assert winner.facts["over_base"]["strength"] == "strong"


def test_a_gain_of_two_answers_is_not_called_strong() -> None:
    assert winner_of(32, 30, 2).strength == "none"


def test_few_test_questions_are_never_strong_and_the_report_says_how_many_would_do() -> None:
    trials = tuple(complete(number, DEFAULTS, 1.0 - 0.1 * number) for number in range(4))
    findings = build_report(job(), trials, sealed(9, 4, 0, count=10)).findings
    assert only(findings, "winner").strength != "strong"
    thin = [finding for finding in findings if finding.kind == "thin" and finding.facts["what"] == "test_examples"]
    assert [finding.facts["needed"] > 10 for finding in thin] == [True]


def test_twins_that_differ_by_luck_are_called_different_in_at_most_two_per_cent() -> None:
    strong = 0
    for seed in range(200):
        rng = random.Random(seed)
        tests = tuple(scored(subject, [rng.random() < 0.6 for _ in range(60)], 0) for subject in ("base", "best"))
        trials = tuple(complete(number, DEFAULTS, 1.0 - 0.1 * number) for number in range(2))
        strong += only(build_report(job(), trials, tests).findings, "winner").strength == "strong"
    assert strong <= 4


def test_without_a_single_right_answer_the_losses_decide() -> None:
    def losses(subject: str, loss: float) -> Any:
        rng = random.Random(subject)
        result = scored(subject, [False] * 40, 3)
        return dataclasses.replace(result, losses=tuple(loss + rng.gauss(0, 0.1) for _ in range(40)))

    trials = tuple(complete(number, DEFAULTS, 1.0 - 0.1 * number) for number in range(4))
    tests = (losses("base", 3.0), losses("default", 2.0), losses("best", 1.0))
    winner = only(build_report(job(), trials, tests).findings, "winner")
    assert (winner.facts["by"], winner.strength) == ("loss", "strong")


def test_when_the_defaults_win_there_is_nothing_to_compare_them_with() -> None:
    trials = tuple(complete(number, DEFAULTS, 0.5 + 0.1 * number) for number in range(3))
    winner = only(build_report(job(), trials, sealed(40, 40, 2, best_trial=0)).findings, "winner")
    assert winner.facts["best_is_default"]
    assert winner.facts["over_default"] is None
    assert winner.strength == "strong"


def test_a_try_that_became_the_best_after_the_test_is_not_said_to_have_taken_it() -> None:
    trials = tuple(complete(number, DEFAULTS, 1.0 - 0.1 * number) for number in range(5))
    winner = only(build_report(job(), trials, sealed(40, 20, 2, best_trial=3)).findings, "winner")
    assert (winner.facts["best_trial"], winner.facts["tested_trial"]) == (4, 3)


def test_lost_general_chat_is_found() -> None:
    trials = tuple(complete(number, DEFAULTS, 1.0 - 0.1 * number) for number in range(4))
    tests = (scored("base", [False] * 30, general_chat_accuracy=0.9),
             scored("best", [True] * 30, 3, general_chat_accuracy=0.4))
    forgetting = only(build_report(job(), trials, tests).findings, "forgetting")
    assert forgetting.facts["forgot"]
    assert (forgetting.facts["before"], forgetting.facts["after"]) == (0.9, 0.4)


# One try.

def trouble(trial: TrialRecord, *others: TrialRecord) -> list[Finding]:
    return [finding for finding in findings_of(study((trial, *others))) if finding.facts.get("trial") == trial.number
            and finding.kind not in ("next", "edge")]


def test_a_quiet_curve_is_no_trouble() -> None:
    assert trouble(complete(0, DEFAULTS, 0.6)) == []


def test_a_loss_that_still_falls_at_the_end_has_learnt_too_little() -> None:
    curve = tuple((step, None, 4.0 - 0.03 * step) for step in range(0, 101, 10))
    (found,) = trouble(TrialRecord(number=0, settings=DEFAULTS, state="complete", value=1.0, curve=curve))
    assert (found.kind, found.facts["still_falling"]) == ("learnt_too_little", True)


def test_a_rising_validation_loss_under_a_falling_training_loss_is_overfitting() -> None:
    curve = tuple((step, 3.0 - 0.02 * step, 1.0 + 0.0002 * (step - 40) ** 2) for step in range(0, 101, 10))
    settings = DEFAULTS | {"epochs": 5}
    (found,) = trouble(TrialRecord(number=0, settings=settings, state="complete", value=1.7, curve=curve))
    assert (found.kind, found.facts["from_step"], found.facts["from_epoch"]) == ("overfitted", 40, 2)


def test_a_rising_validation_loss_without_a_falling_training_loss_is_not_called_overfitting() -> None:
    curve = tuple((step, 1.0 + 0.01 * step, 1.0 + 0.0002 * (step - 40) ** 2) for step in range(0, 101, 10))
    assert trouble(TrialRecord(number=0, settings=DEFAULTS, state="complete", value=1.7, curve=curve)) == []


def test_divergence_is_not_blamed_on_a_learning_rate_that_was_not_tested() -> None:
    broken = TrialRecord(number=0, settings=DEFAULTS, state="failed", cause="nan")
    (found,) = trouble(broken)
    assert (found.kind, found.facts["suspect"]) == ("diverged", None)


def test_divergence_above_every_sound_run_is_blamed_on_the_learning_rate() -> None:
    each = diverging(3, n=20)
    found = {finding.facts["trial"]: finding.kind for finding in findings_of(each) if "not_a_number" in finding.facts}
    assert set(found.values()) == {"learning_rate_too_high"}


def test_a_low_learning_rate_is_blamed_only_where_higher_ones_learnt() -> None:
    def flat(number: int, rate: float) -> TrialRecord:
        curve = tuple((step, None, 4.0 - 0.001 * step) for step in range(0, 101, 10))
        return TrialRecord(number=number, settings=DEFAULTS | {"learning_rate": rate}, state="complete", value=3.9,
                           curve=curve)

    learnt = [dataclasses.replace(complete(number, DEFAULTS | {"learning_rate": 1e-3 * number}, 0.5),
                                  curve=falling_curve(0.5)) for number in (2, 3, 4)]
    low = [flat(number, 1e-6 * number) for number in (5, 6, 7)]
    assert {finding.kind for finding in trouble(*low, *learnt)} == {"learning_rate_too_low"}
    assert [finding.kind for finding in trouble(flat(1, 1e-1), *learnt)] == ["learnt_too_little"]
    assert [finding.kind for finding in trouble(flat(1, 1e-5), *learnt)] == ["learnt_too_little"], "one may be chance"


@pytest.mark.parametrize(("state", "cause", "kind"), [
    ("pruned", "pruned", "pruned"), ("stopped", "stopped", "stopped"), ("failed", "out_of_memory", "out_of_memory"),
    ("failed", "bad_data", "bad_data"), ("failed", "crashed", "crashed"), ("failed", "worker_lost", "worker_lost")])
def test_each_recorded_cause_has_its_own_finding(state: Any, cause: Any, kind: str) -> None:
    assert [finding.kind for finding in trouble(TrialRecord(number=3, settings=DEFAULTS, state=state, cause=cause),
                                                complete(0, DEFAULTS, 0.5))] == [kind]


def test_a_crash_is_known_by_the_reference_in_the_log() -> None:
    crashed = TrialRecord(number=3, settings=DEFAULTS, state="failed", cause="crashed", error="[0123abcd] KeyError")
    (found,) = trouble(crashed, complete(0, DEFAULTS, 0.5))
    assert found.facts["reference"] == "0123abcd"


def test_a_report_says_when_the_machine_held_fewer_runs_at_once() -> None:
    usual = [complete(number, DEFAULTS, 0.5) for number in range(3)]
    narrowed = [dataclasses.replace(run, metrics={**run.metrics, "at_once": at_once})
                for run, at_once in zip(usual, (8, 4, 4), strict=True)]
    assert "at_once" not in only(findings_of(study(tuple(usual))), "cost").facts
    assert only(findings_of(study(tuple(narrowed))), "cost").facts["at_once"] == 4


def test_cost_counts_time_and_what_pruning_saved() -> None:
    trials = (*(complete(number, DEFAULTS, 0.5) for number in range(3)),
              TrialRecord(number=3, settings=DEFAULTS, state="pruned", seconds=5.0))
    cost = only(findings_of(study(trials)), "cost").facts
    assert (cost["trial_seconds"], cost["pruned"], cost["saved_seconds"]) == (65.0, 1, 15.0)


def test_tries_that_were_stopped_early_count_for_what_mattered_and_never_for_flat() -> None:
    steep = [complete(number, DEFAULTS | {"learning_rate": 10.0 ** (-5 + number / 8)}, 1.0 + 0.01 * number)
             for number in range(7)]
    behind = [TrialRecord(number=7 + place, settings=DEFAULTS | {"learning_rate": 10.0 ** (-4 + place / 8)},
                          state="pruned", seconds=5.0) for place in range(9)]
    found = findings_of(study((*steep, *behind)))
    assert [finding.facts["name"] for finding in found if finding.kind == "what_mattered"] == ["learning_rate"]
    alike = [complete(number, DEFAULTS | {"learning_rate": 10.0 ** (-5 + number / 4)}, 1.0) for number in range(6)]
    thin = only(findings_of(study((*alike, *behind))), "thin")
    assert (thin.facts["have"], thin.facts["needed"], thin.facts["more"]) == (6, 12, 15), "six of fifteen finish"
