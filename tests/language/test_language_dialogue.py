"""Follow-ups change a plan that waits; answers answer the question that was asked, and nothing else does."""

from __future__ import annotations

import pytest

from bot.language.commands import Choices, Command, Fixed, Range
from bot.language.dialogue.answers import Answer, Expecting, parse_answer
from bot.language.dialogue.followups import parse_followup


def _adds(text: str) -> Command:
    change = parse_followup(text)
    assert change is not None, text
    return change.adds


@pytest.mark.parametrize(
    "text", ["make it 20 trials instead", "actually 20 trials", "やっぱり20回で", "20回にして", "use 20 trials"]
)
def test_the_number_of_trials_can_be_changed(text: str) -> None:
    assert _adds(text).trials == 20


@pytest.mark.parametrize("text", ["and dropout 0 to 0.2 too", "also dropout from 0 to 0.2", "ドロップアウトも0〜0.2で"])
def test_a_knob_can_be_added(text: str) -> None:
    assert _adds(text).space == {"lora_dropout": Range(low=0, high=0.2)}


@pytest.mark.parametrize(
    "text", ["drop the rank", "without rank", "leave out the rank", "ランクは外して", "ランクはなしで", "ランク抜きで"]
)
def test_a_knob_can_be_taken_out(text: str) -> None:
    change = parse_followup(text)
    assert change is not None
    assert change.removes == ("lora_rank",)
    assert not change.adds.space


def test_the_last_job_can_be_started_from_again() -> None:
    change = parse_followup("same again but with cosine")
    assert change is not None
    assert change.again
    assert change.adds.space == {"lr_schedule": Fixed(value="cosine")}


def test_values_without_a_name_are_handed_on() -> None:
    change = parse_followup("use 1e-4 to 5e-4 instead")
    assert change is not None
    assert change.loose == Range(low=1e-4, high=5e-4)


@pytest.mark.parametrize(
    ("text", "factor"), [("longer", 2.0), ("half the budget", 0.5), ("もっと長くして", 2.0), ("時間を半分に", 0.5)]
)
def test_the_budget_can_be_scaled(text: str, factor: float) -> None:
    change = parse_followup(text)
    assert change is not None
    assert change.budget_factor == factor


def test_pruning_can_be_switched_off() -> None:
    assert _adds("without pruning").pruner == "none"
    assert _adds("枝刈りなしで").pruner == "none"


@pytest.mark.parametrize(
    "text",
    [
        "やっぱりやめとく",
        "never mind",
        "is that a lot?",
        "lol nice",
        "thanks!",
        "cancel",
        "それって多い？",
        "ありがとう",
        "what does dropout do?",
        "not now",
        "tomorrow",
        "明日やる",
        "let me ask my boss first",
        "the tuna is good",
        "田中さんが20回って言ってた",
        "",
        "🎸",
    ],
)
def test_small_talk_questions_and_refusals_change_nothing(text: str) -> None:
    assert parse_followup(text) is None


YES_NO = Expecting(kind="yes_no")


@pytest.mark.parametrize(
    "text",
    ["yes", "Yes please", "yep, go ahead", "ok start it", "はい", "はい、お願いします", "うん、いいよ", "👍", "ＯＫ"],
)
def test_a_clear_yes_is_yes(text: str) -> None:
    assert parse_answer(text, YES_NO) == Answer(yes=True)


@pytest.mark.parametrize("text", ["no", "nope", "no thanks", "いいえ", "いや、やめとく", "キャンセルして", "not now"])
def test_a_clear_no_is_no(text: str) -> None:
    assert parse_answer(text, YES_NO) == Answer(yes=False)


@pytest.mark.parametrize(
    "text",
    [
        "yes but not now",
        "yes?",
        "はい、でもまだ",
        "maybe",
        "yes if it is cheap",
        "はいって言ったら始まる？",
        "I said yes to Bob",
        "ok so what is a learning rate",
        "いいよって言ってない",
        "sure, why not later",
        "",
        "yes no",
    ],
)
def test_a_doubtful_yes_is_no_answer(text: str) -> None:
    assert parse_answer(text, YES_NO) is None


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("1e-5 to 1e-3", Range(low=1e-5, high=1e-3)),
        ("0から0.2", Range(low=0, high=0.2)),
        ("8か16", Choices(values=(8, 16))),
        ("between 1 and 4", Range(low=1, high=4)),
        ("just 3", Fixed(value=3)),
        ("学習率は1e-5〜1e-3で", Range(low=1e-5, high=1e-3)),
    ],
)
def test_values_answer_the_question_for_values(text: str, spec: object) -> None:
    assert parse_answer(text, Expecting(kind="values", knob="learning_rate")) == Answer(spec=spec)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["you decide", "おまかせで", "default please", "デフォルトで"])
def test_the_choice_can_be_left_to_the_bot(text: str) -> None:
    assert parse_answer(text, Expecting(kind="values", knob="learning_rate")) == Answer(default=True)


@pytest.mark.parametrize("text", ["hello", "what?", "later", "わからないけど後で", "NaN"])
def test_other_words_are_no_values(text: str) -> None:
    assert parse_answer(text, Expecting(kind="values", knob="learning_rate")) is None


OPTIONS = Expecting(kind="choice", options=("Keep it fixed", "Search a range"))


@pytest.mark.parametrize(
    ("text", "index"),
    [("1", 0), ("2番", 1), ("the first one", 0), ("二つ目で", 1), ("search a range", 1), ("fixed", 0), ("last", 1)],
)
def test_a_choice_is_made_by_number_or_by_words(text: str, index: int) -> None:
    assert parse_answer(text, OPTIONS) == Answer(choice=index)


@pytest.mark.parametrize("text", ["3", "both", "neither", "it", "a", "first or second"])
def test_an_unclear_choice_is_no_answer(text: str) -> None:
    assert parse_answer(text, OPTIONS) is None
