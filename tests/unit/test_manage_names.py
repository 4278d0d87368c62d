"""Names stand for jobs and tries wherever those can be named; the team's model answers where nobody names one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from desk_house import Person, a_desk, button, words
from judging_house import a_court

from bot import watch
from bot.language.commands import Command
from bot.language.parser import parse
from bot.manage import hearing, names
from bot.phrases import Language
from bot.replies import Button
from tuner.events import TrialRecord
from tuner.store.labels import Named

UNKNOWN = Command(intent="unknown")
CASES = Path(__file__).resolve().parents[1] / "language" / "cases"


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    """Somebody whose team has three finished jobs with two checkpoints each; try 1 is the best."""
    async with a_desk(tmp_path) as made:
        await made.has_data("faq.csv")
        for number in range(1, 4):
            await made.press(button(await made.say(f"tune lr between 1e-5 and 1e-3 with {number + 1} trials"), "start"))
            job = await made.store.claim("w", 60)
            assert job is not None
            for trial, value in enumerate((0.5, 0.4)):
                record = TrialRecord(number=trial, settings=dict(job.plan.defaults), state="complete", value=value)
                await made.store.record_trial(job.id, "w", record)
                await made.store.add_checkpoint(job.id, "w", trial, f"teams/team/{number}-{trial}", "s", value)
            await made.store.release(job.id, "w", "finished")
        yield made


async def talks_with(person: Person, text: str) -> str:
    """Who is talked with after `text`."""
    await person.say(text)
    state = await person.store.dialogue(person.name, f"{person.team}/{person.channel}") or {}
    speaker = (state.get("chat") or {}).get("model", "")
    await person.say("bye")
    await person.say("さようなら")
    return str(speaker)


@pytest.mark.parametrize("text", [
    "call job 2 refund bot", "Please call job 2 “the refund bot”.", "rename job 2 to Refund Bot",
    "name job 2 refund bot",
])
async def test_a_job_is_given_a_name_in_english(person: Person, text: str) -> None:
    assert "is now called" in words(await person.say(text))
    found = await person.store.labels.meaning("team", "refund bot")
    assert found is not None
    assert (found.job, found.trial, found.person) == (2, None, "aki")


@pytest.mark.parametrize("text", [
    "ジョブ2を返品ボットと呼んで", "ジョブ2を「返品ボット」と呼んでください。", "ジョブ２の名前を返品ボットにして",
    "ジョブ2に返品ボットという名前を付けて",
])
async def test_a_job_is_given_a_name_in_japanese(person: Person, text: str) -> None:
    assert "「返品ボット」と呼びます" in words(await person.say(text))
    found = await person.store.labels.meaning("team", "返品ボット")
    assert found is not None
    assert (found.job, found.trial) == (2, None)


@pytest.mark.parametrize(("named", "said", "model"), [
    ("call job 2 refund bot", "chat with refund bot", "team/job-2-trial-1"),
    ("call job 2 refund bot", "chat with the Refund Bot please", "team/job-2-trial-1"),
    ("call trial 0 of job 2 calm one", "chat with calm one", "team/job-2-trial-0"),
    ("ジョブ2を返品ボットと呼んで", "返品ボットと話したい", "team/job-2-trial-1"),
    ("ジョブ2の試行0を穏やかさんと呼んで", "穏やかさんと話したい", "team/job-2-trial-0"),
])
async def test_a_name_is_talked_with(person: Person, named: str, said: str, model: str) -> None:
    await person.say(named)
    assert await talks_with(person, said) == model


@pytest.mark.parametrize(("said", "expected"), [
    ("compare refund bot and base", "compare job 2 and base"),
    ("compare refund bot with calm one", "compare job 2 with trial 0 of job 3"),
    ("export refund bot", "export job 2"),
    ("how far is refund bot?", "how far is job 2?"),
    ("stop refund bot", "stop job 2"),
    ("ask refund bot: what does the refund bot do?", "ask job 2: what does the refund bot do?"),
    ("返品ボットを書き出して", "ジョブ1を書き出して"),
    ("返品ボットとベースを比べて", "ジョブ1とベースを比べて"),
    ("redo refund bot with 20 trials", "redo job 2 with 20 trials"),
])
async def test_a_name_becomes_its_number(person: Person, said: str, expected: str) -> None:
    await person.say("call job 2 refund bot")
    await person.say("call trial 0 of job 3 calm one")
    await person.say("ジョブ1を返品ボットと呼んで")
    assert await names.spelled_out(person.store, "team", said) == expected


@pytest.mark.parametrize("said", [
    "tune refund bot.csv with 20 trials", "tune on the refund bot data", "what is a refund bot?",
    "refund bots are nice", "ask the best: “is refund bot good?”", "use refund bot.csv", "my refund bot is ill today",
])
async def test_a_name_changes_no_words_about_other_things(person: Person, said: str) -> None:
    await person.say("call job 2 refund bot")
    assert await names.spelled_out(person.store, "team", said) == said


@pytest.mark.parametrize("said", [
    "pause it for lunch", "stop for lunch", "stop after lunch", "lunchまであと1時間", "lunchに止めて",
])
async def test_an_hour_that_is_also_a_name_changes_no_job(person: Person, said: str) -> None:
    await person.say("call job 2 lunch")
    assert await names.spelled_out(person.store, "team", said) == said


async def test_a_taken_name_says_whose_it_is(person: Person) -> None:
    await person.say("call job 2 refund bot")
    said = words(await person.say("call job 3 Refund Bot"))
    assert "already the name of job 2" in said
    assert "もうジョブ2の名前です" in words(await person.say("ジョブ3をrefund botと呼んで"))
    await person.say("forget the name refund bot")
    assert "is now called" in words(await person.say("call job 3 refund bot"))


@pytest.mark.parametrize(("name", "why"), [
    ("42", "at least one letter"), ("best", "already means something"), ("x" * 41, "too long"),
    ("a@everyone", "signs in it"), ("job 1", "already means something"), ("status", "already means something"),
    ("the team's model", "already means something"), ("help", "already means something"),
])
async def test_what_could_be_mistaken_is_no_name(person: Person, name: str, why: str) -> None:
    assert why in words(await person.say(f"call job 2 “{name}”"))
    assert await person.store.labels.names("team") == []


async def test_a_job_or_try_that_is_not_there_gets_no_name(person: Person) -> None:
    assert "no job 9" in words(await person.say("call job 9 refund bot"))
    assert "no try 7" in words(await person.say("call trial 7 of job 2 refund bot"))
    assert await person.store.labels.names("team") == []


async def test_names_show_in_history_and_status(person: Person) -> None:
    await person.say("call job 2 refund bot")
    assert "2 | refund bot | " in words(await person.say("history"))
    assert "Job 2 (“refund bot”)" in words(await person.say("how far is refund bot?"))


async def test_another_team_neither_knows_nor_takes_a_name(person: Person) -> None:
    await person.say("call job 2 refund bot")
    person.team = "other"
    assert await names.spelled_out(person.store, "other", "chat with refund bot") == "chat with refund bot"
    assert "refund" not in words(await person.say("history refund")).replace("“refund”", "")


@pytest.mark.parametrize("text", [
    "make job 2 the team's model", "promote job 2", "promote the best of job 2", "use job 2 as our team model",
    "ジョブ2をチームのモデルにして", "ジョブ2を昇格させてください", "チームのモデルをジョブ2にして",
])
async def test_the_teams_model_answers_where_no_job_is_named(person: Person, text: str) -> None:
    assert await talks_with(person, "chat") == "team/job-3-trial-1"
    said = words(await person.say(text))
    assert "team's model" in said or "チームのモデル" in said
    for words_ in ("chat", "話したい", "chat with the team's model", "チームのモデルと話したい"):
        assert await talks_with(person, words_) == "team/job-2-trial-1", words_
    assert await talks_with(person, "chat with job 3") == "team/job-3-trial-1"


async def test_a_promotion_is_told_and_taken_back(person: Person) -> None:
    await person.say("promote trial 0 of job 1")
    said = await person.say("make job 2 the team's model")
    assert "Before it was try 0 of job 1" in words(said)
    assert "try 1 of job 2" in words(await person.say("what is the team's model?"))
    assert "chosen by aki on 2027-" in words(await person.say("what is the team's model?"))
    assert "Its try 1 is the team's model" in words(await person.say("status of job 2"))
    assert "again" in words(await person.press(button(said, "undo")))
    assert "ジョブ1の試行0" in words(await person.say("チームのモデルは？"))
    assert "There is none now" in words(await person.say("undo the promotion"))
    assert "No model" in words(await person.say("chat with the team's model"))


async def test_who_may_not_promote_is_told_so(person: Person) -> None:
    assert "kept for certain people" in words(await person.say("promote job 2", denied=("promote",)))
    assert await person.store.labels.promoted("team") is None
    await person.say("promote job 2")
    assert "kept for certain people" in words(await person.say("undo the promotion", denied=("promote",)))
    assert await person.store.labels.promoted("team") is not None


async def test_a_job_without_a_checkpoint_cannot_be_promoted(person: Person) -> None:
    await person.press(button(await person.say("tune lr between 1e-5 and 1e-3 with 3 trials"), "start"))
    assert "no finished try" in words(await person.say("promote job 4"))
    assert "no such try" in words(await person.say("promote trial 9 of job 2"))
    assert await person.store.labels.promoted("team") is None


def cases() -> list[dict[str, Any]]:
    lines = [line for path in sorted(CASES.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines if line]


def test_nothing_that_meant_something_before_is_taken_away() -> None:
    """Of thousands of sentences only those about old jobs may be read as a search of them."""
    stolen = []
    for case in cases():
        wish = hearing.heard(case["text"], parse(case["text"]), ())
        wanted = (case.get("expect") or case.get("command") or case).get("intent")
        if wish is not None and (wish.kind, wanted) != ("search", "history") and wanted != "unknown":
            stolen.append((case["text"], wish.kind, wanted))
    assert stolen == []


@pytest.mark.parametrize("text", [
    "call it a day", "call job 3 off", "call me when job 3 is done", "let's call it quits", "make it better",
    "name three reasons", "give me a name for my bot", "call the customer back", "promote the event",
    "name the best restaurant", "make this model", "this model should be called once a day",
    "the team's model train is broken", "どう呼べばいい？", "名前を教えて", "チームのモデルケースを見せて",
])
def test_talk_among_people_names_and_promotes_nothing(text: str) -> None:
    assert hearing.heard(text, parse(text), ()) is None


@pytest.mark.parametrize("text", [
    "call " * 2000, "please " * 40 + "x", "ください" * 70, "名前" * 140, "the " * 70 + "jobs",
])
def test_long_and_odd_words_are_read_in_no_time(text: str) -> None:
    """A pattern whose time grows faster than the words would not end before the test's own limit."""
    assert hearing.heard(text, UNKNOWN, [Named(name="a b", job=1, trial=None, person="p", at=0.0)]) is None


@pytest.mark.parametrize(("language", "title", "named", "row"), [
    ("en", "Job 1 “bike bot”: the result", "Names: “gold” is try 1.", "1 “gold” |"),
    ("ja", "ジョブ1「bike bot」の結果", "付けた名前：「gold」は試行1", "1「gold」 |"),
])
async def test_names_stand_on_reports(tmp_path: Path, language: Language, title: str, named: str, row: str) -> None:
    async with a_court(tmp_path, language=language) as court:
        for text in ("call job 1 bike bot", "call try 1 of job 1 gold"):
            await court.aki.say(text)
        store = court.aki.store
        (job,) = await store.jobs(court.aki.team)
        followed = [each async for each in watch.follow(store, job, language, store.home, clock=court.aki.clock)]
        for replies in (await court.aki.say("explain the result of job 1"), followed):
            assert title in words(replies)
            assert named in words(replies)
        pressed = Button(name="details", label="-", action="details:1")
        assert row in words(await court.aki.press(pressed))
