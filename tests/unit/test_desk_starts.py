"""When a job starts that waits, asked for without its number: the one that is meant is told of, and nothing is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot.language.parser import parse
from bot.language.starting import start_asked
from tuner.events import JobStarted
from tuner.store.records import Job

ASKED = (
    "when does it start?", "when will it start?", "how long until it begins?", "when is it my turn?",
    "when's it going to start?", "what time will it start?", "how soon will it begin?", "do you know when it starts?",
    "why hasn't it started yet?", "how long do I have to wait?", "when does my job start?", "start time?",
    "いつ始まりますか？", "まだ始まりませんか", "あとどのくらいで始まる？", "順番はいつ来ますか", "開始はいつですか？",
    "私の番はまだですか？", "いつ動き出しますか？", "待ち時間はどれくらいですか？", "なぜまだ始まらないのですか？",
    "学習はいつから始まりますか？",
)
OTHERS = (
    "when does it finish?", "when will the run be done?", "how far is it?",
    "is it running?", "when did it start?", "what runs next?", "queue", "いつ終わりますか？", "まだ動いていますか？",
    "結果が出るまでどのくらい待ちますか？", "あとどのくらい？", "順番待ちを見せて",
)
NOT_OURS = (
    "when does the meeting start?", "when will school start?", "when should I start?", "start it at 5 pm",
    "when do you open?", "when job 3 ends, start mine", "会議はいつ始まりますか", "始まったら教えて", "始めて",
)
PLAN = "tune lr between 1e-5 and 1e-3 with 4 trials"


async def queued(person: Person) -> Job:
    await person.press(button(await person.say(PLAN), "start"))
    job = await person.store.job(person.team, "last")
    assert job is not None
    return job


async def run_first(person: Person) -> Job:
    job = await person.store.claim("worker", 10_000)
    assert job is not None
    await person.store.append(job.id, "worker", JobStarted(device="cpu", again=False))
    return job


async def states(person: Person) -> list[tuple[int, str, str]]:
    return [(job.number, job.state, job.wish) for job in await person.store.jobs(person.team)]


@pytest.mark.parametrize("text", ASKED)
def test_a_question_when_it_starts_is_one(text: str) -> None:
    assert parse(text).intent in ("queue", "status")
    assert start_asked(text) is not None


@pytest.mark.parametrize("text", OTHERS)
def test_another_question_about_jobs_is_none(text: str) -> None:
    assert parse(text).intent in ("queue", "status")
    assert start_asked(text) is None


@pytest.mark.parametrize("text", NOT_OURS)
def test_everyday_talk_about_starts_is_left_alone(text: str) -> None:
    assert parse(text).intent == "unknown"


@pytest.mark.parametrize(("text", "job"), [("when does job 12 start?", 12), ("ジョブ12はいつ始まりますか？", 12)])
def test_a_number_that_is_said_counts(text: str, job: int) -> None:
    asked = start_asked(text)
    assert asked is not None
    assert asked.job == job


@pytest.mark.parametrize("text", ASKED)
async def test_the_waiting_job_is_told_of_and_nothing_is_done(tmp_path: Path, text: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await queued(person)
        await run_first(person)
        second = await queued(person)
        before = await states(person)
        told = words(await person.say(text))
        assert ("Job 2 is waiting; 1 job is ahead of it." in told) or ("ジョブ2は順番待ちです（先に1件）。" in told)
        assert any(part in told for part in ("It starts when the job before it", "先の1件が終わると始まります"))
        assert await states(person) == before == [(second.number, "queued", ""), (1, "running", "")]


async def test_the_job_of_this_channel_is_meant_also_by_somebody_else(tmp_path: Path) -> None:
    """The first runs, one waits in each of two channels; who asks in the second one started none."""
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await queued(person)
        await run_first(person)
        await queued(person)
        there = replace(person, channel="other room", name="ben")
        await there.has_data()
        third = await queued(there)
        asking = replace(there, name="chie")
        assert f"Job {third.number} is waiting" in words(await asking.say("when does it start?"))
        assert "Job 2 is waiting" in words(await replace(asking, channel="room").say("when will it start?"))
        nowhere = words(await replace(asking, channel="third room").say("when does it start?"))
        assert "Running and waiting" in nowhere, "two wait elsewhere, so all are shown"


@pytest.mark.parametrize(("it", "mine"), [
    ("when does it start?", "when is it my turn?"), ("いつ始まりますか？", "私の番はいつですか？"),
])
async def test_it_is_the_one_spoken_of_last_and_my_turn_is_the_own_next(tmp_path: Path, it: str, mine: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await queued(person)
        await queued(person)
        told = words(await person.say(it))
        assert any(part in told for part in ("Job 2 is waiting", "ジョブ2は順番待ちです"))
        told = words(await person.say(mine))
        assert any(part in told for part in ("Job 1: Nothing is running", "ジョブ1：今は何も実行されていません。"))


async def test_where_one_waits_elsewhere_that_one_is_meant(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await queued(person)
        asking = replace(person, channel="elsewhere", name="chie")
        assert "Job 1 is waiting" in words(await asking.say("when does it start?"))
        assert "ジョブ1は順番待ちです" in words(await asking.say("いつ始まりますか？"))


@pytest.mark.parametrize(("text", "none", "runs"), [
    ("when does it start?", "No job is waiting to start.", "Job 1 is running"),
    ("いつ始まりますか？", "始まるのを待っているジョブはありません。", "ジョブ1は実行中です"),
])
async def test_where_none_waits_the_running_one_is_told_of(tmp_path: Path, text: str, none: str, runs: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await queued(person)
        await run_first(person)
        told = words(await person.say(text))
        assert none in told
        assert runs in told


@pytest.mark.parametrize(("text", "told"), [
    ("when does it start?", "Nothing is running and nothing waits."),
    ("まだ始まりませんか", "実行中のものも、順番待ちもありません。"),
])
async def test_where_there_is_no_job_that_is_said(tmp_path: Path, text: str, told: str) -> None:
    async with a_desk(tmp_path) as person:
        assert told in words(await person.say(text))


@pytest.mark.parametrize("text", ASKED)
async def test_a_plan_that_waits_for_its_start_is_not_started_by_the_question(tmp_path: Path, text: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.say(PLAN)
        told = words(await person.say(text))
        assert ("has not been started yet. Press Start" in told) or ("上の計画は、まだ始めていません。" in told)
        assert await states(person) == []
        assert (await person.desk.dialogue(person.team, person.name, person.channel)).draft is not None
