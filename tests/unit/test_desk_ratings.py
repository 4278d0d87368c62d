"""Verdicts on answers in chat: kept with what they are about, told in the report, and turned into new examples."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from desk_house import Person, button, words
from judging_house import Court, a_court, actions, ask, with_job

from bot import watch
from bot.judging.corrections import next_version
from bot.replies import Button, Card, Reply
from bot.utterance import Attachment, Utterance
from tuner.data.examples import read
from tuner.embedded import sample_path
from tuner.store.opinions import Rating
from tuner.store.records import Job


def pressed(action: str) -> Button:
    return Button(name="x", label="x", action=action)


async def ratings(person: Person) -> list[Rating]:
    return await person.store.opinions.ratings(person.team)


async def test_a_thumb_is_kept_with_prompt_answer_checkpoint_and_reason(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        court.models.says = {"trial-1": "It costs 9 francs."}
        await ask(court.aki, "ask the best one: what does it cost?")
        said = words(await court.aki.say("👎 the price is wrong"))
        (rating,) = await ratings(court.aki)
        assert rating.messages == ({"role": "user", "content": "what does it cost?"},)
        assert rating.answer.strip() == "It costs 9 francs."
        assert (rating.subject, rating.job) == ("job-1/trial-1", 1)
        assert (rating.verdict, rating.reason, rating.person) == ("bad", "the price is wrong", "aki")
        assert "1 answer of this job is marked bad. Correct it and tune again?" in said


async def test_the_buttons_under_an_answer_rate_that_answer_also_for_others_and_after_a_restart(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        first = await ask(court.aki, "ask the best one: one?")
        await ask(court.aki, "ask the best one: two?")
    async with a_court(tmp_path, jobs=0) as later:
        await later.other("ben").press(pressed(actions(first)["good"]))
        (rating,) = await ratings(later.aki)
        assert (rating.person, rating.verdict) == ("ben", "good")
        assert rating.messages[-1]["content"] == "one?"


async def test_pressing_twice_counts_once_and_a_change_of_mind_counts(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        stream = await ask(court.aki, "ask the best one: one?")
        for verb in ("good", "good", "poor"):
            await court.aki.press(pressed(actions(stream)[verb]))
        assert [each.verdict for each in await ratings(court.aki)] == ["bad"]


async def test_a_thumb_in_a_conversation_rates_and_is_not_said_to_the_model(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        await court.aki.say("chat with the best one")
        await ask(court.aki, "hello there")
        asked = len(court.models.asked)
        assert "bad answer" in words(await court.aki.say("👎 rude"))
        assert len(court.models.asked) == asked
        await ask(court.aki, "and now?")
        assert [message["content"] for message in court.models.asked[-1][1]][-1] == "and now?"
        assert not any("👎" in message["content"] for message in court.models.asked[-1][1])


async def test_the_report_at_a_jobs_end_tells_what_people_said_and_leads_to_the_corrections(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        (first,) = await court.aki.store.jobs(court.aki.team)
        await ask(court.aki, "ask the best one: what does it cost?")
        await court.aki.say("👎 the price is wrong")
        last = await _last_of(court, first)
        assert "1 answer was marked bad; correct it and tune again?" in words([last])
        assert "the price is wrong" in words([last])
        dataset = await court.aki.store.dataset(court.aki.team, first.plan.dataset)
        assert dataset is not None
        later = await _last_of(court, await with_job(court.aki, dataset))
        assert "Of earlier jobs, 1 answer that was marked bad waits" in words([later])
        shown = await court.aki.press(button([later], "correct"))
        assert "What should it have said?" in words(shown)


async def _last_of(court: Court, job: Job) -> Reply:
    store = court.aki.store
    return [reply async for reply in watch.follow(store, job, "en", store.home, clock=court.aki.clock)][-1]


async def test_words_that_do_not_say_whether_it_was_good_are_asked_about(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        assert "which answer you mean" in words(await court.aki.say("that answer was great"))
        await ask(court.aki, "ask the best one: one?")
        replies = await court.aki.say("rate that answer")
        assert "good or bad" in words(replies)
        await court.aki.press(button(replies, "poor"))
        assert [each.verdict for each in await ratings(court.aki)] == ["bad"]


async def test_the_report_and_the_details_tell_what_people_said(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        assert "What people said" not in words(await court.aki.say("explain the result of job 1"))
        await ask(court.aki, "ask the best one: one?")
        await court.aki.say("👎 too long")
        await ask(court.aki, "ask the best one: two?")
        await court.other("ben").press(pressed(actions(await ask(court.aki, "ask the best one: three?"))["good"]))
        for text in ("explain the result of job 1", "what are the best settings of job 1?"):
            said = words(await court.aki.say(text))
            assert "1 good, 1 bad (2 people)" in said
            assert "too long" in said
            assert "correct it and tune again" in said


async def test_another_team_can_neither_rate_nor_correct_nor_see_ratings(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        stream = await ask(court.aki, "ask the best one: one?")
        eve = court.other("eve", team="spies")
        assert "no longer have that answer" in words(await eve.press(pressed(actions(stream)["poor"])))
        await court.aki.press(pressed(actions(stream)["poor"]))
        assert "No answer is marked bad" in words(await eve.say("correct the bad answers"))
        for verb in ("correct:1", "write:1", "leave:1", "enough:1", "make:1"):
            said = words(await eve.press(pressed(verb)))
            assert "one?" not in said
            assert "faq" not in said
        (rating,) = await ratings(court.aki)
        assert rating.correction is None


async def _with_sample(court: Court) -> None:
    """The job's data set is the real sample, so that a new version can really be read."""
    path = sample_path("en")
    content = await asyncio.to_thread(path.read_bytes)
    said = Utterance(team="team", person="aki", channel="room", message_id="file", text="",
                     attachments=(Attachment(name="faq.csv", content=content),))
    async for _ in court.aki.desk.answer(said):
        pass
    dataset = await court.aki.store.dataset("team", "faq.csv")
    assert dataset is not None
    await with_job(court.aki, dataset)


@pytest.mark.slow
async def test_bad_answers_are_corrected_one_by_one_and_become_a_new_data_set(tmp_path: Path) -> None:
    async with a_court(tmp_path, jobs=0) as court:
        await _with_sample(court)
        faq = await court.aki.store.dataset("team", "faq.csv")
        assert faq is not None
        old = await asyncio.to_thread(read, tmp_path / faq.folder / "examples.jsonl")
        known = old[0].question
        for question in ("Do you sell skateboards?", known, "Is the moon made of cheese?"):
            await ask(court.aki, f'ask the best one: "{question}"')
            await court.aki.say("👎 wrong")
        (card,) = await court.aki.say("correct the bad answers")
        assert isinstance(card, Card)
        assert "3 answers to look at" in card.title
        assert "Do you sell skateboards?" in words([card])
        assert "wrong" in words([card])
        assert "Type the right answer" in words(await court.aki.press(button([card], "write")))
        (card,) = await court.aki.say("No, only bicycles and status symbols.")
        await court.aki.press(button([card], "write"))
        (card,) = await court.aki.say("A quite new answer.")
        offer = await court.aki.press(button([card], "leave"))
        assert "2 corrected answers are ready" in words(offer)
        assert len(await court.aki.store.datasets("team")) == 1
        made = words(await court.aki.press(button(offer, "make")))
        assert "faq-v2.jsonl is ready" in made
        assert "in place of 1 old example" in made
        fresh = await court.aki.store.dataset("team", "faq-v2.jsonl")
        assert fresh is not None
        rows = await asyncio.to_thread(read, tmp_path / fresh.folder / "examples.jsonl")
        answers = {row.question: row.answer for row in rows}
        assert answers["Do you sell skateboards?"] == "No, only bicycles and status symbols."
        assert answers[known] == "A quite new answer."
        assert "Is the moon made of cheese?" not in answers
        assert len(rows) == len(old) + 1
        plan = words(await court.aki.say("tune it"))
        assert "faq-v2.jsonl" in plan
        assert "No answer is marked bad" in words(await court.aki.say("correct the bad answers"))


@pytest.mark.slow
async def test_making_it_again_makes_the_same_data_set(tmp_path: Path) -> None:
    async with a_court(tmp_path, jobs=0) as court:
        await _with_sample(court)
        await ask(court.aki, "ask the best one: Do you sell skateboards?")
        replies = await court.aki.press(button(await court.aki.say("👎"), "correct"))
        await court.aki.press(button(replies, "write"))
        offer = await court.aki.say("No, only bicycles.")
        for _ in range(2):
            await court.aki.press(button(offer, "make"))
        assert len(await court.aki.store.datasets("team")) == 2


async def test_a_right_answer_is_typed_only_after_it_was_asked_for(tmp_path: Path) -> None:
    """Else the next order would be learnt as an answer."""
    async with a_court(tmp_path) as court:
        await ask(court.aki, "ask the best one: one?")
        await court.aki.say("👎")
        await court.aki.say("correct the bad answers")
        assert "Job 1 is finished" in words(await court.aki.say("how far is job 1?"))
        (rating,) = await ratings(court.aki)
        assert rating.correction is None


async def test_where_the_examples_are_gone_the_corrections_are_kept(tmp_path: Path) -> None:
    async with a_court(tmp_path) as court:
        await asyncio.to_thread((tmp_path / "data" / "examples.jsonl").unlink)
        await ask(court.aki, "ask the best one: one?")
        await court.aki.say("👎")
        await court.aki.press(button(await court.aki.say("correct the bad answers"), "write"))
        offer = await court.aki.say("Two.")
        assert "no longer on this machine" in words(await court.aki.press(button(offer, "make")))
        (rating,) = await ratings(court.aki)
        assert (rating.correction, rating.used_in) == ("Two.", None)


async def test_japanese_people_rate_and_correct_in_japanese(tmp_path: Path) -> None:
    async with a_court(tmp_path, language="ja") as court:
        await ask(court.aki, "一番いいモデルに「料金はいくらですか？」って聞いて")
        said = await court.aki.say("👎 料金が違う")
        assert "悪い回答として記録しました" in words(said)
        (card,) = await court.aki.press(button(said, "直す"))
        assert isinstance(card, Card)
        assert "料金はいくらですか" in words([card])
        assert "料金が違う" in words([card])
        await court.aki.press(button([card], "書く"))
        assert "直した回答が1件あります" in words(await court.aki.say("500円です。"))


def test_versions_are_counted_in_the_name() -> None:
    assert next_version("faq.csv") == "faq-v2.jsonl"
    assert next_version("faq-v2.jsonl") == "faq-v3.jsonl"
    assert next_version("質問集.xlsx") == "質問集-v2.jsonl"
    assert next_version("a.b.csv") == "a.b-v2.jsonl"
