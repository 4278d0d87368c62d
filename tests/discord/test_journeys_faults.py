"""The real `onsa bot` while things go wrong: restarts, cuts, outages, refusals, deletions, old messages."""

import asyncio
from pathlib import Path

import pytest
from bot_process import eventually
from house import (
    PATIENCE_S,
    SLOW,
    check,
    house,
    is_live,
    live_cards,
    prepared,
    reports,
    running_job,
    scripted_worker,
    team,
)
from process import onsa_bot, start
from standin import Standin, rights

from tuner.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

async def test_buttons_of_an_old_message_work_after_a_restart(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, scripted_worker(home):
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers"):
            plan = await made.plan()
        async with onsa_bot(discord, home, "--no-workers") as bot:
            use = await made.ana.clicks(plan, "Start")
            assert use.took_s < 3
            await made.ana.sees("the result", PATIENCE_S, channel=plan.channel)
            check(discord, bot)


async def test_a_job_that_ended_while_the_bot_was_away_is_reported_once_when_it_is_back(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord:
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers"):
            plan = await made.plan()
            await made.ana.clicks(plan, "Start")
            await made.ana.sees("this is job 1", PATIENCE_S, channel=plan.channel)
        async with scripted_worker(home) as worker:
            await until_idle(home)
            assert worker.returncode is None
        for _ in range(2):
            async with onsa_bot(discord, home, "--no-workers") as bot:
                await made.ana.sees("the result", PATIENCE_S, channel=plan.channel)
                await asyncio.sleep(1.5)
        assert len(reports(plan.channel)) == 1
        check(discord, bot)


async def until_idle(home: Path) -> None:
    async with asyncio.timeout(PATIENCE_S), await Store.open(home) as store:
        while (await store.job_by_id(1)).state != "finished":  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.1)


async def test_events_missed_during_a_cut_are_answered_after_the_resume(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, onsa_bot(discord, home, "--no-workers") as bot:
        made = team(discord)
        discord.gateway.cut()
        plan = await made.plan()
        assert plan.channel.is_thread
        discord.gateway.invalidate()
        await asyncio.sleep(1)
        async with asyncio.timeout(PATIENCE_S):
            while not discord.gateway.sessions:  # noqa: ASYNC110 - the bot does it
                await asyncio.sleep(0.1)
        await made.ana.says(plan.channel, "@Onsa make it 9 trials")
        await made.ana.sees("9, as many", PATIENCE_S)
        check(discord, bot)


async def test_discord_may_be_down_when_the_bot_starts_and_later(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord:
        made = team(discord)
        await discord.goes_down()
        bot = await start(discord, home, "--no-workers")
        try:
            await asyncio.sleep(6)
            assert bot.process.returncode is None
            await discord.comes_up()
            plan_task = asyncio.create_task(wait_for_commands(discord))
            await asyncio.wait_for(plan_task, PATIENCE_S)
            plan = await made.plan()
            await discord.goes_down()
            await asyncio.sleep(2)
            await discord.comes_up()
            await made.ana.says(plan.channel, "@Onsa make it 8 trials")
            await made.ana.sees("8, as many", PATIENCE_S)
            assert await bot.ends() == 0
            check(discord, bot)
        finally:
            await bot.is_killed()


async def wait_for_commands(discord: Standin) -> None:
    while not (discord.commands.puts and discord.portal.identifies):  # noqa: ASYNC110 - the bot does it
        await asyncio.sleep(0.1)


async def test_errors_of_discord_lose_and_double_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, SLOW) as onsa:
        discord = onsa.standin
        made = onsa.team("Team")
        discord.fault("POST", "/messages$", status=503)
        discord.fault("POST", "/messages$", status=502, applies=True)
        plan = await made.plan()
        discord.fault("POST", "/messages$", status=429, retry_after_s=0.3)
        discord.fault("POST", "/messages$", status=429, via=False)
        await made.ana.clicks(plan, "Start")
        thread = plan.channel
        await made.ana.sees(is_live, PATIENCE_S, channel=thread)
        discord.fault("PATCH", "/messages/", status=500)
        discord.fault("POST", f"/channels/{thread.id}/messages$", cuts=True, applies=True)
        await made.ana.sees("the result", PATIENCE_S * 2, channel=thread)
        await asyncio.sleep(3)
        assert len(reports(thread)) == 1
        assert len([each for each in thread.shown if "this is job 1" in each.text]) == 1
        assert len([each for each in thread.shown if "Plan:" in each.text]) == 1


async def test_a_card_older_than_an_hour_is_posted_anew(tmp_path: Path) -> None:
    async with house(tmp_path, SLOW) as onsa:
        discord = onsa.standin
        made = onsa.team("Team")
        thread = await running_job(made)
        first = live_cards(thread)[0]
        discord.posting.old_edits_allowed = 0
        discord.clock.skip(3700)
        renewed = await made.ana.sees(is_live, PATIENCE_S, channel=thread, after=first)
        assert renewed is not first
        await made.ana.sees("the result", PATIENCE_S * 2, channel=thread)
        await eventually(lambda: len(live_cards(thread)) == 1, PATIENCE_S)


async def test_a_thread_deleted_in_mid_job_sends_the_report_to_its_channel(tmp_path: Path) -> None:
    async with house(tmp_path, SLOW) as onsa:
        discord = onsa.standin
        made = onsa.team("Team")
        thread = await running_job(made)
        discord.remove_channel(thread)
        await made.ana.sees("the result", PATIENCE_S * 2, channel=made.general)


async def test_a_team_that_removed_the_bot_in_mid_job_disturbs_no_other(tmp_path: Path) -> None:
    async with house(tmp_path, SLOW) as onsa:
        discord = onsa.standin
        gone, stays = onsa.team("Gone"), onsa.team("Stays")
        await running_job(gone)
        discord.remove_bot(gone.guild)
        plan = await stays.plan()
        await stays.ana.clicks(plan, "Start")
        await stays.ana.sees("the result", PATIENCE_S * 3, channel=plan.channel)
        assert not [each for each in stays.ana.visible() if each.channel.guild is gone.guild]
        invalid = len(discord.journal.invalid)
        await asyncio.sleep(5)
        assert len(discord.journal.invalid) - invalid <= 2, "it does not knock again and again at a closed door"


async def test_without_the_right_to_open_threads_everything_stays_in_the_channel(tmp_path: Path) -> None:
    async with house(tmp_path) as onsa:
        discord = onsa.standin
        made = onsa.team("Team")
        discord.deny(made.general, discord.bot, rights.CREATE_PUBLIC_THREADS)
        plan = await made.plan()
        assert plan.channel is made.general
        await made.ana.clicks(plan, "Start")
        await made.ana.sees("the result", PATIENCE_S, channel=made.general)


async def test_where_nothing_may_be_said_a_press_is_answered_to_its_person(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord, onsa_bot(discord, home, "--no-workers") as bot:
        made = team(discord)
        plan = await made.plan()
        discord.deny(made.general, discord.bot, rights.SEND_MESSAGES_IN_THREADS)
        use = await made.ana.clicks(plan, "Start")
        answer = await made.ana.gets(use, lambda message: message.seen_only_by is made.ana.user, PATIENCE_S)
        assert answer.text
        assert "unhandled" not in bot.log


async def test_a_wrong_token_ends_the_bot_with_a_sentence(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord:
        bot = await start(discord, home, "--no-workers", DISCORD_TOKEN="wrong")
        assert await asyncio.wait_for(bot.process.wait(), PATIENCE_S) == 1
        assert "Traceback" not in bot.log
        assert "token" in bot.log.lower()


async def test_a_missing_intent_ends_the_bot_with_a_sentence(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord:
        bot = await start(discord, home, "--no-workers", ONSA_DISCORD_MESSAGE_CONTENT="true")
        assert await asyncio.wait_for(bot.process.wait(), PATIENCE_S) == 1
        assert "Traceback" not in bot.log
        assert "intent" in bot.log.lower()
