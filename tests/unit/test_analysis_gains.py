"""What each suggestion may bring: numbers of the trials, or the word that no trial tells."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import re
from collections.abc import Mapping
from typing import Any

import planted_variants
import pytest
from planted_reports import reports
from planted_studies import DEFAULTS, SPACE, at_the_edge, complete, out_of_memory, planted, study
from test_explain_sentences import NUMBER

from bot import wording
from bot.console.recording import written
from bot.explain import explain
from bot.language.commands import to_json
from bot.language.parser import parse
from bot.phrases import LANGUAGES, Language, source_texts
from tuner.analysis import findings_of, report_of
from tuner.analysis.recording import read_recording
from tuner.analysis.study import Study
from tuner.events import Report, TrialRecord
from tuner.plan.build import build
from tuner.plan.models import embedded
from tuner.plan.request import DataFacts, Request, Speed

OF_THE_RULE = {"3", "1"}
"""The last third (3分の1)."""


def advice(each: Study, action: str) -> Mapping[str, Any]:
    return next(one.facts for one in findings_of(each) if one.kind == "next" and one.facts["action"] == action)


def higher(settings: Mapping[str, Any], rng: random.Random) -> float:
    """0.3 better for each decade of the learning rate, and far from the best possible loss."""
    return 2.0 + at_the_edge(settings, rng)


def test_beyond_an_edge_the_gain_is_what_the_trend_gives_for_the_room_that_is_added() -> None:
    facts = advice(planted(higher, 1, 30), "widen")
    room = math.log10(facts["high"] / facts["edge"])
    assert facts["gain"]["by"] == "trend"
    assert facts["gain"]["amount"] == pytest.approx(0.3 * room, rel=0.3)


def test_where_a_knob_ends_no_wider_search_is_suggested() -> None:
    def dry(settings: Mapping[str, Any], rng: random.Random) -> float:
        return 1.0 + 3.0 * float(settings["lora_dropout"]) + rng.gauss(0, 0.02)

    report = report_of(planted(dry, 1, 30))
    (edge,) = (one.facts for one in report.findings if one.kind == "edge")
    assert (edge["side"], edge["new_low"], edge["new_high"]) == ("low", None, None)
    assert not [one for one in report.findings if one.kind == "next" and one.facts["action"] == "widen"]
    assert "People hardly go beyond that end." in " ".join(explain(report, "en").what_mattered)
    assert "その先の値は、ふつう使いません。" in "".join(explain(report, "ja").what_mattered)


def test_the_trend_of_a_metric_that_should_rise_is_a_gain_too() -> None:
    each = planted(higher, 1, 30)
    shares = tuple(dataclasses.replace(trial, value=1 - (trial.value or 0.0) / 4) for trial in each.trials)
    facts = advice(dataclasses.replace(each, trials=shares, metric="accuracy", maximise=True), "widen")
    assert facts["gain"]["by"] == "trend"
    assert facts["gain"]["amount"] == pytest.approx(0.3 / 4 * math.log10(facts["high"] / facts["edge"]), rel=0.3)


def test_a_trend_is_not_followed_past_the_best_possible_loss() -> None:
    assert advice(planted(at_the_edge, 1, 12), "widen")["gain"]["by"] == "trend_open"


def test_what_luck_does_stands_beside_a_trend_only_where_settings_were_run_again() -> None:
    each = planted(higher, 1, 30)
    assert advice(each, "widen")["gain"]["spread"] is None
    best = each.best
    assert best is not None
    again = tuple(dataclasses.replace(best, number=1_000_000 * n + best.number, repeat_of=best.number,
                                      settings={**best.settings, "seed": n}, value=(best.value or 0) + 0.1 * n)
                  for n in (1, 2))
    facts = advice(dataclasses.replace(each, repeats=again, chosen=best.number), "widen")
    assert facts["gain"]["spread"] == pytest.approx(0.1)
    assert "Luck alone moves a run by about 0.1." in " ".join(
        one.sentence for one in explain(report_of(dataclasses.replace(each, repeats=again)), "en").next)


def test_more_tries_win_as_often_as_their_share_of_all() -> None:
    facts = advice(study(tuple(complete(n, DEFAULTS, 1.0 + n) for n in range(4))), "more_trials")
    assert facts["gain"] == {"by": "chance", "share": pytest.approx(facts["trials"] / (4 + facts["trials"]), abs=0.01)}


def test_tries_that_were_stopped_early_count_as_beaten() -> None:
    ended = [complete(n, DEFAULTS, 1.0 + n) for n in range(4)]
    early = [dataclasses.replace(complete(n, DEFAULTS, 9.0), state="pruned", value=None) for n in range(4, 6)]
    facts = advice(study((*ended, *early)), "more_trials")
    assert facts["gain"] == {"by": "chance", "share": pytest.approx(facts["trials"] / (6 + facts["trials"]), abs=0.01)}


def test_a_finer_search_is_suggested_where_the_good_runs_lie() -> None:
    report = reports()["strong"]
    facts = next(one.facts for one in report.findings if one.kind == "next" and one.facts["action"] == "focus")
    assert 1e-5 < facts["low"] < 10**-3.5 < facts["high"] < 1e-2
    inside = sum(facts["low"] <= trial.settings["learning_rate"] <= facts["high"] for trial in report.trials)
    assert facts["gain"] == {"by": "chance", "share": pytest.approx(8 / (8 + inside), abs=0.01)}


def test_lost_tries_are_counted_in_all_and_in_the_suggested_range() -> None:
    each = out_of_memory(2)
    facts = advice(each, "smaller_batch")
    lost = sum(trial.state == "failed" for trial in each.trials)
    length = facts["keep"]["max_length"]
    small = [trial for trial in each.trials if facts["low"] <= trial.settings["batch_size"] <= facts["high"]
             and trial.settings["max_length"] <= length]
    assert facts["gain"] == {"by": "lost", "lost": lost, "of": 30, "inside": len(small), "inside_lost": 0,
                             "beside": "max_length", "at_most": length}


def test_a_curve_that_still_falls_says_by_how_much_it_fell_last() -> None:
    curve = tuple((step, 4.0 - step / 40, 4.0 - step / 40) for step in range(0, 101, 10))
    still = TrialRecord(number=0, settings=DEFAULTS, state="complete", value=1.5, curve=curve, seconds=20.0)
    facts = advice(study((still,), {"learning_rate": SPACE["learning_rate"]}), "more_epochs")
    start, end = 4.0 - 200 / 3 / 40, 4.0 - 100 / 40
    assert facts["gain"] == {"by": "late_fall", "share": pytest.approx((start - end) / start, abs=0.01)}


def test_overfitted_runs_say_how_far_above_their_lowest_loss_they_ended() -> None:
    report = reports()["overfitting"]
    rises = sorted(one.facts["last"] - one.facts["lowest"] for one in report.findings if one.kind == "overfitted")
    facts = next(one.facts for one in report.findings if one.kind == "next" and one.facts["action"] == "fewer_epochs")
    assert rises[0] <= facts["gain"]["amount"] <= rises[-1]


def test_the_lead_of_a_lucky_run_is_its_distance_to_the_next_best() -> None:
    report = reports()["lucky"]
    first, second = sorted(trial.value or 0.0 for trial in report.trials)[:2]
    facts = next(one.facts for one in report.findings if one.kind == "next" and one.facts["action"] == "other_seeds")
    assert facts["gain"] == {"by": "lead", "amount": pytest.approx(second - first, rel=0.02)}


def test_where_no_try_tells_nothing_is_promised() -> None:
    facts = next(one.facts for one in reports()["nothing learnt"].findings if one.kind == "next")
    assert facts["gain"] == {"by": "untried"}
    assert "it may bring nothing" in explain(reports()["nothing learnt"], "en").next[0].sentence
    assert "何も変わらないかもしれません" in explain(reports()["nothing learnt"], "ja").next[0].sentence


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", list(reports()))
def test_every_number_of_a_suggestion_is_one_of_its_own_facts(name: str, language: Language) -> None:
    report = reports()[name]
    words = wording.filters(language, source_texts(language))
    following = [one.facts for one in report.findings if one.kind == "next"]
    for facts, suggestion in zip(following, explain(report, language).next, strict=True):
        own = [value for part in (facts, facts["gain"]) for value in part.values()
               if isinstance(value, int | float) and not isinstance(value, bool)]
        known = OF_THE_RULE | {found for value in own for text in (
            wording.number(value), wording.plain(value), wording.percent(value), words["duration"](value))
            for found in NUMBER.findall(text)}
        for between in (facts["gain"].get("inside"), facts["gain"].get("outside")):
            known |= set() if between is None else set(NUMBER.findall(wording.number(between)))
        assert [found for found in NUMBER.findall(suggestion.sentence) if found not in known] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_search_leaves_the_other_settings_as_the_best_try_had_them(language: Language) -> None:
    data = DataFacts(id="d", examples=60, split=(42, 9, 9), tokens=2_000, longest=50)
    kept = 0
    for name, report in reports().items():
        following = [one.facts for one in report.findings if one.kind == "next"]
        for facts, suggestion in zip(following, explain(report, language).next, strict=True):
            if not facts.get("keep"):
                continue
            best = next(trial for trial in report.trials if trial.number == facts["keep_trial"])
            assert suggestion.command_text.startswith(suggestion.label)
            assert len(suggestion.label) <= 80, suggestion.label
            draft = build(Request(space=parse(suggestion.command_text).space or {}), embedded(), data, Speed())
            assert draft.plan is not None, (name, suggestion.command_text)
            assert set(draft.plan.space) == {facts["name"]}
            for knob in set(report.searched) - {facts["name"], "seed"}:
                fixed, had = draft.plan.defaults[knob], best.settings[knob]
                assert fixed == (pytest.approx(had, rel=0.01) if isinstance(had, float) else had), (name, knob)
                kept += 1
    assert kept > 20


@pytest.mark.parametrize("language", LANGUAGES)
def test_suggestions_of_an_earlier_version_are_still_said(language: Language) -> None:
    report = reports()["strong"]
    facts = {"action": "compare", "because": "winner", "trial": 3, "cost_s": None, "job": 12}
    old = Report(**{field.name: getattr(report, field.name) for field in dataclasses.fields(report)}
                 | {"findings": tuple(dataclasses.replace(one, facts=facts) for one in report.findings
                                      if one.kind == "next")})
    assert explain(old, language).next[0].sentence


def recorded(knob: str) -> list[str]:
    return [json.dumps({"number": n, "params": {knob: 1e-4 * (n + 1), "dropout": 0.01 * (n * 7 % 30)},
                        "value": 3.0 - 0.05 * n}) for n in range(30)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_of_a_recording_shows_what_to_type(language: Language) -> None:
    said = explain(report_of(read_recording(recorded("lr"))), language)
    line = next(line for line in written(said, language).splitlines() if said.next[0].command_text in line)
    command = to_json(parse(line.split(":" if language == "en" else "：", 1)[1]))
    assert command["intent"] == "tune"
    assert command["space"]["learning_rate"]["high"] > 30e-4


def test_a_setting_that_is_not_known_here_gives_advice_and_no_command() -> None:
    (suggestion,) = explain(report_of(read_recording(recorded("stiffness"))), "en").next
    assert "stiffness from" in suggestion.sentence
    assert suggestion.command_text == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_few_tries_of_a_recording_can_be_searched_again(language: Language) -> None:
    said = explain(report_of(read_recording(recorded("lr")[:6])), language)
    command = to_json(parse(said.next[0].command_text))
    assert set(command["space"]) == {"learning_rate", "lora_dropout"}
    assert command["trials"] >= 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_bounds_of_a_recording_are_short_enough_to_type(language: Language) -> None:
    said = explain(report_of(read_recording(planted_variants.six(1).lines)), language)
    assert re.findall(r"\d+\.\d+", said.next[0].command_text)
    assert not re.search(r"[1-9]\d*\.\d{3}|\.0*[1-9]\d{3}", said.next[0].command_text)
