"""A sign of life for whoever watches the process: a file that is touched while the connection to Discord stands."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import discord

_LOG = logging.getLogger("onsa.discord")

FILE = "bot.alive"
"""In the home. docker/bot.Dockerfile calls the bot healthy while this file is younger than two minutes."""
BEAT_S = 20.0


async def beat(client: discord.Client, home: Path) -> None:
    """Touches the file as long as the gateway's socket is open. Ends with its task; a full disk is only noted."""
    while True:
        if client.ws is not None and client.ws.open:
            try:
                await asyncio.to_thread((home / FILE).touch)
            except OSError as error:
                _LOG.warning("no sign of life could be left: %s", error)
        await asyncio.sleep(BEAT_S)
