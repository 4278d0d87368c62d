"""Finds a message that Onsa sent but could not note: the process was killed, or the answer was lost on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable

import discord

_LOG = logging.getLogger("onsa.discord")

_HISTORY = 100


async def own_message(
    client: discord.Client, place: discord.abc.Messageable, is_it: Callable[[discord.Message], bool]
) -> discord.Message | None:
    """Promises the newest of Onsa's own messages in `place` that `is_it`, or None when there is none among the latest.

    No time is asked for: the clocks of this machine and of Discord may differ. Where nothing may be read back, None;
    then the nonce alone has to do. Raises discord.HTTPException when Discord is away.
    """
    if client.user is None:
        return None
    try:
        async for message in place.history(limit=_HISTORY):
            if message.author.id == client.user.id and is_it(message):
                return message
    except discord.Forbidden:
        pass
    except (KeyError, TypeError, ValueError):
        _LOG.exception("the latest messages cannot be read")
    return None


def has_footer(text: str | None) -> Callable[[discord.Message], bool]:
    """Promises a test for an embed with this footer."""
    return lambda message: text is not None and any(embed.footer.text == text for embed in message.embeds)
