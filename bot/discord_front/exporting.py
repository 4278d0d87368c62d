"""Hands an exported adapter over as a file: people in Discord do not sit at the machine where it lies."""

from __future__ import annotations

import asyncio
import logging
import zipfile
from pathlib import Path

import discord

from bot.discord_front.front import Front
from bot.discord_front.markup import escape
from bot.discord_front.outlet import NOBODY, TROUBLE, Outlet
from bot.discord_front.render import Post
from bot.phrases import Language, say
from tuner.store.records import Job

_LOG = logging.getLogger("onsa.discord")

FILE_BYTES = 10_000_000
"""What Discord takes from everybody."""


async def hand_over(front: Front, team: str, job: Job, trial: int | None, outlet: Outlet, language: Language) -> None:
    """Sends what the desk just exported, or says why it stays on the machine."""
    if trial is None:
        best = await front.store.best_checkpoint(team, job.number)
        trial = best.trial if best is not None else None
    folder = front.services.home / "exports" / team / f"job-{job.number}-trial-{trial}"
    packed = await asyncio.to_thread(_packed, folder)
    if packed is None:
        return
    size = (await asyncio.to_thread(packed.stat)).st_size
    if size > FILE_BYTES:
        text = say("discord.front.export_too_large", language, {"bytes": size})
        await outlet.send(Post(content=escape(text)))
        return
    try:
        file = await asyncio.to_thread(discord.File, packed)
        await outlet.channel.send(
            say("discord.front.export_file", language, {"job": job.number, "trial": trial}),
            file=file,
            allowed_mentions=NOBODY,
        )
    except TROUBLE as error:
        _LOG.warning("an adapter could not be sent: %r", error)


def _packed(folder: Path) -> Path | None:
    """The folder as one file beside it, made once; None when there is nothing."""
    if not folder.is_dir():
        return None
    target = folder.with_suffix(".zip")
    if not target.exists():
        half = target.with_suffix(".part")
        with zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, str(Path(folder.name) / path.relative_to(folder)))
        half.replace(target)
    return target
