"""Planted studies: the truth is known, so a report's claims can be counted as right or wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import planted_studies
import pytest
from planted_studies import at_the_edge, diverging, noise, one_knob, one_schedule, study, together

from tuner.analysis import findings_of
from tuner.analysis.study import Study
from tuner.events import Finding

SEEDS = range(20)
planted, out_of_memory, overfitting, lucky = (
    cache(make) for make in (planted_studies.planted, planted_studies.out_of_memory, planted_studies.overfitting,
                             planted_studies.lucky))


_SEEN: dict[int, tuple[Study, tuple[Finding, ...]]] = {}
"""By the study's identity; the study is kept beside, so that no other can take its place."""


def findings(each: Study) -> tuple[Finding, ...]:
    """A study's findings, worked out once in this process."""
    if id(each) not in _SEEN:
        _SEEN[id(each)] = each, findings_of(each)
    return _SEEN[id(each)][1]


def of_kind(each: Study, kind: str) -> list[Finding]:
    return [finding for finding in findings(each) if finding.kind == kind]


def named(each: Study) -> list[str]:
    return [finding.facts["name"] for finding in of_kind(each, "what_mattered")]


def count(makes: Callable[[int], Study], holds: Callable[[Study], bool]) -> int:
    return sum(holds(makes(seed)) for seed in SEEDS)


@pytest.mark.parametrize("n", [8, 20, 40])
def test_pure_noise_makes_no_setting_important(n: int) -> None:
    claims = [kind for seed in SEEDS for kind in
              (finding.kind for finding in findings(planted(noise, seed, n)))
              if kind in ("what_mattered", "direction", "interaction", "edge", "threshold")]
    assert len(claims) <= math.floor(0.02 * len(SEEDS))


def test_pure_noise_with_many_tries_is_called_flat_and_leads_to_stopping() -> None:
    flat = [planted(noise, seed, 60) for seed in SEEDS]
    called = [each for each in flat if of_kind(each, "flat")]
    assert len(called) >= 0.85 * len(flat)
    assert all(of_kind(each, "next")[0].facts["action"] == "stop_tuning" for each in called)


@pytest.mark.parametrize("n", [20, 40])
def test_the_one_setting_that_matters_is_named_and_no_other(n: int) -> None:
    found = [named(planted(one_knob, seed, n)) for seed in SEEDS]
    assert sum("learning_rate" in names for names in found) >= 0.95 * len(SEEDS)
    assert sum(len(names) - names.count("learning_rate") for names in found) <= 0.02 * len(SEEDS)


def test_a_sweet_spot_is_seen_and_its_range_holds_the_truth() -> None:
    def holds(each: Study) -> bool:
        direction = of_kind(each, "direction")
        return bool(direction) and direction[0].facts["shape"] == "sweet_spot" and (
            direction[0].facts["good_low"] <= 10**-3.5 <= direction[0].facts["good_high"])

    assert count(lambda seed: planted(one_knob, seed, 40), holds) >= 0.95 * len(SEEDS)


def test_below_fifty_tries_importance_is_weak_at_most() -> None:
    strengths = {finding.strength for seed in SEEDS
                 for finding in of_kind(planted(one_knob, seed, 40), "what_mattered")}
    assert strengths == {"weak"}


def test_sixty_tries_with_one_clear_setting_are_strong_evidence() -> None:
    strong = [finding for seed in range(5) for finding in of_kind(planted(one_knob, seed, 60), "what_mattered")
              if finding.facts["name"] == "learning_rate" and finding.strength == "strong"]
    assert len(strong) == 5


def test_a_setting_in_words_can_matter_too() -> None:
    def holds(each: Study) -> bool:
        direction = of_kind(each, "direction")
        return named(each) == ["lr_schedule"] and direction[0].facts["worst_choice"] == "constant"

    assert count(lambda seed: planted(one_schedule, seed, 40), holds) >= 0.95 * len(SEEDS)


def test_a_best_value_at_the_edge_is_seen_and_the_range_widened_beyond_it() -> None:
    def holds(each: Study) -> bool:
        edge = of_kind(each, "edge")
        following = of_kind(each, "next")
        return bool(edge) and edge[0].facts["side"] == "high" and edge[0].facts["new_high"] > 1e-2 and (
            following[0].facts["action"] == "widen" and following[0].facts["name"] == "learning_rate")

    assert count(lambda seed: planted(at_the_edge, seed, 40), holds) >= 0.95 * len(SEEDS)


def test_no_edge_is_claimed_where_the_optimum_lies_inside() -> None:
    assert count(lambda seed: planted(one_knob, seed, 40), lambda each: bool(of_kind(each, "edge"))) == 0


def test_two_settings_that_work_only_together_are_seen_as_a_pair() -> None:
    def holds(each: Study) -> bool:
        return [set(pair.facts["names"]) for pair in of_kind(each, "interaction")] == [{"learning_rate", "lora_rank"}]

    assert count(lambda seed: planted(together, seed, 50), holds) >= 0.95 * len(SEEDS)


def test_a_setting_whose_effect_depends_on_another_gets_no_direction() -> None:
    shapes = {finding.facts["shape"] for seed in SEEDS for finding in of_kind(planted(together, seed, 50), "direction")}
    assert shapes <= {"depends"}


def test_a_divergence_threshold_is_found_between_the_sound_and_the_broken_runs() -> None:
    checked = 0
    for seed in SEEDS:
        each = diverging(seed, n=20)
        broken = [trial.settings["learning_rate"] for trial in each.trials if trial.state == "failed"]
        sound = [trial.settings["learning_rate"] for trial in each.trials if trial.state == "complete"]
        if len(broken) < 3:
            continue
        checked += 1
        (cut,) = of_kind(each, "threshold")
        assert cut.facts["name"] == "learning_rate"
        assert max(sound) < cut.facts["value"] < min(broken)
        assert (cut.facts["above_bad"], cut.facts["above"]) == (len(broken), len(broken))
        assert (cut.facts["below_bad"], cut.facts["below"]) == (0, len(sound))
    assert checked >= 15


def test_failures_by_chance_make_no_threshold() -> None:
    def holds(seed: int) -> bool:
        each = planted(noise, seed, 24)
        lost = [trial.number % 5 == seed % 5 for trial in each.trials]
        trials = tuple(replace(trial, state="failed", cause="diverged", value=None) if gone else trial
                       for trial, gone in zip(each.trials, lost, strict=True))
        return not of_kind(study(trials), "threshold")

    assert sum(holds(seed) for seed in SEEDS) >= 0.95 * len(SEEDS)


def test_memory_runs_out_above_a_product_of_batch_and_length() -> None:
    def holds(each: Study) -> bool:
        (cut,) = of_kind(each, "threshold")
        return cut.facts["what"] == "out_of_memory" and cut.facts["name"] == "batch_tokens" and (
            8192 <= cut.facts["value"] < 16384)

    assert count(out_of_memory, holds) == len(SEEDS)


def test_memory_failures_say_nothing_about_how_well_a_setting_learns() -> None:
    assert count(out_of_memory, lambda each: bool(named(each))) == 0


def test_overfitting_is_named_with_the_epoch_from_which_it_sets_in() -> None:
    def holds(each: Study) -> bool:
        (found,) = of_kind(each, "overfitting")
        return found.facts["from_epoch"] in (3, 4) and of_kind(each, "next")[0].facts["action"] == "fewer_epochs"

    assert count(overfitting, holds) >= 0.95 * len(SEEDS)


def test_one_lucky_run_is_called_lucky_and_its_settings_are_not_praised() -> None:
    assert count(lambda seed: lucky(seed, 40), lambda each: bool(of_kind(each, "lucky"))) >= 0.95 * len(SEEDS)
    assert count(lambda seed: lucky(seed, 40), lambda each: bool(named(each))) <= 0.02 * len(SEEDS)


def test_without_a_lucky_run_nobody_is_called_lucky() -> None:
    assert count(lambda seed: planted(noise, seed, 40), lambda each: bool(of_kind(each, "lucky"))) <= 0.02 * len(SEEDS)


@pytest.mark.parametrize("n", [1, 3, 6])
def test_fewer_than_eight_tries_are_called_thin_and_say_how_many_would_do(n: int) -> None:
    for seed in range(5):
        each = planted(one_knob, seed, n)
        (thin,) = of_kind(each, "thin")
        assert thin.facts["have"] == n
        assert thin.facts["needed"] > n
        assert not named(each)
