"""/settings and the steps that lead through it: for admins, alone, in both languages, resumable after a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from bot_process import House, eventually, running
from standin import Person, Standin
from standin.gateway import Gateway
from standin.intents import MESSAGE_CONTENT
from standin.interactions import Use
from standin.world import Channel, Guild, Message

from tuner.store import Store

pytestmark = pytest.mark.slow
PATIENCE_S = 60.0


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with await Store.open(tmp_path) as store:
        yield House(store=store)


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    """Here the message content intent may be switched on."""
    async with Standin(allowed_intents=MESSAGE_CONTENT) as made:
        yield made
    assert not made.violations, made.violations
    assert not made.rest.errors, made.rest.errors


@pytest.fixture
def olga(standin: Standin) -> Person:
    return Person(standin, "olga")


@pytest.fixture
def guild(standin: Standin, olga: Person) -> Guild:
    return standin.guild("Bicycles", owner=olga.user)


@pytest.fixture
def general(standin: Standin, guild: Guild) -> Channel:
    return standin.general(guild)


@pytest.fixture
def ana(standin: Standin, guild: Guild) -> Person:
    made = Person(standin, "ana")
    standin.join(guild, made.user)
    return made


async def shows(who: Person, use: Use, words: str) -> Message:
    return await who.gets(use, words, PATIENCE_S)


async def picks(who: Person, message: Message, step: str, kind: int, value: str) -> Use:
    return await who.sends_component(message, f"f:setup:{step}", kind=kind, values=[value])


async def test_a_first_time_admin_is_led_through_and_goes_on_after_a_restart(
    standin: Standin, house: House, olga: Person, ana: Person, guild: Guild, general: Channel, tmp_path: Path
) -> None:
    team = f"guild-{guild.id}"
    starters = standin.role(guild, "starters")
    async with running(standin, tmp_path, extra={"ONSA_DISCORD_MESSAGE_CONTENT": "1"}) as bot:
        use = await olga.uses("/settings", channel=general)
        first = await shows(olga, use, "Set-up 1 of 4")
        assert first.seen_only_by is olga.user
        await olga.chooses(first, "ja")
        second = await shows(olga, use, "はじめの設定 2/4")
        assert second is first, "one message, step by step"
        await bot.stop()
        await bot.start()
        again = await shows(olga, await olga.uses("/settings", channel=general), "はじめの設定 2/4")
        await picks(olga, second, "starters", 6, str(starters.id))
        assert "3/4" in second.text, "the menus of the old message go on too"
        await olga.clicks(again, "飛ばす")
        await olga.chooses(again, "120")
        assert "4/4" in again.text
        await picks(olga, again, "channel", 8, str(general.id))
        assert "準備ができました" in again.text
        assert "starters" in again.text
        assert "120" in again.text
        assert "チャンネルに投稿し" in again.text, "what to type first"
        assert ana.visible() == []
        done = await shows(olga, await olga.uses("/settings", channel=general), "設定")
        assert "はじめの設定" not in done.text
        assert "順番に案内してもらう" in done.labels
    assert await house.store.preference(team, None, "language") == "ja"
    assert await house.store.preference(team, None, "roles:start") == str(starters.id)
    assert await house.store.preference(team, None, "minutes:person") == "120"
    assert await house.store.preference(team, None, "listens") == str(general.id)


async def test_every_step_may_be_skipped_and_nothing_is_changed(
    standin: Standin, house: House, olga: Person, guild: Guild, general: Channel, tmp_path: Path
) -> None:
    async with running(standin, tmp_path):
        use = await olga.uses("/settings", channel=general)
        message = await shows(olga, use, "Set-up 1 of 4")
        for step in (2, 3, 4):
            await olga.clicks(message, "Skip")
            assert f"Set-up {step} of 4" in message.text
        assert "switched off" in message.text, "free talk needs an intent that is not there, and that is said"
        await olga.clicks(message, "Skip")
        assert "All set" in message.text
        assert "everybody" in message.text
    for key in ("language", "roles:start", "minutes:person", "listens"):
        assert await house.store.preference(f"guild-{guild.id}", None, key) is None


async def test_others_than_admins_get_no_steps_and_ids_typed_by_hand_change_nothing(
    standin: Standin, house: House, olga: Person, ana: Person, guild: Guild, general: Channel, tmp_path: Path
) -> None:
    elsewhere = standin.guild("Elsewhere", owner=ana.user)
    foreign_role = standin.role(elsewhere, "theirs")
    foreign_channel = standin.general(elsewhere)
    async with running(standin, tmp_path, extra={"ONSA_DISCORD_MESSAGE_CONTENT": "1"}):
        card = await shows(ana, await ana.uses("/settings", channel=general), "Settings")
        assert card.labels == []
        for step in ("begin", "language", "starters:all", "minutes", "channel:skip"):
            use = await ana.sends_component(card, f"f:setup:{step}", kind=3, values=["ja"])
            assert "Only people who may manage" in (await shows(ana, use, "")).text
        message = await shows(olga, await olga.uses("/settings", channel=general), "Set-up 1 of 4")
        await picks(olga, message, "starters", 6, str(foreign_role.id))
        await picks(olga, message, "minutes", 3, "77777")
        await picks(olga, message, "channel", 8, str(foreign_channel.id))
    for key in ("language", "roles:start", "minutes:person", "listens"):
        assert await house.store.preference(f"guild-{guild.id}", None, key) is None


def joined(standin: Standin, name: str, owner: Person) -> Guild:
    """A team that Onsa was just invited to: only of one that it knew does Discord say whether it is available."""
    told = Gateway.guild_create

    def as_new(gateway: Gateway, *given: Any) -> dict[str, Any]:
        return {key: value for key, value in told(gateway, *given).items() if key != "unavailable"}

    with mock.patch.object(Gateway, "guild_create", as_new):
        return standin.guild(name, owner=owner.user, locale="ja")


async def test_a_new_team_is_greeted_with_the_way_to_the_steps(
    standin: Standin, house: House, olga: Person, ana: Person, guild: Guild, tmp_path: Path
) -> None:
    async with running(standin, tmp_path):
        log = tmp_path / "logs" / "discord.log"  # what comes before the connection stands is no new team
        await eventually(lambda: log.exists() and "connected as" in log.read_text(encoding="utf-8"), PATIENCE_S)
        fresh = joined(standin, "Fresh", olga)
        standin.join(fresh, ana.user)
        hello = await olga.sees("はじめまして", PATIENCE_S, channel=standin.general(fresh))
        refused = await ana.clicks(hello, "はじめの設定（管理者の方）")
        assert "管理できる人だけ" in (await shows(ana, refused, "")).text or "Only people" in refused.replies[-1].text
        use = await olga.clicks(hello, "はじめの設定（管理者の方）")
        step = await shows(olga, use, "1")
        assert step.seen_only_by is olga.user
        assert "はじめの設定（管理者の方）" in hello.labels, "the greeting stays as it is"


async def test_minutes_of_a_role_are_kept_shown_and_need_both_halves(
    standin: Standin, house: House, olga: Person, guild: Guild, general: Channel, tmp_path: Path
) -> None:
    trainers = standin.role(guild, "trainers")
    async with running(standin, tmp_path):
        half = await olga.uses("/settings", channel=general, minutes_a_role=90)
        assert "Please give both" in (await shows(olga, half, "")).text
        both = await olga.uses("/settings", channel=general, role=trainers, minutes_a_role=90, minutes_a_person=30)
        shown = await shows(olga, both, "trainers: 90")
        assert "30" in shown.text
        lifted = await olga.uses("/settings", channel=general, role=trainers, minutes_a_role=0)
        assert "trainers" not in (await shows(olga, lifted, "Settings")).text


async def test_where_costs_are_kept_for_a_role_the_shared_card_hides_them_and_who_may_asks_alone(
    standin: Standin, house: House, olga: Person, ana: Person, guild: Guild, general: Channel, tmp_path: Path
) -> None:
    team = f"guild-{guild.id}"
    ben = Person(standin, "ben")
    standin.join(guild, ben.user)
    viewers = standin.role(guild, "viewers", members=[ben.user])
    await house.has_data(team, general.id)
    async with running(standin, tmp_path):
        shown = await shows(olga, await olga.uses("/settings", channel=general, cost_viewers=viewers), "Settings")
        assert "viewers" in shown.text
        await ana.says(general, "@Onsa tune it with 2 trials")
        card = await ana.sees(lambda message: "Costs" in message.labels, PATIENCE_S)
        assert "on this machine" not in card.text
        told = await shows(ben, await ben.clicks(card, "Costs"), "on this machine")
        assert told.seen_only_by is ben.user
        assert "certain people" in (await shows(ana, await ana.clicks(card, "Costs"), "")).text
        await ana.clicks(card, "Start")
        await ana.sees("this is job 1", PATIENCE_S)
        await house.done(team)
        report = await ana.sees("the result", PATIENCE_S)
        assert "Costs" in report.labels
        assert "GPU time" in (await shows(ben, await ben.clicks(report, "Costs"), "")).text
        assert "GPU time" in (await shows(ben, await ben.uses("/jobs", channel=general), "Jobs so far")).text
        assert "GPU time" not in (await shows(ana, await ana.uses("/jobs", channel=general), "Jobs so far")).text
