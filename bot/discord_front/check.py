"""`onsa bot --check`: what is there and what is missing, in plain words, and the link that invites Onsa."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import discord

from bot.discord_front.client import intents_for
from bot.discord_front.run import token_of
from bot.discord_front.server import api_base, point_to
from bot.phrases import Language, say
from bot.settings import BotSettings
from tuner.plan import models
from tuner.store import Store, StoreUnavailable

NEEDED = (
    "view_channel",
    "send_messages",
    "send_messages_in_threads",
    "create_public_threads",
    "embed_links",
    "attach_files",
    "read_message_history",
)
"""The least permissions with which everything works."""
DISK_BYTES = 5_000_000_000
_GPU_S = 10.0


@dataclass(slots=True, kw_only=True)
class Findings:
    """Lines to print, and whether something is in the way."""

    language: Language
    lines: list[str] = field(default_factory=list)
    is_fine: bool = True

    def good(self, key: str, **facts: Any) -> None:
        self._add("✓", key, facts)

    def doubtful(self, key: str, **facts: Any) -> None:
        self._add("!", key, facts)

    def missing(self, key: str, **facts: Any) -> None:
        self.is_fine = False
        self._add("✗", key, facts)

    def _add(self, mark: str, key: str, facts: dict[str, Any]) -> None:
        self.lines.append(f"{mark} {say(f'discord.check.{key}', self.language, facts)}")


async def check(settings: BotSettings) -> int:
    """Prints what was found. Promises 0 when Onsa can run, else 1."""
    found = Findings(language=settings.language or "en")
    await _home(found, settings)
    await _machine(found, settings)
    await _discord(found, settings)
    found.lines.append(say("discord.check.fine" if found.is_fine else "discord.check.not_yet", found.language))
    print("\n".join(found.lines))
    return 0 if found.is_fine else 1


async def _home(found: Findings, settings: BotSettings) -> None:
    home = settings.home.expanduser().resolve()
    try:
        async with await Store.open(home):
            found.good("home", home=str(home))
    except StoreUnavailable as error:
        sentence = say(f"problems.{error.problem.key}", found.language, error.problem.facts)
        found.missing("no_home", home=str(home), sentence=sentence)
        return
    free = (await asyncio.to_thread(shutil.disk_usage, home)).free
    if free < DISK_BYTES:
        found.doubtful("little_disk", bytes=free)
    else:
        found.good("disk", bytes=free)


async def _machine(found: Findings, settings: BotSettings) -> None:
    name = await _gpu()
    if name:
        found.good("gpu", name=name)
    elif not settings.workers:
        found.good("gpu_elsewhere")
    else:
        found.doubtful("no_gpu")
    card = models.find(settings.model) or (models.embedded() if settings.model is None else None)
    if card is None:
        found.missing("no_model", model=str(settings.model), models=[known.name for known in models.catalogue()])
    elif card.origin != "hub" or await asyncio.to_thread(_is_fetched, card.source):
        found.good("model", model=card.name)
    elif os.environ.get("HF_HUB_OFFLINE") == "1":
        found.missing("model_offline", model=card.name)
    else:
        found.doubtful("model_to_fetch", model=card.name)


async def _gpu() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        child = await asyncio.create_subprocess_exec(
            program, "--query-gpu=name", "--format=csv,noheader",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        said, _ = await asyncio.wait_for(child.communicate(), _GPU_S)
    except (OSError, TimeoutError):
        return ""
    return said.decode("utf-8", "replace").strip().splitlines()[0] if said.strip() else ""


def _is_fetched(source: str) -> bool:
    """True when the hub's cache of this machine holds the model."""
    root = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    return (root / "hub" / f"models--{source.replace('/', '--')}").is_dir()


async def _discord(found: Findings, settings: BotSettings) -> None:
    token = await asyncio.to_thread(token_of, settings)
    if not token:
        file = settings.discord_token_file
        if file is None:
            found.missing("no_token")
        else:
            found.missing("no_token_in_file", file=str(file))
        return
    client = discord.Client(intents=intents_for(message_content=False))
    try:
        if settings.discord_api:
            await point_to(api_base(settings.discord_api), token)
        await client.login(token)
        await _application(found, settings, client)
    except discord.LoginFailure:
        found.missing("wrong_token")
    except (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        found.missing("unreachable", detail=str(error) or type(error).__name__)
    finally:
        await client.close()


async def _application(found: Findings, settings: BotSettings, client: discord.Client) -> None:
    assert client.user is not None
    found.good("token", name=str(client.user))
    flags = (await client.application_info()).flags
    can_read = flags.gateway_message_content or flags.gateway_message_content_limited
    if settings.discord_message_content and not can_read:
        found.missing("intent_off")
    else:
        found.good("intent_on" if settings.discord_message_content else "intent_not_needed")
    count = 0
    async for guild in client.fetch_guilds(limit=200):
        count += 1
        await _guild(found, client, guild)
    if count:
        found.good("teams", count=count)
    else:
        found.doubtful("no_team")
    if client.application_id is not None:
        found.lines.append(say("discord.check.invite", found.language, {"link": invite(client.application_id)}))


async def _guild(found: Findings, client: discord.Client, guild: discord.Guild) -> None:
    """What Onsa's roles in a team lack, channels' own rules left aside."""
    assert client.user is not None
    roles = await guild.fetch_roles()
    me = await guild.fetch_member(client.user.id)
    held = discord.Permissions.none()
    for role in roles:
        if role.id == guild.id or role.id in me._roles:
            held |= role.permissions
    lacking = [name for name in NEEDED if not held.administrator and not getattr(held, name)]
    if lacking:
        words = [say(f"discord.check.permission_{name}", found.language) for name in lacking]
        found.missing("permissions", team=guild.name, permissions=words)


def invite(application_id: int) -> str:
    """Promises the link with the least permissions."""
    permissions = discord.Permissions(**dict.fromkeys(NEEDED, True))
    return discord.utils.oauth_url(application_id, permissions=permissions, scopes=("bot", "applications.commands"))
