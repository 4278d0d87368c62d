"""Whole families of sentences: the same frame around different settings."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from language_judging import ACTIONS, CASES

from bot.language.parser import parse

TEMPLATES: dict[str, dict[str, Any]] = tomllib.loads((CASES / "templates.toml").read_text(encoding="utf-8"))


def _filled(kind: str, language: str) -> list[str]:
    settings = TEMPLATES["settings"][language]
    return [template.replace("{}", each) for template in TEMPLATES[kind][language] for each in settings]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_settings_that_are_only_spoken_of_start_nothing(language: str) -> None:
    sentences = _filled("nothing", language)
    assert len(sentences) > 300
    assert [text for text in sentences if parse(text).intent in ("tune", *ACTIONS)] == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_settings_that_are_asked_for_start_a_job(language: str) -> None:
    assert [text for text in _filled("starts", language) if parse(text).intent != "tune"] == []


def test_a_japanese_request_may_be_as_polite_as_it_likes() -> None:
    polite = TEMPLATES["polite"]
    sentences = [begun + ending for begun in polite["beginnings"] for ending in polite["endings"]]
    assert [text for text in sentences if parse(text).intent != "tune"] == []


def test_words_of_order_that_order_nothing_change_no_job() -> None:
    sentences = TEMPLATES["untouched"]["sentences"]
    assert [text for text in sentences if parse(text).intent in ("tune", *ACTIONS)] == []
