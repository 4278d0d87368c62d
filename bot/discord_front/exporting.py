"""Hands an export over as a file: people in Discord do not sit at the machine where it lies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import discord

from bot.discord_front.front import Front
from bot.discord_front.markup import escape
from bot.discord_front.outlet import TROUBLE, ChannelOutlet, Outlet
from bot.discord_front.places import guild_of
from bot.discord_front.render import Post
from bot.discord_front.rights import roles_for
from bot.phrases import Language, problem_sentences, say
from bot.replies import Reply, Text
from bot.take_home import CHECKPOINTS, made_by
from bot.utterance import Utterance
from tuner.chat.links import LIVES_S, make_link
from tuner.problems import ProblemError

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

_LOG = logging.getLogger("onsa.discord")

FILE_BYTES = 10 * 1024 * 1024
"""What Discord takes from everybody."""
_FRAME = 4096
"""Bytes of the request around a file."""


async def hand_over(
    client: OnsaClient, utterance: Utterance, said: Sequence[Reply], outlet: Outlet, language: Language
) -> None:
    """Sends each folder that the desk just told of, or a link to it, or says why it stays on the machine.

    Where taking models home is kept for some, others who read along get nothing: it goes to the person alone.
    """
    folders = [reply.handout for reply in said if isinstance(reply, Text) and reply.handout is not None]
    if not folders:
        return
    front, team = client.front, utterance.team
    is_alone = outlet.is_hidden or guild_of(team) is None
    if is_alone or not await roles_for(front.store, team, "export"):
        for folder in folders:
            await _hand_over(front, team, folder, outlet, language)
        return
    alone = await _alone(client, utterance.person)
    for folder in folders if alone is not None else ():
        assert alone is not None
        await _hand_over(front, team, folder, alone, language)
    has_arrived = alone is not None and alone.failure is None
    await outlet.send(Post(content=say("discord.front.export_alone", language, {"arrived": has_arrived})))


async def _alone(client: OnsaClient, person: str) -> ChannelOutlet | None:
    """The direct conversation with the person, or None where there can be none."""
    try:
        return ChannelOutlet(await client.create_dm(discord.Object(int(person))))
    except TROUBLE as error:
        _LOG.warning("no direct conversation for an export: %r", error)
        return None


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
        await outlet.send_file(say("discord.front.export_file", language, {"name": packed.name}), file)
    except TROUBLE as error:
        outlet.failure = error
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
