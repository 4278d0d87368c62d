"""The model card says what the stored report says, in both languages, with metadata that hubs read."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from planted_reports import reports
from taken_home import PRIVATE, facts

from bot.phrases import LANGUAGES, Language
from bot.take_home.card import model_card, wilson
from bot.take_home.facts import public_report
from tuner.events import report_from_json
from tuner.plan.models import find


def front(text: str) -> Any:
    return yaml.safe_load(text.split("---\n")[1])


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(reports()))
def test_every_kind_of_report_makes_a_card(kind: str, language: Language) -> None:
    text = model_card(facts(kind, trial=0), language)
    assert text.startswith("---\n")
    assert text.endswith("\n")
    assert "{{" not in text
    assert not re.search(r"\bNone\b(?! of)", text)
    assert not [word for word in PRIVATE if word in text]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_results_are_those_of_the_report_with_their_intervals(language: Language) -> None:
    text = model_card(facts("clear gain"), language)
    tests = {test.subject: test for test in reports()["clear gain"].test}
    for test in tests.values():
        right, count = sum(test.right), len(test.right)
        low, high = wilson(right, count)
        assert re.search(rf"{right}\D+{count}|{count}\D+{right}", text), test.subject
        assert f"{low * 100:.0f}%" in text
        assert f"{high * 100:.0f}%" in text


@pytest.mark.parametrize(("right", "count", "low", "high"), [
    (0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (37, 54, 0.5527, 0.7931),
])
def test_the_interval_is_wilsons(right: int, count: int, low: float, high: float) -> None:
    assert wilson(right, count) == pytest.approx((low, high), abs=5e-4)


def test_a_try_that_was_not_tested_is_not_praised_with_the_best_ones_results() -> None:
    text = model_card(facts("clear gain", trial=3), "en")
    assert "This adapter is try 3, not the best one (try 7)" in text
    assert "It was not tested on the sealed examples." in text
    assert "its own results are those of the default settings" in model_card(facts("clear gain", trial=0), "en")
    assert "試行3で、取っておいたテスト問題では調べていません" in model_card(facts("clear gain", trial=3), "ja")
    assert "not the best one" not in model_card(facts("clear gain"), "en")


def test_no_difference_is_called_none_and_a_small_test_small() -> None:
    text = model_card(facts("no real difference"), "en")
    assert "That can be chance: no real difference was shown." in text
    assert "The sealed test has only" in text
    assert "This job has no sealed test" in model_card(facts("three tries"), "en")


@pytest.mark.parametrize(("model", "said"), [
    (None, {"base_model": "onsa-tiny", "license": "apache-2.0"}),
    ("qwen2.5-0.5b", {"base_model": "Qwen/Qwen2.5-0.5B-Instruct", "license": "apache-2.0"}),
    ("llama-3.2-1b", {"base_model": "meta-llama/Llama-3.2-1B-Instruct", "license": "llama3.2"}),
    ("gemma-3-1b", {"base_model": "google/gemma-3-1b-it", "license": "gemma"}),
    ("somebody/unknown", {"base_model": "somebody/unknown", "license": "unknown"}),
])
def test_the_metadata_name_base_library_languages_licence_and_tags(model: str | None, said: Any) -> None:
    text = model_card(facts(card=find(model)), "en")
    data = front(text)
    assert {name: data[name] for name in said} == said
    assert data["library_name"] == "peft"
    assert data["language"] == ["en", "ja"]
    assert {"lora", "onsa"} <= set(data["tags"])
    read = ModelCard(text)
    assert (read.data.base_model, read.data.license) == (said["base_model"], said["license"])


def test_a_licence_that_hubs_do_not_list_is_named_as_another_one() -> None:
    made = {"base": {"files": {}, "revision": None, "license": "house-rules-1.0"}, "versions": {}}
    data = front(model_card(facts(card=find("somebody/unknown"), made=made), "en"))
    assert (data["license"], data["license_name"]) == ("other", "house-rules-1.0")


def test_an_unknown_licence_sends_people_to_the_models_page() -> None:
    assert "is not known here" in model_card(facts(card=find("somebody/unknown")), "en")
    assert "ここでは分かりません" in model_card(facts(card=find("somebody/unknown")), "ja")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_code_of_the_card_is_code(language: Language) -> None:
    text = model_card(facts(contents={"merged": True}, card=find("qwen2.5-0.5b")), language)
    blocks = re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        ast.parse(block)
    assert '"Qwen/Qwen2.5-0.5B-Instruct"' in blocks[0]
    assert "vllm serve Qwen/Qwen2.5-0.5B-Instruct --enable-lora --max-lora-rank" in text
    assert "convert_hf_to_gguf.py merged" in text


def test_the_report_in_onsa_json_explains_itself_without_the_data() -> None:
    value = facts("clear gain")
    text = json.dumps(value, allow_nan=False)
    assert not [word for word in PRIVATE if word in text]
    report = report_from_json(json.loads(text)["report"])
    assert report.findings == reports()["clear gain"].findings
    assert [test.right for test in report.test] == [test.right for test in reports()["clear gain"].test]


def test_the_plan_in_onsa_json_is_the_plan_and_names_no_file() -> None:
    from tuner.plan.plan import Plan

    value = facts()
    plan = Plan.from_json(json.loads(json.dumps(value["plan"])))
    assert (plan.seed, plan.split, plan.dataset) == (7, (168, 36, 36), "d" * 64)
    assert plan.dataset_name == ""
    assert value["data"]["split"] == {"seed": 7, "train": 168, "validation": 36, "test": 36}


def test_a_report_that_is_public_keeps_its_order_of_examples() -> None:
    report = reports()["clear gain"]
    public = public_report(report, "m")
    assert dataclasses.replace(public, model=report.model, test=report.test, trials=report.trials) == report
    assert len({test.rows for test in public.test}) == 1
