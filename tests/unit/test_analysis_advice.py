"""What is suggested next follows from what was found, lies where runs came through, and can be planned."""

from __future__ import annotations

from collections.abc import Iterator

import planted_variants
import pytest
from planted_reports import reports
from planted_studies import DEFAULTS, complete, falling_curve, study
from test_analysis_variants import RIGHT

from bot.explain import explain
from bot.language.parser import parse
from bot.phrases import LANGUAGES
from tuner.analysis import findings_of, report_of
from tuner.analysis.recording import read_recording
from tuner.analysis.study import Study, broke_down
from tuner.events import Finding, Report, TrialRecord
from tuner.plan.build import build
from tuner.plan.models import embedded
from tuner.plan.request import DataFacts, Request, Speed
from tuner.plan.space import Range

RATES = {"learning_rate": Range(low=1e-6, high=10.0, log=True)}


def first_advice(each: Study) -> Finding:
    return next(finding for finding in findings_of(each) if finding.kind == "next")


def broken(number: int, rate: float) -> TrialRecord:
    return TrialRecord(number=number, settings=DEFAULTS | {"learning_rate": rate}, state="failed", cause="diverged",
                       curve=((0, 4.0, 4.0), (10, 6.0, 9.0)), seconds=5.0)


def good(number: int, rate: float) -> TrialRecord:
    return complete(number, DEFAULTS | {"learning_rate": rate}, 0.8)


def little(number: int, rate: float, value: float = 3.9) -> TrialRecord:
    curve = tuple((step, None, 4.0 - (4.0 - value) * step / 100) for step in range(0, 101, 10))
    return TrialRecord(number=number, settings=DEFAULTS | {"learning_rate": rate}, state="complete", value=value,
                       curve=curve, seconds=9.0)


def test_where_all_rates_broke_the_usual_ones_are_suggested() -> None:
    advice = first_advice(study(tuple(broken(n, 0.5 + n) for n in range(5)), RATES)).facts
    assert (advice["action"], advice["low"], advice["high"]) == ("lower_rate", 1e-5, 1e-3)


def test_where_even_usual_rates_broke_lower_ones_are_suggested() -> None:
    advice = first_advice(study(tuple(broken(n, 1e-4 * (n + 1)) for n in range(5)), RATES)).facts
    assert advice["action"] == "lower_rate"
    assert advice["high"] <= 1e-4 / 3 < 1e-4


def test_where_most_rates_broke_the_range_lies_about_the_sound_one_and_well_below_the_broken() -> None:
    advice = first_advice(study((good(0, 2e-4), *(broken(n, 0.1 * n) for n in range(1, 6))), RATES)).facts
    assert (advice["action"], advice["because"]) == ("lower_rate", "failures")
    assert advice["low"] < 2e-4 < advice["high"] <= 0.1 / 3


def test_where_most_rates_were_too_low_higher_ones_are_suggested_and_no_more_tries_of_the_same() -> None:
    each = study((good(0, 2e-4), *(little(n, 1e-8 * 2**n) for n in range(1, 6))), RATES)
    actions = [finding.facts["action"] for finding in findings_of(each) if finding.kind == "next"]
    assert actions[0] == "higher_rate"
    assert "more_trials" not in actions
    advice = first_advice(each).facts
    assert 1e-8 * 2**5 < advice["low"] < 2e-4 < advice["high"]


def test_where_nothing_was_learnt_it_is_said_and_higher_rates_are_suggested() -> None:
    each = study(tuple(little(n, 1e-8 * 2**n, 3.95) for n in range(6)), RATES)
    (found,) = (finding.facts for finding in findings_of(each) if finding.kind == "nothing_learnt")
    assert found["fall"] == pytest.approx(0.0125, abs=0.003)
    advice = first_advice(each).facts
    assert (advice["action"], advice["low"], advice["high"]) == ("higher_rate", 1e-5, 1e-3)


def test_of_runs_that_learnt_well_nobody_says_that_they_learnt_nothing() -> None:
    each = study(tuple(good(n, 1e-4) for n in range(6)), RATES)
    assert not [finding for finding in findings_of(each) if finding.kind == "nothing_learnt"]


def test_after_running_out_of_memory_every_suggested_size_needs_less_than_what_failed() -> None:
    report = reports()["memory"]
    (advice,) = (one.facts for one in report.findings if one.kind == "next" and one.facts["action"] == "smaller_batch")
    longest = advice["keep"]["max_length"]
    failed = [trial.settings for trial in report.trials if trial.cause == "out_of_memory"]
    assert advice["high"] * longest < min(one["batch_size"] * one["max_length"] for one in failed)
    best = next(trial for trial in report.trials if trial.number == advice["keep_trial"])
    assert advice["low"] <= best.settings["batch_size"] <= advice["high"], "what was best is searched again"


def test_where_one_example_at_a_time_is_too_much_shorter_ones_are_suggested() -> None:
    trials = tuple(TrialRecord(number=n, settings=DEFAULTS | {"batch_size": 1, "max_length": 1024}, state="failed",
                               cause="out_of_memory") for n in range(4))
    advice = first_advice(study(trials, RATES)).facts
    assert (advice["action"], advice["high"]) == ("shorter", 512)


def test_the_cost_of_more_epochs_grows_with_them() -> None:
    curve = tuple((step, loss, loss) for step, _, loss in falling_curve(1.0)[:3])
    trial = TrialRecord(number=0, settings=DEFAULTS | {"epochs": 4}, state="complete", value=curve[-1][2],
                        curve=tuple((step, 4.0 - step / 40, 4.0 - step / 40) for step in range(0, 101, 10)), seconds=20)
    advice = next(finding.facts for finding in findings_of(study((trial,), RATES))
                  if finding.kind == "next" and finding.facts["action"] == "more_epochs")
    assert advice["cost_s"] == 20 * advice["trials"] * (4 + 8) / 2 / 4


def planted_jobs() -> Iterator[tuple[str, Report]]:
    yield from reports().items()
    for make in RIGHT:
        for seed in range(3):
            yield f"{make} {seed}", report_of(read_recording(getattr(planted_variants, make)(seed).lines))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_suggested_search_can_be_planned_as_it_was_meant(language: str) -> None:
    """Knobs that are not in the catalogue belong to other programs, whose searches nobody starts here."""
    data = DataFacts(id="d", examples=60, split=(42, 9, 9), tokens=2_000, longest=50)
    planned = 0
    for name, report in planted_jobs():
        following = [finding.facts for finding in report.findings if finding.kind == "next"]
        for facts, suggestion in zip(following, explain(report, language).next, strict=True):  # type: ignore[arg-type]
            if "low" not in facts or facts["name"] in ("hidden_mix", "optimizer", "use_bias"):
                continue
            command = parse(suggestion.command_text)
            assert command.intent == "tune", (name, suggestion.command_text)
            draft = build(Request(space=command.space or {}, trials=command.trials), embedded(), data, Speed())
            assert draft.plan is not None, (name, suggestion.command_text)
            spec = draft.plan.space[facts["name"]]
            assert isinstance(spec, Range)
            assert (spec.low, spec.high) == pytest.approx((facts["low"], facts["high"])), (name, suggestion)
            planned += 1
    assert planned >= 30


@pytest.mark.parametrize("name", list(reports()))
def test_no_suggested_range_holds_a_value_at_or_beyond_the_lowest_rate_that_broke(name: str) -> None:
    report = reports()[name]
    rates = [trial.settings["learning_rate"] for trial in report.trials if broke_down(trial)]
    for finding in report.findings:
        if finding.kind == "next" and finding.facts.get("name") == "learning_rate" and rates:
            assert finding.facts["high"] < min(rates), finding
