"""Buttons pressed twice or too late, and numbers of jobs that are not there: nothing happens to anything else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_house import button, words
from judging_house import Court, a_court

from bot.judging.wish import Side
from bot.judging.wish import Wish as Compared
from bot.language.commands import Command
from bot.manage.wish import Thing, Wish
from bot.phrases import Language


@pytest.fixture
async def court(tmp_path: Path) -> AsyncIterator[Court]:
    async with a_court(tmp_path, jobs=2) as made:
        yield made


@pytest.mark.parametrize("number", [0, -1, 99, 2**53])
@pytest.mark.parametrize("intent", ["status", "best", "export", "chat", "explain_result", "extend", "tune", "stop",
                                    "resume"])
async def test_a_number_without_a_job_means_no_other_job(court: Court, intent: str, number: int) -> None:
    before = await court.aki.store.jobs(court.aki.team)
    command = Command(intent=intent, job=number)  # type: ignore[arg-type]
    said = words(await court.aki.say("", command=command))
    assert f"There is no job {number} here" in said
    assert await court.aki.store.jobs(court.aki.team) == before


@pytest.mark.parametrize("number", [0, 99])
async def test_menus_with_a_number_without_a_job_mean_no_other_job(court: Court, number: int) -> None:
    thing = Thing(job=number, trial=0)
    for wish in (Wish(kind="call", thing=thing, name="bike bot"), Wish(kind="promote", thing=thing)):
        said = words(await court.aki.say("", command=Command(intent="status"), managed=wish))
        assert f"There is no job {number} here" in said
    for sides in ((Side(job=number), Side(job=number, what="base")), (Side(job=1), Side(job=number))):
        compared = Compared(kind="compare", sides=sides, prompt="hello")
        said = words(await court.aki.say("", command=Command(intent="compare"), compared=compared))
        assert f"There is no job {number} here" in said
    assert court.models.asked == []
    assert await court.aki.store.labels.names(court.aki.team) == []


@pytest.mark.parametrize(("language", "text", "told"), [("en", "extend job 1 by 4 trials", "was done already"),
                                                        ("ja", "ジョブ1をあと4回延長して", "すでに追加してあります")])
async def test_more_tries_confirmed_twice_come_once(court: Court, language: Language, text: str, told: str) -> None:
    court.aki.language = language
    offer = button(await court.aki.say(text), "yes" if language == "en" else "はい")
    await court.aki.press(offer)
    assert told in words(await court.aki.press(offer))
    job = await court.aki.store.job(court.aki.team, 1)
    assert job is not None
    assert job.plan.trials == 3 + 4


async def test_undo_pressed_twice_takes_one_promotion_back(court: Court) -> None:
    await court.aki.say("make job 1 the team's model")
    undo = button(await court.aki.say("make job 2 the team's model"), "undo")
    await court.aki.press(undo)
    assert "does not count any more" in words(await court.other("ben").press(undo))
    now = await court.aki.store.labels.promoted(court.aki.team)
    assert now is not None
    assert now.job == 1


async def test_an_old_undo_takes_no_newer_promotion_back(court: Court) -> None:
    undo = button(await court.aki.say("make job 1 the team's model"), "undo")
    await court.aki.say("make job 2 the team's model")
    assert "does not count any more" in words(await court.aki.press(undo))
    now = await court.aki.store.labels.promoted(court.aki.team)
    assert now is not None
    assert now.job == 2
