"""Old jobs are found again by words, people, states and days; a page at a time; never another team's."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot.console.once import jobs as once_jobs
from bot.manage import history
from bot.replies import Table
from bot.settings import BotSettings

DAY = 24 * 3600.0
NOW = datetime.datetime(2027, 1, 14, 12).astimezone().timestamp()
"""A Thursday."""


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    """Ben's job 1, nine days ago, on returns.csv; job 2, yesterday, on 返品.csv; job 3, today, on shop.csv, stopped."""
    async with a_desk(tmp_path) as made:
        made.clock.now = NOW - 9 * DAY
        made.name = "ben"
        await made.has_data("returns.csv")
        await made.press(button(await made.say("tune lora rank 8 or 16 with 2 trials"), "start"))
        made.clock.now = NOW - DAY
        made.name = "aki"
        await made.has_data("返品.csv")
        await made.press(button(await made.say("tune lr between 1e-5 and 1e-3 with 3 trials"), "start"))
        made.clock.now = NOW
        await made.has_data("shop.csv")
        await made.press(button(await made.say("tune dropout 0 to 0.2 with 3 trials"), "start"))
        await made.say("stop job 3")
        await made.say("call job 3 spring sale")
        yield made


async def numbers(person: Person, text: str) -> list[str]:
    tables = [reply for reply in await person.say(text) if isinstance(reply, Table)]
    return [row[0] for table in tables for row in table.rows]


@pytest.mark.parametrize(("text", "expected"), [
    ("history returns", ["1"]),
    ("history return", ["1"]),
    ("show jobs about returns", ["1"]),
    ("search the history for returns", ["1"]),
    ("find jobs with lora rank 8", ["1"]),
    ("find jobs with lora rank 16", ["1"]),
    ("history lora rank", ["1"]),
    ("history learning rate", ["2"]),
    ("history spring sale", ["3"]),
    ("history stopped", ["3"]),
    ("history waiting", ["2", "1"]),
    ("history job 2", ["2"]),
    ("show jobs by ben", ["1"]),
    ("show my jobs", ["3", "2"]),
    ("what jobs are there", ["3", "2", "1"]),
    ("what jobs have I run so far", ["3", "2", "1"]),
    ("過去のジョブを見せて", ["3", "2", "1"]),
    ("past jobs 見せて", ["3", "2", "1"]),
    ("show jobs from last week", ["1"]),
    ("show jobs from yesterday", ["2"]),
    ("history today", ["3"]),
    ("history this week", ["3", "2"]),
    ("show jobs from the last 3 days", ["3", "2"]),
    ("history 2027-01-13", ["2"]),
    ("history waiting last week", ["1"]),
    ("history", ["3", "2", "1"]),
    ("返品のジョブを探して", ["2"]),
    ("履歴 返品", ["2"]),
    ("履歴から返品を探して", ["2"]),
    ("学習率のジョブを探して", ["2"]),
    ("先週のジョブを見せて", ["1"]),
    ("昨日のジョブを探して", ["2"]),
    ("benさんのジョブを探して", ["1"]),
    ("自分のジョブを見せて", ["3", "2"]),
    ("停止したジョブを探して", ["3"]),
    ("which jobs did ben start?", ["1"]),
    ("履歴", ["3", "2", "1"]),
])
async def test_jobs_are_found_by_what_people_remember(person: Person, text: str, expected: list[str]) -> None:
    assert await numbers(person, text) == expected


@pytest.fixture
async def older(person: Person) -> Person:
    """Two jobs more: job 4 of last October, job 5 of last December."""
    for day in (datetime.datetime(2026, 10, 12, 9), datetime.datetime(2026, 12, 31, 23, 30)):
        person.clock.now = day.astimezone().timestamp()
        await person.press(button(await person.say("tune lora rank 8 or 16 with 2 trials"), "start"))
    person.clock.now = NOW
    return person


@pytest.mark.parametrize(("text", "expected"), [
    ("jobs in October", ["4"]),
    ("show the jobs in october 2026", ["4"]),
    ("show jobs from October last year", ["4"]),
    ("history oct", ["4"]),
    ("history in October", ["4"]),
    ("find jobs with lora rank from October", ["4"]),
    ("jobs in 2026-10", ["4"]),
    ("jobs in December", ["5"]),
    ("jobs from last month", ["5"]),
    ("last month", ["5"]),
    ("what about last month?", ["5"]),
    ("jobs since December", ["5", "3", "2", "1"]),
    ("jobs from last year", ["5", "4"]),
    ("jobs in November", []),
    ("jobs in October 2025", []),
    ("10月のジョブ", ["4"]),
    ("１０月のジョブを見せて", ["4"]),
    ("10月に始めたジョブを教えて", ["4"]),
    ("去年の10月のジョブ", ["4"]),
    ("2026年10月のジョブを探して", ["4"]),
    ("十月のジョブ", ["4"]),
    ("履歴 10月", ["4"]),
    ("先月のジョブ", ["5"]),
    ("先月は？", ["5"]),
    ("12月以降のジョブを見せて", ["5", "3", "2", "1"]),
    ("1月のジョブ", ["3", "2", "1"]),
    ("先週のジョブ", ["1"]),
    ("去年のジョブを見せて", ["5", "4"]),
    ("昨日のジョブ", ["2"]),
])
async def test_jobs_are_found_by_their_month(older: Person, text: str, expected: list[str]) -> None:
    assert await numbers(older, text) == expected


@pytest.mark.parametrize("text", ["may", "march on", "one month", "jobs in Tokyo", "月", "10月の売上は？", "今日は"])
async def test_other_words_with_months_list_no_jobs(older: Person, text: str) -> None:
    assert await numbers(older, text) == []


async def test_nothing_found_says_what_can_be_looked_for(person: Person) -> None:
    assert "no job with “zebra”" in words(await person.say("history zebra"))
    assert "「シマウマ」に合うジョブは見つかりません" in words(await person.say("シマウマのジョブを探して"))


async def test_another_teams_jobs_are_not_found(person: Person) -> None:
    person.team = "other"
    for text in ("history returns", "history", "show jobs by ben", "返品のジョブを探して"):
        assert await numbers(person, text) == []


async def test_many_jobs_come_a_page_at_a_time(person: Person) -> None:
    for _ in range(history.PAGE):
        await person.press(button(await person.say("tune dropout 0 to 0.2 with 3 trials"), "start"))
    first = await person.say("history dropout")
    assert isinstance(first[0], Table)
    assert [row[0] for row in first[0].rows] == [str(number) for number in range(13, 3, -1)]
    second = await person.press(button(first, "older"))
    assert isinstance(second[0], Table)
    assert [row[0] for row in second[0].rows] == ["3"]
    assert words(await person.press(button(second, "newer"))) == words(first)


async def test_the_command_line_searches_too(person: Person, capsys: pytest.CaptureFixture[str]) -> None:
    settings = BotSettings(home=person.store.home)
    assert await once_jobs(settings, as_json=True) == 0
    assert "local" not in capsys.readouterr().out
    person.team, person.name = "local", "you"
    await person.has_data("returns.csv")
    await person.press(button(await person.say("tune dropout 0 to 0.2 with 3 trials"), "start"))
    assert await once_jobs(settings, as_json=True, search="returns") == 0
    assert "returns.csv" in capsys.readouterr().out
    assert await once_jobs(settings, as_json=True, search="zebra") == 0
    assert "returns.csv" not in capsys.readouterr().out


@pytest.mark.parametrize("query", ["", " ", "9999-99-99", "last 999 days", "%", "' OR 1=1 --", "\\", "(", "の", "my"])
def test_odd_searches_are_read_as_words(query: str) -> None:
    history.read(query, NOW, "aki")
