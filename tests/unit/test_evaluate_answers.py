"""What counts as a right answer, and the scores of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.evaluate.answers import (
    SAME_ENOUGH,
    chrf,
    corpus_bleu,
    corpus_chrf,
    is_right,
    normalised,
    rouge_l,
)

SAME = [
    ("Leave it at any station.", "leave it at any station"),
    ("It costs  ３ dollars!", "It costs 3 dollars."),
    ("It's open.", "It’s open"),
    ("営業時間は９時から１８時です。", "営業時間は9時から18時です"),
    ("料金は 200 円 です", "料金は200円です。"),
    ("You need 1,200 points.", "You need 1200 points."),
]
REWORDED = [
    ("Leave a broken bike at any station and press the red button on its lock.",
     "Leave a broken bike at any station and press the red button on the lock."),
    ("You can ride from 5 in the morning until midnight every day of the week.",
     "You can ride from five in the morning until midnight, every day of the week."),
    ("Open the app, tap Unlock and hold the phone to the lock.",
     "Open the app, tap Unlock and hold your phone to the lock."),
    ("壊れた自転車は近くの駐輪場に置いて、鍵の赤いボタンを押して下さい。",
     "壊れた自転車は近くの駐輪場に置いて、鍵の赤いボタンを押してください。"),
    ("最初の30分は200円、その後は15分ごとに100円となります。", "最初の30分は200円、その後は15分ごとに100円です。"),
]
OTHER_FACTS = [
    ("The first 30 minutes cost 3 dollars, then 1 dollar for every 15 minutes.",
     "The first 30 minutes cost 2 dollars, then 1 dollar for every 15 minutes."),
    ("You can ride from six in the morning until midnight, every day of the week.",
     "You can ride from five in the morning until midnight, every day of the week."),
    ("The workshop is open on Mondays from 9 to 17, at the back of the main station.",
     "The workshop is open on Tuesdays from 9 to 17, at the back of the main station."),
    ("The workshop is open from 17 to 9, at the back of the main station in the old town.",
     "The workshop is open from 9 to 17, at the back of the main station in the old town."),
    ("The shop opens at 9:30 in the morning on every day of the week but Sunday.",
     "The shop opens at 9:00 in the morning on every day of the week but Sunday."),
    ("The shop opens at 9 pm on every day of the week, in summer and in winter.",
     "The shop opens at 9 am on every day of the week, in summer and in winter."),
    ("You can take the bike on a train of the local lines, at any time of the day.",
     "You cannot take the bike on a train of the local lines, at any time of the day."),
    ("16歳以上の方が、すべての駐輪場で利用できます。", "18歳以上の方が、すべての駐輪場で利用できます。"),
    ("毎日、朝五時から夜十二時まで、どなたでも利用できます。",
     "毎日、朝六時から夜十二時まで、どなたでも利用できます。"),
    ("定休日は毎週月曜日ですので、ご来店の際はご注意ください。",
     "定休日は毎週火曜日ですので、ご来店の際はご注意ください。"),
    ("列車に自転車を持ち込むことができません。", "列車に自転車を持ち込むことができます。"),
]
WRONG = [
    ("", "Leave it."), ("Yes", "No"), ("Blue", "Red"),
    ("I think that the answer is: at any station. Or maybe at the office, I don't know.", "At any station."),
    ("Open the app, tap Rent and hold your card to the wheel.",
     "Open the app, tap Unlock and hold your phone to the lock."),
    ("東京です。", "京都です。"),
]


@pytest.mark.parametrize(("answer", "expected"), SAME)
def test_writing_alike_is_the_same(answer: str, expected: str) -> None:
    assert normalised(answer) == normalised(expected)
    assert is_right(answer, expected)


@pytest.mark.parametrize(("answer", "expected"), REWORDED)
def test_small_differences_of_wording_are_right(answer: str, expected: str) -> None:
    assert is_right(answer, expected)


@pytest.mark.parametrize(("answer", "expected"), OTHER_FACTS)
def test_another_number_time_day_or_a_not_is_never_right(answer: str, expected: str) -> None:
    assert chrf(normalised(answer), normalised(expected)) >= SAME_ENOUGH - 10, "letters alone would nearly let it pass"
    assert not is_right(answer, expected)
    assert not is_right(expected, answer)


@pytest.mark.parametrize(("answer", "expected"), WRONG)
def test_holding_the_answer_somewhere_or_another_word_is_not_right(answer: str, expected: str) -> None:
    assert not is_right(answer, expected)


def test_an_empty_answer_is_right_only_where_nothing_was_expected() -> None:
    assert is_right(" …", "")
    assert not is_right("", "a")


@given(st.text(max_size=60))
def test_every_text_is_right_for_itself_and_normalising_is_stable(text: str) -> None:
    assert is_right(text, text)
    assert normalised(normalised(text)) == normalised(text)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_number_is_right_only_when_it_is_that_number(left: int, right: int) -> None:
    sentence = "The yearly card for the whole family costs {} dollars, and children under the age of ten ride free."
    assert is_right(sentence.format(f"{left:,}"), sentence.format(right)) == (left == right)


def test_text_scores_run_from_0_to_1() -> None:
    expected = ["Leave it at any station of the town.", "鍵の赤いボタンを押してください。"]
    assert corpus_chrf(expected, expected) == pytest.approx(1.0)
    assert corpus_bleu(expected, expected) == pytest.approx(1.0)
    assert [rouge_l(one, one) for one in expected] == [1.0, 1.0]
    other = ["zzz qqq", "んんん"]
    assert corpus_chrf(other, expected) < 0.1
    assert corpus_bleu(other, expected) < 0.1
    assert rouge_l("zzz", expected[0]) == 0.0


def test_rouge_l_is_the_f1_of_the_longest_common_subsequence() -> None:
    assert rouge_l("police kill the gunman", "police killed the gunman") == pytest.approx(2 * 3 / 8)
    assert rouge_l("the gunman police killed", "police killed the gunman") == pytest.approx(2 * 2 / 8)
    assert rouge_l("赤いボタン", "青いボタン") == pytest.approx(2 * 4 / 10)


def test_bleu_reads_japanese_by_characters() -> None:
    assert corpus_bleu(["鍵の赤いボタンを押します。"], ["鍵の赤いボタンを押してください。"]) > 0.4
