"""A question about one try is about that try, in a conversation with a plan or a job too; "try 2" stays a wish."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.language.commands import to_json
from bot.language.dialogue.followups import parse_followup
from bot.language.parser import parse

ASKED = (
    "how is {} {n}?", "how was {} {n}", "how's {} {n} doing?", "how is {} {n} going?", "how is {} number {n} doing",
    "how is {} #{n}", "how far is {} {n}?", "how far along is {} {n}", "how are things with {} {n}",
    "how is it going with {} {n}?", "hey, how is {} {n} coming along?", "and how is {} {n}", "how does {} {n} look?",
    "what about {} {n}?", "how about {} {n}?", "what about {} {n} in job 3?", "how is {} {n} of job 3?",
    "is {} {n} still running?", "is {} {n} done?", "is {} {n} over?", "is {} {n} finished yet?",
    "is {} {n} finished or still running?", "did {} {n} finish?", "has {} {n} finished", "has {} {n} started?",
    "is {} {n} waiting?", "why is {} {n} waiting?", "what is {} {n} waiting for?", "what is {} {n} doing?",
    "what happened to {} {n}?", "what's up with {} {n}?", "any news on {} {n}?", "status of {} {n}", "{} {n} status",
    "where is {} {n}?", "are we on {} {n} yet?", "when will {} {n} be done?", "how long will {} {n} take?",
    "could you tell me how {} {n} is doing?", "can you tell me whether {} {n} is done?", "how did {} {n} do?",
    "is {} {n} any good?", "is {} {n} ok?", "did {} {n} fail?", "why was {} {n} so bad", "tell me about {} {n}",
    "show me {} {n}", "what lr did {} {n} use?", "did {} {n} win?",
)  # fmt: skip
ASKED_JAPANESE = (
    "試行{n}はどう？", "試行{n}の調子は？", "試行{n}は終わった？", "試行{n}は待っているの？", "{n}番目の試行はどう？",
    "試行{n}は今どうなってる？", "試行{n}は動いてる？", "試行{n}の状況を教えて", "試行{n}は？", "じゃあ試行{n}は？",
    "試行{n}はなぜ待っているの？", "トライアル{n}は待機中ですか？", "試行{n}はまだ待ってる？",
    "試行{n}はもう始まった？", "試行{n}はいつ終わる？", "試行{n}はうまくいった？", "{n}回目の試行はどうですか",
)  # fmt: skip


def _assert_about(text: str, number: int) -> None:
    command = parse(text)
    assert command.intent in ("status", "explain_result"), (text, command.intent)
    assert command.trial == number, (text, command.trial)
    assert parse_followup(text) is None, text


@pytest.mark.parametrize("name", ["try", "trial"])
@pytest.mark.parametrize("asked", ASKED)
def test_a_question_about_a_try_is_about_that_try(asked: str, name: str) -> None:
    _assert_about(asked.format(name, n=2), 2)


@pytest.mark.parametrize("asked", ASKED_JAPANESE)
def test_a_japanese_question_about_a_try_is_about_that_try(asked: str) -> None:
    _assert_about(asked.format(n=2), 2)


@settings(max_examples=300, deadline=None)
@given(asked=st.sampled_from(ASKED + ASKED_JAPANESE), number=st.integers(0, 999), name=st.sampled_from(("try", "Try")))
def test_any_try_can_be_asked_about(asked: str, number: int, name: str) -> None:
    text = asked.format(name, n=number)
    _assert_about(text, number)
    _assert_about(text.rstrip("?"), number)


@pytest.mark.parametrize(("text", "number"), [
    ("how is the second try?", 2), ("how's the third try going?", 3), ("and try 2?", 2), ("how is try2 doing", 2),
])  # fmt: skip
def test_a_try_named_by_its_place_or_after_and_is_asked_about(text: str, number: int) -> None:
    _assert_about(text, number)


@pytest.mark.parametrize(("text", "wanted"), [
    ("how about 2 tries?", {"trials": 2}),
    ("what about 20 trials instead?", {"trials": 20}),
    ("make it 2 tries", {"trials": 2}),
    ("try 2", {"trials": 2}),
    ("try 20", {"trials": 20}),
    ("please try 2", {"trials": 2}),
    ("let's try 2", {"trials": 2}),
    ("try 2 times", {"trials": 2}),
    ("how about try 20 instead?", {"trials": 20}),
    ("what about try 20 trials", {"trials": 20}),
    ("tune with try 20", {"trials": 20}),
    ("try 2 epochs", {"space": {"epochs": {"value": 2}}}),
    ("how about try 3 epochs?", {"space": {"epochs": {"value": 3}}}),
    ("can you try 2 epochs?", {"space": {"epochs": {"value": 2}}}),
    ("start with try 2 epochs", {"space": {"epochs": {"value": 2}}}),
    ("try 2 or 3 epochs", {"space": {"epochs": {"choices": [2, 3]}}}),
    ("with try 2 to 8 for rank", {"space": {"lora_rank": {"low": 2, "high": 8}}}),
])  # fmt: skip
def test_a_wish_to_try_keeps_its_meaning(text: str, wanted: dict[str, Any]) -> None:
    got = to_json(parse(text))
    assert got == {"intent": "tune", "space": {}, **wanted}
    change = parse_followup(text)
    assert change is not None
    assert to_json(change.adds) == got


@pytest.mark.parametrize(
    "text", ["is try 2 epochs enough?", "I will try 20", "we will try 2 epochs", "did we try 2 epochs"]
)
def test_a_word_about_trying_names_no_try(text: str) -> None:
    command = parse(text)
    assert command.intent in ("unknown", "history")
    assert command.trial is None
