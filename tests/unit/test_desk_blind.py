"""Blind pairs at the desk: nothing gives away whose answer is whose, before one has voted; votes count once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from desk_house import button, words
from judging_house import Court, a_court, actions, pair_card, with_data, with_job

from bot.judging.wish import MOST_QUESTIONS
from bot.replies import Button, Card, Reply, Table, Text
from tuner.data.examples import read
from tuner.data.split import split

EVERYTHING = ("onsa-tiny", "untouched", "job 1", "try 1", "trial", "base", "best")


def voted(action: str) -> Button:
    return Button(name="x", label="x", action=action)


async def test_two_answers_come_without_names_and_the_names_come_with_the_vote(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        court.models.says = {"trial-1": "In room nine.", "base": "I do not know."}
        card = pair_card(await court.aki.say('compare "Where is it?"'))
        seen = words([card]).casefold()
        assert "where is it?" in seen
        assert {card.fields[1][1], card.fields[2][1]} == {"In room nine.", "I do not know."}
        assert not [name for name in EVERYTHING if name in seen]
        assert not any(name in button.action for name in ("trial", "base", "job") for button in card.buttons)
        left = "Job 1, try 1" if card.fields[1][1] == "In room nine." else "onsa-tiny, untouched"
        (names,) = await court.aki.press(button([card], "left"))
        assert f"Left: {left}" in words([names])
        assert "left 1, right 0" in words([names])


async def test_nothing_is_shown_before_both_answers_are_complete(tmp_path: Path) -> None:
    for late in ("trial-1", "base"):
        async with a_court(tmp_path / late) as court:
            court.models.waits[late] = asyncio.Event()
            shown: list[Reply] = []

            async def ask(court: Court = court, shown: list[Reply] = shown) -> None:
                shown.extend(await court.aki.say('compare "Where is it?"'))

            asking = asyncio.create_task(ask())
            async with asyncio.timeout(60):
                while len(court.models.asked) < 2:  # noqa: ASYNC110 - both are asked at once
                    await asyncio.sleep(0)
            for _ in range(50):
                await asyncio.sleep(0)
            assert shown == []
            court.models.waits[late].set()
            await asking
            pair_card(shown)


async def test_the_lot_puts_either_model_on_either_side_and_is_recorded(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        court.models.says = {"trial-1": "tuned says", "base": "base says"}
        sides = []
        for _ in range(24):
            card = pair_card(await court.aki.say('compare "Where is it?"'))
            sides.append(card.fields[1][1])
        stored = [pair.left_subject for pair in await court.aki.store.opinions.pairs("team")]
        assert 4 <= sides.count("base says") <= 20
        assert sorted(stored).count("base/onsa-tiny") == sides.count("base says")


async def test_one_failed_answer_shows_neither_and_keeps_no_pair(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        court.models.fails = {"base"}
        (said,) = await court.aki.say('compare "Where is it?"')
        assert isinstance(said, Text)
        assert "trial-1" not in said.text
        assert await court.aki.store.opinions.pairs("team") == []


async def test_everybody_votes_once_and_may_change_it(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        ben = court.other("ben")
        card = pair_card(await court.aki.say('compare "Where is it?"'))
        await court.aki.press(button([card], "left"))
        await court.aki.press(button([card], "left"))
        said = words(await ben.press(button([card], "right")))
        assert "2 votes so far: left 1, right 1" in said
        changed = words(await court.aki.press(button([card], "tie")))
        assert "I changed your vote" in changed
        assert "left 0, right 1, both the same 1" in changed
        assert "I changed" not in words(await ben.press(button([card], "right")))


async def test_votes_stay_hidden_from_somebody_who_has_not_voted(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        card = pair_card(await court.aki.say('compare "Where is it?"'))
        await court.aki.press(button([card], "left"))
        peeking = await court.other("ben").press(voted(actions(card)["left"].replace("left:", "names:")))
        said = words(peeking)
        assert "after your vote" in said
        assert "try 1" not in said
        assert "left 1" not in said
        again = words(await court.aki.press(voted(actions(card)["left"].replace("left:", "names:"))))
        assert "try 1" in again


async def test_a_vote_in_words_is_kept_but_names_nobody_where_others_read(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        await court.aki.say('compare "Where is it?"')
        replies = await court.aki.say("the left one is better")
        assert "try 1" not in words(replies)
        assert [vote.choice for vote in await court.aki.store.opinions.votes("team")] == ["left"]
        assert "try 1" in words(await court.aki.press(button(replies, "names")))


async def test_a_vote_without_a_pair_is_none(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        assert "no pair of answers" in words(await court.aki.say("the left one is better"))
        assert await court.aki.store.opinions.votes("team") == []


async def test_ten_questions_come_one_by_one_none_twice_and_none_from_training_or_test(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        intro, first = await court.aki.say("compare 10")
        assert "I found only 5 questions" in words([intro])
        card, asked = pair_card([first]), []
        for place in range(5):
            assert f"Question {place + 1} of 5" in card.title
            asked.append(card.fields[0][1])
            replies = await court.aki.press(button([card], ("left", "right")[place % 2]))
            if place < 4:
                card = pair_card(replies)
        assert len(replies) == 1
        assert len(set(asked)) == 5
        examples = await asyncio.to_thread(read, tmp_path / "data" / "examples.jsonl")
        parts = split(examples, 7, (10, 5, 5))
        assert set(asked) == {example.question for example in parts.validation}


async def test_two_jobs_with_other_splits_are_asked_only_what_neither_was_trained_or_sealed_on(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        dataset = await court.aki.store.dataset("team", "faq.csv")
        assert dataset is not None
        await with_job(court.aki, dataset, seed=99)
        _, card = await court.aki.say("compare job 1 and job 2 on 20 questions")
        examples = await asyncio.to_thread(read, tmp_path / "data" / "examples.jsonl")
        parts = [split(examples, seed, (10, 5, 5)) for seed in (7, 99)]
        free = set.intersection(*({example.question for example in part.validation} for part in parts))
        assert 0 < len(free) < 5, "else the test shows nothing"
        asked = []
        while True:
            asked.append(pair_card([card]).fields[0][1])
            replies = await court.aki.press(button([card], "left"))
            if len(replies) == 1:
                break
            card = replies[1]
        assert set(asked) == free


async def test_a_second_round_asks_what_these_two_were_not_asked_yet(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        _, first = await court.aki.say("compare 3")
        seen = {pair_card([first]).fields[0][1]}
        for _ in range(2):
            first = pair_card(await court.aki.press(button([first], "left")))
            seen.add(first.fields[0][1])
        _, fresh = await court.aki.say("compare 2")
        assert pair_card([fresh]).fields[0][1] not in seen


async def test_questions_that_the_team_asked_serve_where_the_data_is_gone(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        await asyncio.to_thread((tmp_path / "data" / "examples.jsonl").unlink)
        assert "no question to ask" in words(await court.aki.say("compare"))
        await court.aki.say('compare "Where is the lift?"')
        assert pair_card(await court.aki.say("compare")).fields[0][1] == "Where is the lift?"


async def test_too_many_questions_are_cut_to_what_people_bear(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        intro, _ = await court.aki.say("compare 500")
        assert f"More than {MOST_QUESTIONS}" in words([intro])


async def test_the_next_pair_comes_once_however_many_vote_and_a_lost_one_can_be_shown_again(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        _, card = await court.aki.say("compare 3")
        second = pair_card(await court.aki.press(button([card], "left")))
        replies = await court.other("ben").press(button([card], "right"))
        assert len(replies) == 1
        again = pair_card(await court.other("ben").press(button(replies, "next")))
        assert again == second
        assert len(await court.aki.store.opinions.pairs("team")) == 2


async def test_two_votes_at_the_same_moment_bring_one_next_pair(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        _, card = await court.aki.say("compare 3")
        both = await asyncio.gather(
            court.aki.press(button([card], "left")), court.other("ben").press(button([card], "right")))
        pairs = [reply for replies in both for reply in replies if isinstance(reply, Card)]
        assert len(pairs) == 1
        assert len(await court.aki.store.opinions.pairs("team")) == 2


async def test_a_round_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        _, card = await court.aki.say("compare 3")
    async with a_court(tmp_path, jobs=0, seed=9) as later:
        names, following = await later.aki.press(button([card], "left"))
        assert "Left:" in words([names])
        assert "Question 2 of 3" in pair_card([following]).title


async def test_the_same_words_delivered_again_make_no_second_pair(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        first = await court.aki.say("compare", message_id="m-7")
        again = await court.aki.say("compare", message_id="m-7")
        assert first == again
        assert len(await court.aki.store.opinions.pairs("team")) == 1


@pytest.mark.parametrize(
    ("text", "subjects"),
    [("compare job 1", {"job-1/trial-1", "base/onsa-tiny"}),
     ("compare trial 2 and the defaults of job 1", {"job-1/trial-2", "job-1/trial-0"}),
     ("compare trials 0 and 2 of job 1", {"job-1/trial-0", "job-1/trial-2"}),
     ("compare job 1 and job 2", {"job-1/trial-1", "job-2/trial-1"}),
     ("compare trial 2 of job 2 with the original", {"job-2/trial-2", "base/onsa-tiny"}),
     ("compare the defaults of job 1", {"job-1/trial-0", "job-1/trial-1"}),
     ("compare the last two jobs", {"job-1/trial-1", "job-2/trial-1"}),
     ("ジョブ1とジョブ2を比べて", {"job-1/trial-1", "job-2/trial-1"})],
)
async def test_any_two_models_of_the_team_can_be_compared(tmp_path: Path, text: str, subjects: set[str]) -> None:
    async with a_court(tmp_path, jobs=2) as court:
        pair_card(await court.aki.say(text))
        (pair,) = await court.aki.store.opinions.pairs("team")
        assert {pair.left_subject, pair.right_subject} == subjects


@pytest.mark.parametrize(
    ("text", "why"),
    [("compare trial 9 and the defaults", "no such try"), ("compare job 7 and job 1", "no job 7"),
     ("compare trial 1 and trial 1", "same model"), ("compare job 1 trial 1 and the best", "same model")],
)
async def test_what_cannot_be_compared_is_said(tmp_path: Path, text: str, why: str) -> None:
    async with a_court(tmp_path) as court:
        assert why in words(await court.aki.say(text))
        assert court.models.asked == []


async def test_the_same_answer_from_both_asks_for_no_vote_and_goes_on(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        court.models.says = {"trial-1": "Yes.", "base": "Yes.\n"}
        replies = await court.aki.say("compare 2")
        assert not any(isinstance(reply, Card) for reply in replies)
        assert words(replies).count("nothing to vote on") == 2


async def test_a_team_without_a_job_is_told_how_to_begin(tmp_path: Path) -> None:
    async with a_court(tmp_path, jobs=0) as court:
        assert "tune it" in words(await court.aki.say("compare"))


async def test_another_team_can_neither_see_nor_vote_nor_go_on(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        _, card = await court.aki.say("compare 3")
        eve = court.other("eve", team="spies")
        for reply in pair_card([card]).buttons:
            assert "time of that button is over" in words(await eve.press(reply))
        for verb in ("names", "next"):
            pressed = voted(actions(card)["left"].replace("left:", f"{verb}:"))
            assert "time of that button is over" in words(await eve.press(pressed))
        assert "Nobody has voted" in words(await eve.say("leaderboard"))
        assert await court.aki.store.opinions.votes("team") == []
        assert "no job 1" in words(await eve.say("compare trial 1 and the defaults of job 1"))


async def test_the_leaderboard_tells_order_luck_and_what_is_missing(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        court.models.says = {"trial-1": "tuned", "base": "untouched"}
        people = [court.other(name) for name in ("ana", "ben", "cho")]
        for n in range(9):
            card = pair_card(await court.aki.say(f'compare "Where is number {n}?"'))
            side = "left" if card.fields[1][1] == "tuned" else "right"
            await people[n % 3].press(button([card], side))
            if n == 3:
                early = words(await court.aki.say("leaderboard"))
                assert "preferred to onsa-tiny, untouched in 4 of 4 votes" in early
                assert "could still be luck: equal models would be at least this far apart 12% of the time" in early
                assert "about 4 more questions would tell" in early
        replies = await court.aki.say("show me the leaderboard")
        assert isinstance(replies[0], Table)
        assert [row[1] for row in replies[0].rows] == ["Job 1, try 1", "onsa-tiny, untouched"]
        assert [row[0] for row in replies[0].rows] == ["1", "2"]
        said = words(replies)
        assert "9 of 9 votes" in said
        assert "That is no luck" in said
        assert "3 people" in said


async def test_models_that_are_level_are_called_level(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        court.models.says = {"trial-1": "tuned", "base": "untouched"}
        for number, wanted in enumerate(("tuned", "untouched")):
            card = pair_card(await court.aki.say(f'compare "Where is number {number}?"'))
            await court.aki.press(button([card], "left" if card.fields[1][1] == wanted else "right"))
        said = words(await court.aki.say("leaderboard"))
        assert "are level: 1 to 1 in 2 votes. Nothing speaks for either so far." in said
        assert "100%" not in said
        assert "200 more votes" not in said


async def test_one_persons_votes_are_called_one_persons(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        card = pair_card(await court.aki.say('compare "Where is it?"'))
        replies = await court.aki.press(button([card], "left"))
        assert "one person's" in words(await court.aki.press(button(replies, "leaderboard")))


async def test_each_teams_leaderboard_holds_its_own_votes_only(tmp_path: Path) -> None:
    """Two teams with the same job and try numbers, in one home."""
    async with a_court(tmp_path) as court:
        eve = court.other("eve", team="spies")
        await with_job(eve, await with_data(eve))
        for person in (court.aki, eve):
            for _ in range(3 if person is eve else 1):
                card = pair_card(await person.say('compare "Where is it?"'))
                await person.press(button([card], "left"))
        assert "1 vote of 1 person" in words(await court.aki.say("leaderboard"))
        assert "3 votes of 1 person" in words(await eve.say("leaderboard"))


async def test_japanese_people_judge_in_japanese(tmp_path: Path) -> None:
    async with a_court(tmp_path, language="ja") as court:
        intro, card = await court.aki.say("3問で比べて")
        assert "訓練に使っていない質問3問です" in words([intro])
        assert "3問中1問目" in pair_card([card]).title
        names, _ = await court.aki.press(button([card], "左"))
        assert "ジョブ1・試行1" in words([names])
        assert "ここまで1票：左1" in words([names])
        board = words(await court.aki.say("順位表を見せて"))
        assert "まだ偶然かもしれません" in board
        assert "どれも一人の票です" in board
