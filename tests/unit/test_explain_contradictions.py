"""One report never says two things that cannot both be true."""

from __future__ import annotations

import planted_variants
import pytest
from planted_reports import reports

from bot.explain import explain, explain_trial
from bot.phrases import LANGUAGES, Language
from tuner.analysis import report_of
from tuner.analysis.recording import read_recording
from tuner.events import Report

MAKES = ("one_matters", "edge", "threshold", "overfits", "interaction", "lucky")


def every_report() -> list[tuple[str, Report]]:
    drawn = [(f"{make} {seed}", report_of(read_recording(getattr(planted_variants, make)(seed).lines)))
             for make in MAKES for seed in range(4)]
    return [*reports().items(), *drawn]


EVERY = dict(every_report())


@pytest.mark.parametrize("name", list(EVERY))
def test_a_direction_is_said_only_beside_a_best_value_at_that_end(name: str) -> None:
    report = EVERY[name]
    best = next(one.facts for one in report.findings if one.kind == "winner")["best_trial"]
    luck = {one.facts["trial"] for one in report.findings if one.kind == "lucky"}
    for finding in report.findings:
        shape, knob = finding.facts.get("shape"), finding.facts.get("name")
        if shape in ("higher_better", "lower_better") and best not in luck:
            tried = sorted(float(trial.settings[knob]) for trial in report.trials if trial.state == "complete")
            value = float(next(trial for trial in report.trials if trial.number == best).settings[knob])
            share = sum(one < value for one in tried) / len(tried)
            assert share > 0.5 if shape == "higher_better" else share < 0.5


@pytest.mark.parametrize("name", list(EVERY))
def test_no_two_findings_exclude_each_other(name: str) -> None:
    report = EVERY[name]
    kinds = {finding.kind for finding in report.findings}
    actions = {finding.facts["action"] for finding in report.findings if finding.kind == "next"}
    assert not ({"flat"} <= kinds and kinds & {"what_mattered", "interaction", "edge", "threshold"})
    assert not ({"stop_tuning", "stop_search"} & actions and actions & {"more_epochs", "fewer_epochs", "widen"})
    edges = {one.facts["name"] for one in report.findings if one.kind == "edge"}
    assert not edges & {one.facts["name"] for one in report.findings if one.kind == "threshold"}


@pytest.mark.parametrize(("language", "by_heart", "even"), [
    ("en", "learned its examples by heart", "Even the best one, try 0"),
    ("ja", "試行0は、例文の丸暗記", "一番良かった試行0も")])
def test_the_best_run_is_not_said_to_have_failed_by_learning_by_heart(
    language: Language, by_heart: str, even: str
) -> None:
    said = " ".join(explain(reports()["best overfitted"], language).what_went_wrong)
    assert even in said
    assert by_heart not in said


@pytest.mark.parametrize(("language", "word"), [("en", "low values did worse"), ("ja", "小さい値では悪くなりました")])
def test_where_only_low_values_were_worse_it_says_so(language: Language, word: str) -> None:
    assert word in " ".join(explain(reports()["saturating"], language).what_mattered)


def test_every_language_is_tested() -> None:
    assert set(LANGUAGES) == {"en", "ja"}


@pytest.mark.parametrize(("language", "unsure", "sure", "both"), [
    ("en", "that is not certain", "at least 99%", "Both gains are clear"),
    ("ja", "確実ではありません", "99%以上", "どちらとの差もはっきり")])
def test_a_gain_that_is_not_certain_is_given_no_certain_chance(
    language: Language, unsure: str, sure: str, both: str
) -> None:
    said = explain(reports()["probably"], language)
    assert unsure in said.headline
    assert " ".join(said.details).count(sure) == 1  # over the untouched model
    clear = explain(reports()["clear gain"], language)
    assert both in clear.headline
    assert " ".join(clear.details).count(sure) == 2


@pytest.mark.parametrize(("language", "both"), [("en", "Both gains"), ("ja", "どちらとの差も")])
def test_two_gains_are_named_only_after_both_were_told(language: Language, both: str) -> None:
    report = reports()["only losses"]
    winner = next(one.facts for one in report.findings if one.kind == "winner")
    said = explain(report, language).headline
    assert both in said
    assert all(f"{winner[f'{subject}_loss']:.3g}" in said for subject in ("base", "default", "best"))


@pytest.mark.parametrize(("language", "default"), [("en", "default"), ("ja", "標準の設定")])
def test_no_try_of_a_recording_is_said_to_have_had_the_default_settings(language: Language, default: str) -> None:
    first = " ".join(explain_trial(EVERY["one_matters 0"], 0, language))
    assert first
    assert default not in first
    assert default in " ".join(explain_trial(EVERY["strong"], 0, language))


@pytest.mark.parametrize(("language", "same"), [("en", "all used 64"), ("ja", "どれも64でした")])
def test_good_tries_with_one_and_the_same_value_are_said_to_share_it(language: Language, same: str) -> None:
    report = report_of(read_recording(planted_variants.one_matters_in_a_search(0).lines))
    said = " ".join(explain(report, language).what_mattered)
    assert same in said
    assert "64 to 64" not in said
    assert "64から64" not in said
