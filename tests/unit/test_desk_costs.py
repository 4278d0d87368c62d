"""GPU minutes and what things cost: told where people may see it, kept where a team keeps it, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot.phrases import LANGUAGES, Language
from bot.replies import Card, Reply, Table
from bot.utterance import Limit
from tuner.events import TrialRecord

LOCKED = Limit(whose="person", minutes=60, used_s=3600, promised_s=0)


async def planned(person: Person, **given: object) -> list[Reply]:
    await person.has_data()
    await person.store.measure("seconds_per_token:onsa-tiny", 0.01)
    return await person.say("tune lr between 1e-5 and 1e-3 with 3 trials", **given)


async def test_a_card_that_others_read_hides_costs_and_answers_in_private_who_asks(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        open_card = await planned(person)
        assert "on this machine" in words(open_card)
        hidden = await person.say("make it 4 trials", denied=("costs",))
        assert "minute" not in words(hidden)
        assert "hour" not in words(hidden)
        assert "GB" not in words(hidden)
        assert button(hidden, "start")
        asked = button(hidden, "costs")
        assert "on this machine" in words(await person.press(asked))
        refused = await person.say("", pressed=asked.action, kind="press", denied=("costs",))
        assert "certain people" in words(refused)


async def test_a_table_of_jobs_tells_gpu_time_only_to_who_may_see_it(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.press(button(await planned(person), "start"))
        (shown,) = await person.say("show my past jobs")
        (hidden,) = await person.say("show my past jobs", denied=("costs",))
        assert isinstance(shown, Table)
        assert isinstance(hidden, Table)
        assert "GPU time" in shown.header
        assert "GPU time" not in hidden.header
        assert len(hidden.rows[0]) == len(hidden.header)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("whose", ["person", "role", "team"])
async def test_used_up_minutes_are_told_kindly_with_who_can_raise_them_and_the_plan_is_kept(
    tmp_path: Path, language: Language, whose: str
) -> None:
    async with a_desk(tmp_path, language=language) as person:
        start = button(await planned(person), "開始" if language == "ja" else "start")
        limit = Limit(whose=whose, minutes=60, used_s=3500, promised_s=200)  # type: ignore[arg-type]
        refused = await person.say("", pressed=start.action, kind="press", denied=("minutes",), limit=limit)
        assert "60" in words(refused)
        assert ("/設定" if language == "ja" else "/settings") in words(refused)
        assert ("管理者" if language == "ja" else "manages this server") in words(refused)
        assert await person.store.jobs(person.team) == []
        await person.press(start)
        assert len(await person.store.jobs(person.team)) == 1, "the same button works when there are minutes again"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_plan_longer_than_the_minutes_left_says_what_is_left_and_a_shorter_one_starts(
    tmp_path: Path, language: Language
) -> None:
    limit = Limit(whose="team", minutes=60, used_s=3000, promised_s=300)
    async with a_desk(tmp_path, language=language) as person:
        start = button(await planned(person), "開始" if language == "ja" else "start")
        refused = words(await person.say("", pressed=start.action, kind="press", limit=limit))
        assert "60" in refused
        assert ("残りは5分" if language == "ja" else "5 are left") in refused
        assert await person.store.jobs(person.team) == []
        roomy = Limit(whose="team", minutes=10_000, used_s=0, promised_s=0)
        await person.say("", pressed=start.action, kind="press", limit=roomy)
        (job,) = await person.store.jobs(person.team)
        assert (await person.store.spent(person.team, job.person, 0.0)).promised_s > 300


async def test_a_job_whose_start_is_pressed_again_is_no_second_spending(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        start = button(await planned(person), "start")
        await person.press(start)
        tight = Limit(whose="person", minutes=1, used_s=0, promised_s=59)
        again = await person.say("", pressed=start.action, kind="press", limit=tight)
        assert "already started" in words(again)


async def test_who_may_neither_stop_nor_pause_others_still_does_both_to_ones_own(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.press(button(await planned(person), "start"))
        for verb in ("pause", "stop"):
            other = await person.say("", pressed=f"{verb}:1", kind="press", denied=("stop",), person="ben")
            assert "your own jobs" in words(other)
        own = await person.say("", pressed="pause:1", kind="press", denied=("stop",))
        assert "pauses" in words(own)
        (job,) = await person.store.jobs(person.team)
        assert job.state == "paused"
        refused = await person.say("", pressed="resume:1", kind="press", denied=("minutes",), limit=LOCKED)
        assert "used up" in words(refused)
        await person.say("", pressed="resume:1", kind="press")
        (job,) = await person.store.jobs(person.team)
        assert job.state == "queued"


async def test_more_tries_than_the_minutes_left_allow_are_refused_and_fewer_are_taken(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await person.press(button(await planned(person), "start"))
        job = await person.store.claim("w", 1e6)
        assert job is not None
        record = TrialRecord(number=0, settings={}, state="complete", value=1.0, seconds=60.0)
        await person.store.record_trial(job.id, "w", record)
        person.clock.now += 60
        await person.store.heartbeat(job.id, "w", 1e6)
        limit = Limit(whose="person", minutes=6, used_s=60, promised_s=0)
        refused = await person.say("", pressed="extend:1:20:0", kind="press", limit=limit)
        assert "5 are left" in words(refused)
        taken = await person.say("", pressed="extend:1:4:0", kind="press", limit=limit)
        assert "7 tries" in words(taken)


async def test_the_card_says_how_many_are_ahead_as_the_queue_then_has_it(tmp_path: Path) -> None:
    """Ben has three jobs; Ana's first comes after the one that goes first, not after all three."""
    async with a_desk(tmp_path, name="ben") as ben:
        first = button(await planned(ben), "start")
        await ben.press(first)
        for trials in (4, 5):
            await ben.press(button(await ben.say(f"tune lr between 1e-5 and 1e-3 with {trials} trials"), "start"))
        card = await ben.say("tune lr between 1e-5 and 1e-3 with 3 trials", person="ana")
        assert isinstance(card[-1], Card)
        assert "1 job is ahead" in words(card)
        started = await ben.say("", pressed=button(card, "start").action, kind="press", person="ana")
        assert "1 job is ahead" in words(started)
        queue = words(await ben.say("what is in the queue?"))
        rows = [line.split(" | ")[:2] for line in queue.splitlines()[2:6]]
        waits = [("4", 1), ("2", 2), ("3", 3)]
        assert rows == [["1", "waiting"], *([job, f"waiting, {ahead} ahead"] for job, ahead in waits)]
