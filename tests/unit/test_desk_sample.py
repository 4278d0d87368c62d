"""The sample data that ships with Onsa are found by asking for them, and lead to a plan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_house import Clock, Person, button, no_chat, words

from bot.desk.context import Services
from bot.desk.door import Desk
from tuner.embedded import sample_path
from tuner.store import Store


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    clock = Clock()
    async with await Store.open(tmp_path, clock) as store:
        services = Services(store=store, home=tmp_path, chat=no_chat, clock=clock,
                            samples={"en": sample_path("en"), "ja": sample_path("ja")})
        yield Person(desk=Desk(services), store=store, clock=clock)


@pytest.mark.parametrize(("text", "plan"), [
    ("use the sample data", "Plan: tune onsa-tiny on bike_shop_en.csv"),
    ("Please try it with the sample data.", "Plan: tune onsa-tiny on bike_shop_en.csv"),
    ("let's use the sample", "Plan: tune onsa-tiny on bike_shop_en.csv"),
    ("sample", "Plan: tune onsa-tiny on bike_shop_en.csv"),
    ("tune on the sample data", "Plan: tune onsa-tiny on bike_shop_en.csv"),
    ("サンプルデータで", "bike_shop_ja.csv"),
    ("サンプルデータを使ってください", "bike_shop_ja.csv"),
    ("とりあえずサンプルで試したい", "bike_shop_ja.csv"),
    ("サンプルデータで調整して", "bike_shop_ja.csv"),
])
async def test_the_sample_is_found_by_asking_for_it(person: Person, text: str, plan: str) -> None:
    replies = await person.say(text)
    assert plan in words(replies)
    assert button(replies, "start" if text.isascii() else "開始")
    assert await person.store.jobs(person.team) == [], "nothing starts before somebody pressed Start"


@pytest.mark.parametrize("text", ["サンプルを送ってもらえますか？", "how many samples are in the data?",
                                  "use a sample size of 5", "we sample the data every day"])
async def test_other_samples_are_not_ours(person: Person, text: str) -> None:
    assert "bike_shop" not in words(await person.say(text))


async def test_a_plan_that_waits_goes_on_with_the_sample(person: Person) -> None:
    await person.say("tune lr between 1e-5 and 1e-3 with 5 trials")
    said = words(await person.say("use the sample data"))
    assert "Plan: tune onsa-tiny on bike_shop_en.csv" in said
    assert "0.00001 to 0.001" in said


async def test_a_wish_for_the_sample_does_not_tune_on_the_teams_own_data(person: Person) -> None:
    await person.has_data("my.csv")
    assert "on bike_shop_en.csv" in words(await person.say("tune lr between 1e-5 and 1e-3 on the sample data"))


async def test_a_teams_own_file_called_sample_is_meant(person: Person) -> None:
    await person.has_data("sample.csv")
    await person.has_data("my.csv")
    assert "on sample.csv" in words(await person.say("use the sample data"))
