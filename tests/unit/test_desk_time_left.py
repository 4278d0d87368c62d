"""How much longer a job takes: from its own pace, said only when that tells something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot.tally import tally_of
from tuner.events import JobStarted, TestScored, TrialFinished, TrialProgress, TrialRecord, TrialStarted

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
async def test_a_job_that_waits_or_was_stopped_has_no_time_left(tmp_path: Path, language: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data()
        await person.press(button(await person.say("tune lr between 1e-5 and 1e-3 with 4 trials"), "start"))
        for _ in range(2):
            told = words(await person.say(QUESTIONS[language]))
            assert not any(part in told for part in ("left", "briefly", "ほどかかります", "見積も"))
            await person.say("stop the job")
