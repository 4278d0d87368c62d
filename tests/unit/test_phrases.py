"""Every sentence exists in both languages, says the same facts, and is found by every place that asks for it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, UndefinedError, meta

from bot import wording
from bot.phrases import LANGUAGES, Language, say, source_texts
from tuner.plan.knobs import KNOBS

ROOT = Path(__file__).resolve().parents[2]


def _variables(language: str, text: str) -> set[str]:
    environment = Environment()
    environment.filters.update(wording.filters(language, {}))
    return meta.find_undeclared_variables(environment.parse(text))


def _literal_calls(*names: str) -> Iterator[tuple[str, str]]:
    """(file, literal first argument or `key=`) of every call of one of `names` in bot/ and tuner/."""
    for path in (*ROOT.glob("bot/**/*.py"), *ROOT.glob("tuner/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called not in names:
                continue
            given = [keyword.value for keyword in node.keywords if keyword.arg == "key"] or node.args[:1]
            for value in given:
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield str(path.relative_to(ROOT)), value.value


def test_both_languages_have_the_same_keys() -> None:
    assert set(source_texts("en")) == set(source_texts("ja"))


def test_both_languages_use_the_same_facts() -> None:
    differing = {}
    for key, text in source_texts("en").items():
        mine, theirs = _variables("en", text), _variables("ja", source_texts("ja")[key])
        if mine != theirs and not key.startswith("glossary."):
            differing[key] = mine ^ theirs
    assert differing == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_that_code_raises_has_a_sentence(language: str) -> None:
    missing = {
        f"{file}: {key}"
        for file, key in _literal_calls("Problem", "Broken", "JobFailed")
        if f"problems.{key}" not in source_texts(language)
    }  # type: ignore[arg-type]
    assert missing == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_that_code_says_exists(language: str) -> None:
    missing = {
        f"{file}: {key}" for file, key in _literal_calls("say") if "." in key and key not in source_texts(language)
    }  # type: ignore[arg-type]
    assert missing == set()


def test_every_knob_and_every_choice_has_a_name() -> None:
    for language in LANGUAGES:
        texts = source_texts(language)
        for name, knob in KNOBS.items():
            assert f"knobs.{name}" in texts
            assert all(f"knobs.value_{name}_{choice}" in texts for choice in knob.choices)


def test_an_unknown_key_and_a_missing_fact_raise() -> None:
    with pytest.raises(KeyError, match=r"replies\.nowhere"):
        say("replies.nowhere", "en")
    with pytest.raises(UndefinedError):
        say("replies.plan.title", "ja", {"model": "m"})


def test_japanese_prompts_hold_japanese_and_english_ones_hold_none() -> None:
    """No sentence was left in the other language. Words to type may stand in both."""
    japanese = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
    shared = {"replies.words.settings", "console.leave_words", "console.wait_words"}
    wrong = {key for key, text in source_texts("en").items() if japanese.search(text) and key not in shared}
    assert wrong == set()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1e-5, "0.00001"), (3.4567e-4, "0.000346"), (1200, "1,200"), (2e-7, "2e-7"),
     (8.4312e-7, "8.43e-7"), (-1.25e-12, "-1.25e-12"), (1e-6, "0.000001"), (3.0, "3"), (0.5, "0.5"), (0, "0")],
)
def test_numbers_are_written_as_people_write_them(value: float, shown: str) -> None:
    assert wording.number(value) == shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_small_learning_rate_is_written_alike_wherever_it_stands(language: Language) -> None:
    small, smaller = 8.43e-7, 1e-8
    facts = {"name": "learning_rate", "value": small, "low": smaller, "high": small, "trials": 5, "job": 1,
             "space": {"learning_rate": {"choices": [smaller, small]}}}
    said = [say("replies.plan.kept", language, facts), say("report.words.setting", language, facts),
            say("report.next.narrow_command", language, facts), say("report.next.again_command", language, facts),
            say("report.next.more_epochs_command", language, facts)]
    assert all("8.43e-7" in sentence for sentence in said)
    assert all("1e-8" in sentence for sentence in said[2:])
    assert "e-0" not in " ".join(said)


@pytest.mark.parametrize("value", [1e-7, 8.43e-7, 1.234567e-9, 1e-5, 3.4567e-4, 16, 2048, 0.1, 1e-3, 2e-7, 123456.75])
def test_a_plain_number_can_be_typed_back(value: float) -> None:
    assert float(wording.plain(value)) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("seconds", "en", "ja"),
    [
        (3, "3 seconds", "3秒"),
        (61, "60 seconds", "60秒"),
        (600, "10 minutes", "10分"),
        (5400, "1 hour 30 minutes", "1時間30分"),
        (0, "0 seconds", "0秒"),
        (200_000, "2 days 8 hours", "2日8時間"),
    ],
)
def test_durations_are_rounded_as_one_would_say_them(seconds: float, en: str, ja: str) -> None:
    assert wording.filters("en", source_texts("en"))["duration"](seconds) == en
    assert wording.filters("ja", source_texts("ja"))["duration"](seconds) == ja
