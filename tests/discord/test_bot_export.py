"""Taking a model home from Discord: the zip in the channel, a link where it is too large, nothing for other teams."""

from __future__ import annotations

import asyncio
import io
import re
import sys
import zipfile
from pathlib import Path

import pytest
from bot_process import House, running
from standin import Person, Standin
from standin.world import Attachment

from bot.discord_front.rights import keep_for
from tuner.chat.links import open_link
from tuner.embedded import model_path
from tuner.store import Store

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "unit")]

from taken_home import checkpoint  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

OUTSIDE = "https://models.example.org"


def zips(standin: Standin) -> list[Attachment]:
    return [file for message in standin.world.posted for file in message.attachments if file.filename.endswith(".zip")]


async def test_a_team_gets_the_zip_or_a_link_and_another_team_nothing(standin: Standin, tmp_path: Path) -> None:
    aki, eve = Person(standin, "aki"), Person(standin, "eve")
    guild, other = standin.guild("Bicycles", owner=aki.user), standin.guild("Others", owner=eve.user)
    general = standin.general(guild)
    team = f"guild-{guild.id}"
    async with (
        await Store.open(tmp_path) as store,
        running(standin, tmp_path, extra={"ONSA_DOWNLOAD_URL": f"{OUTSIDE}/"}),
    ):
        house = House(store=store)
        await house.has_data(team, general.id)
        await aki.says(general, "@Onsa tune it with 2 trials")
        await aki.clicks(await aki.sees(lambda message: "Start" in message.labels, 90), "Start")
        await aki.sees("this is job 1", 90)
        job = await house.begin(team)
        await house.run_trial(job, 0, 1.5)
        folder = f"teams/{team}/jobs/1/trial-0"
        await asyncio.to_thread(checkpoint, model_path(), tmp_path / folder, trial=0)
        await store.add_checkpoint(job.id, "w", 0, folder, "0" * 64, 1.5)
        await house.finish(job)

        use = await aki.uses("/export", channel=general, job=1)
        given = await aki.gets(use, "job-1-trial-0.zip", 240)
        assert given.seen_only_by is not None, "what is asked for alone comes alone"
        with zipfile.ZipFile(io.BytesIO(given.attachments[0].content)) as archive:
            assert archive.testzip() is None
            names = {name.removeprefix("job-1-trial-0/") for name in archive.namelist()}
            assert {"README.md", "onsa.json", "adapter_model.safetensors"} <= names

        asked = await aki.uses("/export", channel=general, job=1, merged=True)
        told = await aki.gets(asked, OUTSIDE, 240)
        link = re.search(rf"{re.escape(OUTSIDE)}/download/([^/\s>]+)/job-1-trial-0-merged\.zip", told.text)
        assert link is not None, told.text
        now = (await asyncio.to_thread((tmp_path / "exports" / team / "job-1-trial-0-merged.zip").stat)).st_mtime
        opened = open_link(tmp_path, link[1], now)
        assert opened == tmp_path / "exports" / team / "job-1-trial-0-merged.zip"

        refused = await eve.uses("/export", channel=standin.general(other), job=1)
        assert "no job 1" in (await eve.gets(refused, lambda each: each.text, 90)).text
        assert len(zips(standin)) == 1

        bo, cid = Person(standin, "bo"), Person(standin, "cid")
        standin.join(guild, bo.user, cid.user)
        role = standin.role(guild, "keepers", members=[bo.user])
        await keep_for(store, team, "export", {role.id})
        await cid.says(general, "@Onsa export job 1")
        await cid.sees("kept for certain people", 90, channel=general)
        await bo.says(general, "@Onsa export job 1")
        alone = await bo.sees("job-1-trial-0.zip", 240, channel=bo.dm())
        assert [file.filename for file in alone.attachments] == ["job-1-trial-0.zip"]
        await bo.sees("I have sent it to you directly", 90, channel=general)
        assert not [each for message in cid.visible(general) for each in message.attachments if "zip" in each.filename]
