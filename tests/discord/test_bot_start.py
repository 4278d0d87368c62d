"""How the bot starts, what it says when it cannot, and how it comes back when Discord does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import discord
import pytest
from bot_process import Bot, eventually, running
from standin import Person, Standin

pytestmark = pytest.mark.slow


async def ended(bot: Bot) -> tuple[int | None, str]:
    await bot.start(waits=False)
    said = await bot.output()
    assert bot.process is not None
    return bot.process.returncode, said


async def test_without_a_token_it_says_where_to_get_one(standin: Standin, tmp_path: Path) -> None:
    code, said = await ended(Bot(standin=standin, home=tmp_path, extra={"DISCORD_TOKEN": ""}))
    assert code == 1
    assert "discord.com/developers" in said
    assert "Traceback" not in said


async def test_a_wrong_token_is_told_and_not_tried_again(standin: Standin, tmp_path: Path) -> None:
    code, said = await ended(Bot(standin=standin, home=tmp_path, extra={"DISCORD_TOKEN": "wrong.token.here"}))
    assert code == 1
    assert "does not know this token" in said
    assert "Traceback" not in said


async def test_the_token_may_stand_in_a_file(standin: Standin, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text(standin.token + "\n")
    async with running(standin, tmp_path, extra={"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": str(secret)}):
        pass


async def test_a_discord_that_is_down_at_the_start_is_waited_for(standin: Standin, tmp_path: Path) -> None:
    aki = Person(standin, "aki")
    guild = standin.guild("Bicycles", owner=aki.user)
    standin.gateway.is_refusing = True
    bot = Bot(standin=standin, home=tmp_path)
    await bot.start(waits=False)
    try:
        await asyncio.sleep(6)
        assert bot.process is not None
        assert bot.process.returncode is None
        standin.gateway.is_refusing = False
        await eventually(lambda: standin.gateway.sessions, 60)
        await asyncio.sleep(3)
        await aki.says(standin.general(guild), "@Onsa help")
        await aki.sees("You can simply say it", 90)
    finally:
        await bot.stop()


async def test_what_was_said_while_the_line_was_cut_is_answered_after_it(standin: Standin, tmp_path: Path) -> None:
    aki = Person(standin, "aki")
    guild = standin.guild("Bicycles", owner=aki.user)
    async with running(standin, tmp_path):
        standin.gateway.cut()
        await aki.says(standin.general(guild), "@Onsa help")
        await aki.sees("You can simply say it", 90)


async def test_the_check_says_what_is_missing_and_gives_the_invite_link(standin: Standin, tmp_path: Path) -> None:
    aki = Person(standin, "aki")
    guild = standin.guild("Bicycles", owner=aki.user, bot_permissions=0)
    guild.roles[guild.id].permissions = 0
    bot = Bot(standin=standin, home=tmp_path, arguments=("--check",))
    code, said = await ended(bot)
    assert code == 1
    assert "Send Messages in Threads" in said
    assert "oauth2/authorize" in said
    standin.world.guilds.clear()
    standin.guild("Cars", owner=aki.user)
    code, said = await ended(Bot(standin=standin, home=tmp_path, arguments=("--check",)))
    assert (code, "Everything that I need is there" in said) == (0, True), said


async def test_the_check_says_what_to_do_next_in_the_language_of_who_installs_it(
    standin: Standin, tmp_path: Path
) -> None:
    extra = {"ONSA_LANGUAGE": "ja", "ONSA_WORKERS": "false"}
    code, said = await ended(Bot(standin=standin, home=tmp_path, arguments=("--check",), extra=extra))
    assert code == 0, said
    assert "まだどのサーバーにも参加していません" in said
    assert "招待用のリンク" in said
    assert "nvidia-smi" not in said
    file = tmp_path / "nothing"
    extra = {"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": str(file)}
    code, said = await ended(Bot(standin=standin, home=tmp_path, arguments=("--check",), extra=extra))
    assert code == 1
    assert str(file) in said
    assert "alone on one line" in said
    code, said = await ended(
        Bot(standin=standin, home=tmp_path, arguments=("--check",), extra={"DISCORD_TOKEN": "wrong.token.here"}))
    assert code == 1
    assert "Reset Token" in said
    code, said = await ended(
        Bot(standin=standin, home=tmp_path, arguments=("--check",), extra={"ONSA_DISCORD_API": "http://127.0.0.1:9"}))
    assert code == 1
    assert "connection to the internet" in said
    code, said = await ended(Bot(standin=standin, home=tmp_path, arguments=("--check",),
                                 extra={"ONSA_DISCORD_MESSAGE_CONTENT": "1", "ONSA_MODEL": "no such model"}))
    assert code == 1
    assert "Switch it on" in said
    assert "ONSA_MODEL" in said


async def test_the_invite_link_asks_for_the_least_rights(standin: Standin, tmp_path: Path) -> None:
    _, said = await ended(Bot(standin=standin, home=tmp_path, arguments=("--check",)))
    link = next(word for word in said.split() if "oauth2/authorize" in word)
    asked = parse_qs(urlsplit(link).query)
    least = {"view_channel", "send_messages", "send_messages_in_threads", "create_public_threads", "embed_links",
             "attach_files", "read_message_history"}
    assert discord.Permissions(int(asked["permissions"][0])) == discord.Permissions(**dict.fromkeys(least, True))
    assert set(asked["scope"][0].split()) == {"bot", "applications.commands"}
