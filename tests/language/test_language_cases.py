"""The worked cases of the specification and our own sentences, in both languages."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from language_judging import ACTIONS, cases, is_exact, is_refusal

from bot.language.commands import to_json
from bot.language.parser import parse

SHARED = Path(__file__).parents[3] / "shared" / "language"


def _scorer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("language_score", SHARED / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_worked_cases_are_understood() -> None:
    if not (SHARED / "dev.jsonl").exists():
        pytest.skip("the worked cases of the specification are not beside this checkout")
    score = _scorer()
    worked = score.read(SHARED / "dev.jsonl")
    judged = [score.judge(case, to_json(parse(case["text"]))) for case in worked]
    wrong = [case["text"] for case, verdict in zip(worked, judged, strict=True) if not verdict["exact"]]
    assert not any(verdict["false_start"] for verdict in judged)
    assert not any(verdict["false_action"] for verdict in judged)
    assert len(wrong) <= len(worked) * 0.01, wrong


def test_our_own_cases_are_understood() -> None:
    own = cases()
    wrong = [case["text"] for case in own if not is_exact(case["expect"], to_json(parse(case["text"])))]
    assert len(own) >= 300
    assert len(wrong) <= len(own) * 0.015, wrong


@pytest.mark.parametrize("language", ["en", "ja"])
def test_each_language_is_understood_as_well_as_the_other(language: str) -> None:
    own = [case for case in cases() if case["lang"] == language]
    wrong = [case["text"] for case in own if not is_exact(case["expect"], to_json(parse(case["text"])))]
    assert len(wrong) <= len(own) * 0.03, wrong


def test_nothing_starts_from_a_refusal_a_report_or_everyday_talk() -> None:
    refusals = [case for case in cases() if is_refusal(case["expect"])]
    started = [case["text"] for case in refusals if parse(case["text"]).intent == "tune"]
    assert len(refusals) >= 100
    assert started == []


def test_nothing_is_done_on_a_refusal_a_report_or_everyday_talk() -> None:
    done = []
    for case in cases():
        allowed = {one["intent"] for one in case["expect"].get("any_of", [case["expect"]])}
        intent = parse(case["text"]).intent
        if is_refusal(case["expect"]) and intent in ACTIONS and intent not in allowed:
            done.append(case["text"])
    assert done == []


def test_every_intent_has_cases_in_both_languages() -> None:
    seen: set[tuple[str, Any]] = set()
    for case in cases():
        seen |= {(case["lang"], one["intent"]) for one in case["expect"].get("any_of", [case["expect"]])}
    intents = {intent for _, intent in seen}
    assert len(intents) == 19
    assert {intent for language, intent in seen if language == "ja"} == intents
    assert {intent for language, intent in seen if language == "en"} == intents


def test_keys_that_were_not_said_are_absent() -> None:
    assert to_json(parse("stop")) == {"intent": "stop"}
    assert json.loads(json.dumps(to_json(parse("tune lr between 1e-5 and 1e-3")))) == {
        "intent": "tune",
        "space": {"learning_rate": {"low": 1e-05, "high": 0.001}},
    }


@pytest.mark.parametrize("text", ["tune lr 1e-4", "lr 1e-5, 1e-3", "学習率を1e-4で調整して", "学習率は1e-5と1e-3で"])
def test_two_readings_that_would_run_different_jobs_are_asked_about(text: str) -> None:
    assert "ambiguous" in parse(text).problems


@pytest.mark.parametrize(
    "text",
    [
        "lr 1e-5 or 1e-3",
        "tune lr fixed at 1e-4, rank 4 to 8",
        "train with lr 1e-4",
        "rank 8, 16",
        "シードは42で、15回チューニングして",
    ],
)
def test_one_reading_raises_no_question(text: str) -> None:
    assert "ambiguous" not in parse(text).problems
