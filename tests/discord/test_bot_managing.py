"""Keeping house in a server: by words, menus and buttons, in both languages; members ask, those who manage decide."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from bot_process import House, running
from standin import Person, Standin
from standin.world import Channel

from tuner.store import Store
from tuner.store.records import NewJob

pytestmark = pytest.mark.slow
WAIT_S = 90.0


@pytest.mark.timeout(400)
async def test_a_team_finds_names_promotes_and_deletes(tmp_path: Path) -> None:
    async with Standin() as standin, await Store.open(tmp_path) as store:
        olga, ana, ben = (Person(standin, name) for name in ("olga", "ana", "ben"))
        guild = standin.guild("Bicycles", owner=olga.user)
        standin.join(guild, ana.user, ben.user)
        general, team, house = standin.general(guild), f"guild-{guild.id}", House(store=store)
        async with running(standin, tmp_path):
            dataset = await house.has_data(team, general.id, "returns.csv")
            await asyncio.to_thread((tmp_path / dataset.folder).mkdir)
            await ana.says(general, "@Onsa tune it with 2 trials")
            await ana.clicks(await ana.sees(lambda message: "Start" in message.labels, WAIT_S), "Start")
            await ana.sees("this is job 1", WAIT_S)
            job = await house.begin(team)
            for number in (0, 1):
                await house.run_trial(job, number, 1.5 - number / 10)
                folder = f"teams/{team}/jobs/1/trial-{number}"
                await asyncio.to_thread((tmp_path / folder).mkdir, parents=True)
                await store.add_checkpoint(job.id, "w", number, folder, "0" * 64, 1.5 - number / 10)
            await house.finish(job)
            await ana.sees("the result", WAIT_S)

            named = await ben.uses("/name", channel=general, name="refund bot", job=1)
            await ben.gets(named, "is now called", WAIT_S)
            offers = await ben.types("/job", channel=general, focus="job", text="ref")
            assert any("refund bot" in offer for offer in offers)
            found = await ben.uses("/history", channel=general, search="refund")
            await ben.gets(found, "refund bot", WAIT_S)
            await ben.says(general, "@Onsa refund botの状況は？")
            await ben.sees("ジョブ1（「refund bot」）", WAIT_S)

            await ben.says(general, "@Onsa make refund bot the team's model")
            promoted = await ben.sees("is now the team's model", WAIT_S)
            told = await olga.uses("/team-model", channel=general)
            assert "chosen by ben" in (await olga.gets(told, "The team's model is try 1 of job 1", WAIT_S)).text
            settings = await ana.uses("/settings", channel=general)
            await ana.gets(settings, "The team's model is try 1", WAIT_S)
            await ana.clicks(promoted, "Undo")
            await ana.sees("no longer the team's model", WAIT_S)

            refused = await ben.uses("/checkpoints", channel=general, keep=1)
            await ben.gets(refused, "Only people who may manage", WAIT_S)
            decided = await olga.uses("/checkpoints", channel=general, keep=1, gigabytes=0.5)
            await olga.gets(decided, "Of each job the best 1 checkpoint is kept, with at most 500 MB for all", WAIT_S)
            offer = await olga.sees(lambda message: "Delete these" in message.labels, WAIT_S)
            await ben.clicks(offer, "Delete these")
            await ben.sees("Only people who may manage", WAIT_S)
            await olga.clicks(offer, "Delete these")
            await olga.sees("I tidied up", WAIT_S)
            assert [each.trial for each in await store.checkpoints(team)] == [1]

            asked = await ben.uses("/delete", channel=general, data="returns.csv")
            await ben.gets(asked, "by the person who brought it", WAIT_S)
            await olga.says(general, "@Onsa returns.csvを削除して")
            listed = await olga.sees(lambda message: "すべて削除する" in message.labels, WAIT_S)
            await olga.clicks(listed, "すべて削除する")
            await olga.sees("and all that came from it are gone", WAIT_S)
            assert await store.jobs(team) == []
            assert not (tmp_path / "teams" / team / "jobs" / "1").exists()
        assert not standin.violations, standin.violations
        assert not standin.rest.errors, standin.rest.errors


@pytest.mark.timeout(300)
async def test_the_next_page_of_a_list_that_one_person_sees_is_seen_by_that_person_alone(
    standin: Standin, general: Channel, ana: Person, tmp_path: Path
) -> None:
    assert general.guild is not None
    team = f"guild-{general.guild.id}"
    async with await Store.open(tmp_path) as store, running(standin, tmp_path):
        await House(store=store).has_data(team, general.id, "returns.csv")
        await ana.says(general, "@Onsa tune it with 2 trials")
        await ana.clicks(await ana.sees(lambda message: "Start" in message.labels, WAIT_S), "Start")
        await ana.sees("this is job 1", WAIT_S)
        (first,) = await store.jobs(team)
        for number in range(11):
            await store.submit(NewJob(team=team, person="p", channel="c", message_id=f"m{number}", language="en",
                                      plan=first.plan))
        listed = await ana.uses("/history", channel=general)
        pages = await ana.gets(listed, "Page 1 of 2", WAIT_S)
        turned = await ana.clicks(pages, pages.labels[0])
        page = await ana.gets(turned, "page 2 of 2", WAIT_S)
        assert page.seen_only_by is not None
        assert not [message for message in ana.visible(general)
                    if "page 2 of 2" in message.text and message.seen_only_by is None]
