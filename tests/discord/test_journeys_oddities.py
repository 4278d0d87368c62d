"""A server that is not quite Discord, and people who close things: what is odd costs itself and nothing else."""

import asyncio
from pathlib import Path

import pytest
from bot_process import eventually
from house import PATIENCE_S, SLOW, check, is_live, live_cards, prepared, reports, running_job, scripted_worker, team
from process import onsa_bot
from standin import Standin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_events_that_cannot_be_read_or_are_unknown_cost_no_connection(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, onsa_bot(discord, home, "--no-workers") as bot:
        made = team(discord)
        identified = len(discord.portal.identifies)
        for name, data in (
            ("MESSAGE_CREATE", {"id": "1"}),
            ("CHANNEL_UPDATE", {"id": "2", "guild_id": str(made.guild.id), "type": 0, "name": "odd"}),
            ("GUILD_UPDATE", {"id": str(made.guild.id)}),
            ("INTERACTION_CREATE", {"id": "3"}),
            ("THREAD_CREATE", {"id": "4", "guild_id": str(made.guild.id)}),
            ("NOBODY_KNOWS_THIS", {"x": [1]}),
        ):
            for session in discord.gateway.sessions.values():
                session.dispatch(name, data)
        await made.ana.says(made.general, "@Onsa status")
        await made.ana.sees("There is no job yet", PATIENCE_S)
        assert len(discord.portal.identifies) == identified, "the connection held"
        check(discord, bot)


async def test_a_thread_that_people_closed_is_left_closed_until_the_report(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with (Standin() as discord, scripted_worker(home, SLOW),
                onsa_bot(discord, home, "--no-workers") as bot):
        made = team(discord)
        thread = await running_job(made)
        discord.archive(thread)
        await asyncio.sleep(6)
        assert thread.archived
        await made.ana.sees("the result", PATIENCE_S * 2, channel=thread)
        assert len(reports(thread)) == 1
        await eventually(lambda: "finished" in live_cards(thread)[0].text, PATIENCE_S)
        assert len(live_cards(thread)) == 1
        check(discord, bot)


async def test_an_answer_is_shown_to_its_end_through_a_burst_of_errors(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with (Standin() as discord, scripted_worker(home, SLOW),
                onsa_bot(discord, home, "--no-workers") as bot):
        made = team(discord)
        for status in (500, 502, 503, 504, 503):
            discord.fault("*", "/messages|/threads|/typing|/callback", status=status)
        discord.fault("POST", "/threads$", cuts=True, applies=True)
        plan = await made.plan()
        await made.ana.clicks(plan, "Start", timeout=20)
        for status in (500, 502, 503, 504, 503):
            discord.fault("*", "/messages", status=status)
        await made.ana.sees(is_live, PATIENCE_S, channel=plan.channel)
        await made.ana.sees("the result", PATIENCE_S * 3, channel=plan.channel)
        assert len(reports(plan.channel)) == 1
        check(discord, bot)
