"""Every word of the glossary is found by asking for it, and an order that names one stays an order."""

from __future__ import annotations

import pytest

from bot import glossary
from bot.language.glossary import term_asked
from bot.language.parser import parse
from bot.phrases import Language, say

KNOWN_BY_OTHER_NAMES = {"pruning": ("pruning", "枝刈り"), "bayesian_optimization": ("Bayesian search", "ベイズ最適化"),
                        "target_modules": ("target modules", "対象モジュール"), "seed": ("seed", "シード値")}
EN = ("what is {}?", "What's {}", "explain {} please", "what does {} mean?", "I don't understand {}")
JA = ("{}って何？", "{}とは？", "{}について教えて", "{}の意味が分からない", "{}を説明してください")


def named(term: str, language: Language) -> str:
    """The word as its entry is headed, without what stands in brackets."""
    if term in KNOWN_BY_OTHER_NAMES:
        return KNOWN_BY_OTHER_NAMES[term][language == "ja"]
    page = glossary._pages(language)[term]
    return say(f"glossary.{page}.{term}.title", language, {"default": None}).split("（")[0].split(" (")[0]


@pytest.mark.parametrize("form", EN)
def test_english_questions_find_every_word(form: str) -> None:
    missed = {}
    for term in glossary.terms("en"):
        found = parse(form.format(named(term, "en").lower()))
        if (found.intent, found.term) != ("explain_term", term):
            missed[named(term, "en")] = found.intent, found.term
    assert missed == {}


@pytest.mark.parametrize("form", JA)
def test_japanese_questions_find_every_word(form: str) -> None:
    missed = {}
    for term in glossary.terms("ja"):
        found = parse(form.format(named(term, "ja")))
        if (found.intent, found.term) != ("explain_term", term):
            missed[named(term, "ja")] = found.intent, found.term
    assert missed == {}


@pytest.mark.parametrize(("text", "term"), [
    ("what happens if the loss is too high?", "loss"),
    ("Could you explain the checkpoint to me, please?", "checkpoint"),
    ("層が多すぎるとどうなる？", "layers"), ("テストデータってなんのこと？", "test_set"),
    ("what are convolution filters", "convolution_filters"),
    ("please tell me what tokens are", "token"), ("sorry, what is a local minimum again?", "local_optimum"),
])
def test_other_ways_of_asking(text: str, term: str) -> None:
    assert parse(text).term == term


@pytest.mark.parametrize("text", [
    "use grid search", "compare with the base model", "what is the accuracy?", "fine-tune it", "export the checkpoint",
    "train more layers", "グリッドサーチで調整して", "ベースモデルと比べて", "チェックポイントをダウンロードして",
    "正答率は？", "how many tokens are in my file?", "what is the test set accuracy?", "検証データは何件？", "", "?",
    "x" * 5000,
])
def test_what_is_no_question_about_a_word_is_left_alone(text: str) -> None:
    assert term_asked(text) is None
