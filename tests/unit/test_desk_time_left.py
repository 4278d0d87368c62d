"""How much longer a job takes: from its own pace, said only when that tells something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot import wording
from bot.phrases import Language, source_texts
from bot.tally import tally_of
from bot.waiting import wait_of
from tuner.events import JobStarted, TestScored, TrialFinished, TrialProgress, TrialRecord, TrialStarted
from tuner.store.records import Job

QUESTIONS = {"en": "how much longer?", "ja": "あとどのくらい？"}


@asynccontextmanager
async def _running(home: Path, plan: str = "tune lr between 1e-5 and 1e-3 with 4 trials") -> AsyncIterator[Person]:
    async with a_desk(home) as person:
        await person.has_data()
        await person.press(button(await person.say(plan), "start"))
        job = await person.store.claim("worker", 10_000)
        assert job is not None
        await person.store.append(job.id, "worker", JobStarted(device="cpu", again=False))
        await person.store.start_trial(job.id, "worker", 0, job.plan.defaults)
        await person.store.append(job.id, "worker", TrialStarted(number=0, settings={}))
        yield person


async def _goes_on(person: Person, seconds: float, step: int) -> None:
    """Try 0 has made `step` of 10 steps after so many more seconds."""
    person.clock.now += seconds
    job = await person.store.job(person.team, 1)
    assert job is not None
    await person.store.append(job.id, "worker", TrialProgress(number=0, step=step, steps=10))


@pytest.mark.parametrize(("language", "early", "later"), [
    ("en", "too briefly", "At the speed so far, about 30 minutes left."),
    ("ja", "まだ見積もれません", "これまでの速さで進めば、あと30分ほどかかります。"),
])
async def test_the_time_left_is_reckoned_by_the_pace_once_that_tells_something(
    tmp_path: Path, language: str, early: str, later: str
) -> None:
    async with _running(tmp_path) as person:
        await _goes_on(person, 24, 1)
        assert early in words(await person.say(QUESTIONS[language]))
        await _goes_on(person, 96, 5)
        told = words(await person.say(QUESTIONS[language]))
        assert later in told, "half a run took 2 minutes; left are 3 and a half tries and 4 runs to check"
        assert early not in told


async def test_the_status_and_the_live_card_tell_the_same_time(tmp_path: Path) -> None:
    async with _running(tmp_path) as person:
        await _goes_on(person, 120, 5)
        job = await person.store.job(person.team, 1)
        assert job is not None
        assert (await tally_of(person.store, job)).facts()["left"] == pytest.approx(1800)


async def test_the_time_left_ends_with_the_time_limit(tmp_path: Path) -> None:
    async with _running(tmp_path, "tune lr between 1e-5 and 1e-3 with 40 trials, at most 5 minutes") as person:
        await _goes_on(person, 120, 5)
        assert "about 3 minutes left" in words(await person.say(QUESTIONS["en"]))


@pytest.mark.parametrize(("language", "last"), [
    ("en", "the sealed test, the last step"), ("ja", "最後に、取っておいたテスト問題"),
])
async def test_the_last_step_is_named_instead_of_a_time(tmp_path: Path, language: str, last: str) -> None:
    async with _running(tmp_path) as person:
        job = await person.store.job(person.team, 1)
        assert job is not None
        record = TrialRecord(number=0, settings=dict(job.plan.defaults), state="complete", value=0.5)
        person.clock.now += 60
        await person.store.record_trial(
            job.id, "worker", record, TrialFinished(number=0, state="complete", value=0.5, cause="", best=True))
        await person.store.append(job.id, "worker", TestScored(subject="base", right=1, count=20))
        told = words(await person.say(QUESTIONS[language]))
        assert last in told
        assert not any(part in told for part in ("left", "ほどかかります"))


@pytest.mark.parametrize("language", QUESTIONS)
async def test_a_job_that_nobody_works_on_or_that_was_stopped_has_no_time_left(tmp_path: Path, language: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.press(button(await person.say("tune lr between 1e-5 and 1e-3 with 4 trials"), "start"))
        for _ in range(2):
            told = words(await person.say(QUESTIONS[language]))
            assert not any(part in told for part in ("left", "briefly", "ほどかかります", "見積も"))
            await person.say("stop the job")


PLAN = "tune lr between 1e-5 and 1e-3 with 4 trials"


async def _queued(person: Person, plan: str = PLAN) -> Job:
    """One more job that waits; the last one that was spoken of."""
    await person.press(button(await person.say(plan), "start"))
    job = await person.store.job(person.team, "last")
    assert job is not None
    assert job.state == "queued"
    return job


def _lasting(language: Language, seconds: float) -> str:
    return wording.filters(language, source_texts(language))["duration"](seconds)


@pytest.mark.parametrize(("language", "starts", "ends"), [
    ("en", "As things stand, it starts in about {}", "and ends about {} from now."),
    ("ja", "あと{}ほどで始まり、", "今から{}ほどで終わる見込みです。"),
])
async def test_a_job_that_waits_is_reckoned_by_the_running_one_and_the_plans_before_it(
    tmp_path: Path, language: Language, starts: str, ends: str
) -> None:
    async with _running(tmp_path) as person:
        await person.store.measure("seconds_per_token:onsa-tiny", 1e-3)
        await _goes_on(person, 120, 5)
        first = await _queued(person)
        assert first.expected_s > 60
        told = words(await person.say(QUESTIONS[language]))
        assert starts.format(_lasting(language, 1800)) in told
        assert ends.format(_lasting(language, 1800 + first.expected_s)) in told
        second = await _queued(person, "tune lr between 1e-5 and 1e-3 with 9 trials")
        told = words(await person.say(QUESTIONS[language]))
        assert starts.format(_lasting(language, 1800 + first.expected_s)) in told
        assert ends.format(_lasting(language, 1800 + first.expected_s + second.expected_s)) in told


@pytest.mark.parametrize(("asked", "told"), [
    ("what is in the queue?", "Job 2: As things stand, it starts in about 30 minutes"),
    ("私の番まであとどのくらいですか", "ジョブ2：今のままなら、あと30分ほどで始まる見込みです。"),
])
async def test_who_asks_for_the_queue_hears_when_the_own_next_job_starts(
    tmp_path: Path, asked: str, told: str
) -> None:
    async with _running(tmp_path) as person:
        await _goes_on(person, 120, 5)
        await _queued(person)
        await _queued(person)
        said = words(await person.say(asked))
        assert told in said
        assert "Job 3:" not in said
        person.name = "ben"
        assert told not in words(await person.say(asked))


async def test_two_jobs_that_run_make_two_lines(tmp_path: Path) -> None:
    async with _running(tmp_path) as person:
        await person.store.measure("seconds_per_token:onsa-tiny", 1e-3)
        other = await _queued(person)
        assert await person.store.claim("another worker", 10_000) is not None
        await _goes_on(person, 120, 5)
        waits = await _queued(person)
        wait = await wait_of(person.store, waits)
        assert wait.start_s == pytest.approx(min(1800, other.expected_s))


async def test_a_time_limit_ends_the_wait(tmp_path: Path) -> None:
    async with _running(tmp_path, "tune lr between 1e-5 and 1e-3 with 40 trials, at most 5 minutes") as person:
        await _goes_on(person, 120, 5)
        await _queued(person, "tune lr between 1e-5 and 1e-3 with 40 trials, at most 10 minutes")
        told = words(await person.say(QUESTIONS["en"]))
        assert "it starts in about 3 minutes and ends about 13 minutes from now" in told


@pytest.mark.parametrize(("language", "waits", "unmeasured"), [
    ("en", "It starts when the job before it is over; when that will be cannot be said yet.", "was not measured"),
    ("ja", "先の1件が終わると始まります。いつになるかは、まだ見積もれません。", "まだ測っていません"),
])
async def test_what_nobody_can_know_is_said(tmp_path: Path, language: str, waits: str, unmeasured: str) -> None:
    async with _running(tmp_path) as person:
        await _queued(person)
        assert waits in words(await person.say(QUESTIONS[language]))
        await _goes_on(person, 120, 5)
        told = words(await person.say(QUESTIONS[language]))
        assert waits not in told
        assert unmeasured in told


@pytest.mark.parametrize(("language", "idle"), [("en", "Nothing is running at the moment"),
                                                ("ja", "今は何も実行されていません")])
async def test_a_job_that_nobody_takes_says_what_it_waits_for_and_how_long_it_would_take(
    tmp_path: Path, language: Language, idle: str
) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.store.measure("seconds_per_token:onsa-tiny", 1e-3)
        job = await _queued(person)
        told = words(await person.say(QUESTIONS[language]))
        assert idle in told
        assert _lasting(language, job.expected_s) in told
