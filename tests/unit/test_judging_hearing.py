"""What people say about judging is heard, in both languages; what is about something else is left alone."""

from __future__ import annotations

import pytest

from bot.judging.hearing import heard, reason_of
from bot.judging.wish import Side, Wish
from bot.language.parser import parse

BEST, BASE = Side(), Side(what="base")

COMPARISONS: dict[str, Wish] = {
    "compare": Wish(kind="compare"),
    "compare 10": Wish(kind="compare", count=10),
    "compare ten questions": Wish(kind="compare", count=10),
    "10問で比べて": Wish(kind="compare", count=10),
    "１０問で比べて": Wish(kind="compare", count=10),
    "compare trial 3 and the defaults": Wish(kind="compare", sides=(Side(what=3), Side(what=0))),
    "試行3とデフォルトを比べて": Wish(kind="compare", sides=(Side(what=3), Side(what=0))),
    "compare trials 3 and 5": Wish(kind="compare", sides=(Side(what=3), Side(what=5))),
    "試行3と5を比べて": Wish(kind="compare", sides=(Side(what=3), Side(what=5))),
    "compare job 2 and job 3": Wish(kind="compare", sides=(Side(job=2), Side(job=3))),
    "compare jobs 2 and 3": Wish(kind="compare", sides=(Side(job=2), Side(job=3))),
    "ジョブ2とジョブ3を5問で比べてください": Wish(kind="compare", sides=(Side(job=2), Side(job=3)), count=5),
    "compare trial 1 of job 2 with trial 4 of job 3": Wish(
        kind="compare", sides=(Side(job=2, what=1), Side(job=3, what=4))),
    "compare job 2 trial 1 and the original": Wish(
        kind="compare", sides=(Side(job=2, what=1), Side(job=2, what="base"))),
    "which one answers better, trial 3 or trial 8": Wish(kind="compare", sides=(Side(what=3), Side(what=8))),
    "blind test: base against best": Wish(kind="compare", sides=(BASE, BEST)),
    "I want to judge two answers blind": Wish(kind="compare"),
    "compare it with the original": Wish(kind="compare", sides=(BASE, BEST)),
    "元のモデルと比べて": Wish(kind="compare", sides=(BASE, BEST)),
    'compare "Where is it?"': Wish(kind="compare", prompt="Where is it?"),
    "compare: Where is it?": Wish(kind="compare", prompt="Where is it?"),
    "比べて：どこですか？": Wish(kind="compare", prompt="どこですか？"),
    "「営業時間は？」で比べて": Wish(kind="compare", prompt="営業時間は？"),
    "compare the last two jobs": Wish(kind="compare", newest=True),
    "最後の2つのジョブを比べて": Wish(kind="compare", newest=True),
    "compare side by side": Wish(kind="side_by_side"),
    "並べて比べて": Wish(kind="side_by_side"),
}


@pytest.mark.parametrize("text", COMPARISONS)
def test_a_comparison_is_understood_with_its_sides_questions_and_count(text: str) -> None:
    assert heard(text, parse(text)) == COMPARISONS[text]


OTHERS: dict[str, Wish] = {
    "leaderboard": Wish(kind="board"),
    "Show me the leaderboard, please!": Wish(kind="board"),
    "リーダーボードを見せて": Wish(kind="board"),
    "投票の結果は？": Wish(kind="board"),
    "correct the bad answers": Wish(kind="correct"),
    "correct the bad answers of job 2": Wish(kind="correct", job=2),
    "悪い回答を直したい": Wish(kind="correct"),
    "left": Wish(kind="vote", choice="left"),
    "the right one is better": Wish(kind="vote", choice="right"),
    "右がいい": Wish(kind="vote", choice="right"),
    "it's a tie": Wish(kind="vote", choice="tie"),
    "both bad": Wish(kind="vote", choice="both_bad"),
    "どちらもだめ": Wish(kind="vote", choice="both_bad"),
    "👍": Wish(kind="rate", verdict="good"),
    "👎 料金が違う": Wish(kind="rate", verdict="bad"),
    "that answer was great": Wish(kind="rate", verdict="good"),
    "that answer was bad because the price is wrong": Wish(kind="rate", verdict="bad"),
    "さっきの回答はよくない。料金が違う": Wish(kind="rate", verdict="bad"),
    "that wasn't a good answer": Wish(kind="rate", verdict="bad"),
    "meh, not a good reply": Wish(kind="rate", verdict="bad"),
    "that answer was not bad": Wish(kind="rate", verdict="good"),
    "that's a good answer": Wish(kind="rate", verdict="good"),
    "A is better than B": Wish(kind="vote", choice="left"),
    "Bのほうがいい": Wish(kind="vote", choice="right"),
    "I liked the second one more": Wish(kind="vote", choice="right"),
    "2番目の回答が好き": Wish(kind="vote", choice="right"),
    "both were good": Wish(kind="vote", choice="tie"),
    "meh, both were bad": Wish(kind="vote", choice="both_bad"),
    "the left one is wrong": Wish(kind="rate"),
    "thumbs down for the first one": Wish(kind="rate"),
    "I'd give that answer a 4 out of 5": Wish(kind="rate"),
    "いい回答だった": Wish(kind="rate", verdict="good"),
}


@pytest.mark.parametrize("text", OTHERS)
def test_votes_verdicts_and_the_leaderboard_are_understood(text: str) -> None:
    assert heard(text, parse(text)) == OTHERS[text]


@pytest.mark.parametrize(
    "text",
    ["tune lr between 1e-5 and 1e-3", "compare prices at the market", "値段を比べて", "how far is it?", "best", "",
     "compare notes with Ben", "20 more trials", "学習率を1e-5から1e-3で調整して",
     "correct the spelling in my data", "I voted for her", "what is a vote?"],
)
def test_words_about_something_else_are_left_alone(text: str) -> None:
    assert heard(text, parse(text)) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [("👎 the price is wrong", "the price is wrong"), ("👎🏽: 料金が違う", "料金が違う"), ("👍", ""),
     ("that answer was bad because it lies", "that answer was bad because it lies")],
)
def test_the_reason_is_what_the_person_wrote(text: str, reason: str) -> None:
    assert reason_of(text) == reason
