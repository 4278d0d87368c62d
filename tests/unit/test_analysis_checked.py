"""Runs of the confirmation in the report: they decide the winner, count as no trials, and are part of the cost."""

from __future__ import annotations

import dataclasses
import sys
import types
from typing import Any

import pytest
from planted_reports import reports
from planted_studies import one_knob, planted

from bot.explain import explain
from tuner.analysis import report_of
from tuner.events import Finding, Report, report_from_json, report_to_json
from tuner.worker.energy import Meter


def only(report: Report, kind: str) -> Finding:
    [finding] = [finding for finding in report.findings if finding.kind == kind]
    return finding


def test_a_report_with_repeats_is_stored_and_read_back_whole() -> None:
    report = reports()["checked and overtaken"]
    assert report.repeats
    assert report_from_json(report_to_json(report)) == report


def test_a_report_of_an_earlier_version_has_no_repeats() -> None:
    stored = report_to_json(reports()["strong"])
    del stored["repeats"]
    assert report_from_json(stored).repeats == ()


def test_repeats_are_no_trials_of_the_report() -> None:
    report = reports()["checked"]
    winner = only(report, "winner").facts
    assert (winner["trials"], winner["complete"]) == (len(report.trials), len(report.trials))
    numbers = {trial.number for trial in report.trials}
    assert all(finding.facts.get("trial", 0) in numbers for finding in report.findings)
    assert not any(finding.kind == "failures" for finding in reports()["checked and overtaken"].findings)


def test_the_confirmed_finding_compares_the_winner_with_the_defaults_over_three_seeds() -> None:
    confirmed = only(reports()["checked"], "confirmed")
    assert confirmed.strength == "strong"
    assert confirmed.facts["best"]["count"] == confirmed.facts["other"]["count"] == 3
    assert confirmed.facts["other"]["is_default"]
    assert confirmed.facts["overtaken"] is None


@pytest.mark.parametrize(("language", "words"), [
    ("en", ("did better on average", "broke down with another random start")),
    ("ja", ("平均では試行", "乱数の出発点を変えると学習が壊れました")),
])
def test_a_lucky_leader_is_overtaken_and_a_broken_one_named(language: Any, words: tuple[str, ...]) -> None:
    said = " ".join(explain(reports()["checked and overtaken"], language).what_mattered)
    assert all(word in said for word in words)


def test_what_matters_is_the_same_with_and_without_repeats_that_agree() -> None:
    plain = planted(one_knob, 1, 60)
    best = plain.best
    assert best is not None
    again = tuple(dataclasses.replace(best, number=1_000_000 * place + best.number, repeat_of=best.number,
                                      settings={**best.settings, "seed": place}) for place in (1, 2))
    checked = dataclasses.replace(plain, repeats=again, chosen=best.number)
    kinds = ("what_mattered", "direction", "edge", "threshold", "flat", "thin")
    before, after = ([finding for finding in report_of(study).findings if finding.kind in kinds]
                     for study in (plain, checked))
    assert after == before


def test_the_cost_counts_repeats_and_what_a_gpu_drew() -> None:
    report = reports()["on a GPU"]
    runs = len(report.trials) + len(report.repeats)
    cost = only(report, "cost").facts
    assert (cost["trials"], cost["repeats"]) == (len(report.trials), len(report.repeats))
    assert cost["watt_hours"] == pytest.approx(runs * 1.5)
    assert cost["gpu_seconds"] == 1000
    details = " ".join(explain(report, "en").details)
    assert "The GPU was in use for 17 minutes and drew about" in details


def test_without_a_gpu_nothing_is_said_of_energy() -> None:
    report = reports()["checked"]
    cost = only(report, "cost").facts
    assert (cost["gpu_seconds"], cost["watt_hours"]) == (None, None)
    for language in ("en", "ja"):
        details = " ".join(explain(report, language).details)
        assert not any(word in details for word in ("GPU", "watt", "ワット"))


def test_a_run_whose_energy_is_not_known_leaves_the_energy_unsaid() -> None:
    assert only(reports()["on a GPU"], "cost").facts["watt_hours"] is not None
    made = planted(one_knob, 2, 4)
    first, *others = made.trials
    known = {"device": "cuda", "energy_j": 10.0}
    trials = (dataclasses.replace(first, metrics={"device": "cuda"}),
              *(dataclasses.replace(trial, metrics=known) for trial in others))
    cost = only(report_of(dataclasses.replace(made, trials=trials)), "cost").facts
    assert cost["watt_hours"] is None
    assert cost["gpu_seconds"] is not None


def test_a_machine_without_a_gpu_or_a_counter_claims_no_energy(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter()
    meter.start("cpu")
    assert meter.spent_j() is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    meter.start("cuda")
    assert meter.spent_j() is None


def test_the_meter_tells_what_was_drawn_since_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    counter = iter([1_000_000, 1_500_000, 1_700_000])  # millijoules since the driver was loaded
    stand_in = types.SimpleNamespace(
        NVMLError=RuntimeError, nvmlInit=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: asked.append(index) or 7,
        nvmlDeviceGetTotalEnergyConsumption=lambda card: next(counter))
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    meter = Meter()
    meter.start("cuda")
    assert [meter.spent_j(), meter.spent_j()] == [500.0, 200.0]
    assert asked == [2]
