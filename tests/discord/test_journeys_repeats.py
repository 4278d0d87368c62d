"""Messages that come twice, or whose answer was lost with the process: answered once, never passed over."""

import asyncio
from pathlib import Path

import pytest
from bot_process import eventually
from house import PATIENCE_S, Team, check, prepared, team
from process import onsa_bot
from standin import Standin

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def statuses(made: Team) -> list[str]:
    return [each.text for each in made.ana.visible() if "There is no job yet" in each.text]


async def test_a_message_that_comes_again_after_a_restart_is_not_answered_again(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord:
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers"):
            said = await made.ana.says(made.general, "@Onsa status")
            await made.ana.sees("There is no job yet", PATIENCE_S)
        async with onsa_bot(discord, home, "--no-workers") as bot:
            discord.news.message_created(said)
            await made.ana.says(made.general, "@Onsa help")
            await made.ana.sees("You can simply say it", PATIENCE_S)
            check(discord, bot)
        assert len(statuses(made)) == 1


async def test_two_processes_that_hear_the_same_message_answer_it_once(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with (Standin() as discord, onsa_bot(discord, home, "--no-workers") as one,
                onsa_bot(discord, home, "--no-workers") as other):
        made = team(discord)
        for _ in range(3):
            await made.ana.says(made.general, "@Onsa status")
        await eventually(lambda: len(statuses(made)) >= 3, PATIENCE_S)
        await asyncio.sleep(2)  # whatever would come twice comes now
        assert len(statuses(made)) == 3
        check(discord, one)
        check(discord, other)


async def test_who_waited_when_the_bot_was_killed_is_asked_once_to_say_it_again(tmp_path: Path) -> None:
    home = await prepared(tmp_path)
    async with Standin() as discord:
        made = team(discord)
        async with onsa_bot(discord, home, "--no-workers") as bot:
            never = discord.fault("POST", "/messages$", delay_s=200.0)
            said = await made.ana.says(made.general, "@Onsa status")
            await eventually(lambda: never.hits, PATIENCE_S)
            await bot.is_killed()
        for _ in range(2):
            async with onsa_bot(discord, home, "--no-workers") as bot:
                asked = await made.ana.sees("say it once more", PATIENCE_S)
                assert asked.reply_to is said
                check(discord, bot)
        assert len([each for each in made.ana.visible() if "once more" in each.text]) == 1
