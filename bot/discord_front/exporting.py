"""Hands an export over as a file: people in Discord do not sit at the machine where it lies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import discord

from bot.discord_front.front import Front
from bot.discord_front.markup import escape
from bot.discord_front.outlet import NOBODY, TROUBLE, Outlet
from bot.discord_front.render import Post
from bot.phrases import Language, problem_sentences, say
from bot.replies import Reply, Text
from bot.take_home import CHECKPOINTS, made_by
from tuner.chat.links import LIVES_S, make_link
from tuner.problems import ProblemError

_LOG = logging.getLogger("onsa.discord")

FILE_BYTES = 10 * 1024 * 1024
"""What Discord takes from everybody."""
_FRAME = 4096
"""Bytes of the request around a file."""


async def hand_over(front: Front, team: str, said: Sequence[Reply], outlet: Outlet, language: Language) -> None:
    """Sends each folder that the desk just told of, or a link to it, or says why it stays on the machine."""
    for reply in said:
        if isinstance(reply, Text) and reply.handout is not None:
            await _hand_over(front, team, reply.handout, outlet, language)


async def _hand_over(front: Front, team: str, folder: Path, outlet: Outlet, language: Language) -> None:
    packed = folder.with_name(f"{folder.name}.zip")
    try:
        made = await made_by(CHECKPOINTS, "zip", asked={"folder": str(folder), "out": str(packed)})
    except ProblemError as error:
        await outlet.send(Post(content=escape("\n".join(problem_sentences(error.problems, language)))))
        return
    if made["bytes"] > await _room(outlet):
        await outlet.send(Post(content=await _elsewhere(front, team, packed, int(made["bytes"]), language)))
        return
    try:
        file = await asyncio.to_thread(discord.File, packed)
        await outlet.channel.send(
            say("discord.front.export_file", language, {"name": packed.name}),
            file=file,
            allowed_mentions=NOBODY,
        )
    except TROUBLE as error:
        _LOG.warning("an export could not be sent: %r", error)
        if isinstance(error, discord.HTTPException) and error.status == 413:
            text = await _elsewhere(front, team, packed, int(made["bytes"]), language)
            await outlet.send(Post(content=text))


async def _room(outlet: Outlet) -> int:
    """Bytes that a file may have there: a boosted server takes more."""
    guild = getattr(outlet.channel, "guild", None)
    limit = guild.filesize_limit if isinstance(guild, discord.Guild) else FILE_BYTES
    return int(limit) - _FRAME


async def _elsewhere(front: Front, team: str, packed: Path, size: int, language: Language) -> str:
    """A link where this home is reached from outside, else where the file lies and who can fetch it."""
    url = (front.settings.download_url or "").rstrip("/")
    if not url:
        return escape(say("discord.front.export_too_large", language, {"bytes": size, "file": str(packed)}))
    place = await asyncio.to_thread(make_link, front.services.home, team, packed, front.services.clock())
    facts = {"bytes": size, "hours": LIVES_S // 3600, "url": f"{url}{place}"}
    return say("replies.take_home.link", language, facts)
