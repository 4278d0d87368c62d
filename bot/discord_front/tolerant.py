"""Makes discord.py survive events that it cannot read: one that lacks a field costs itself, not the connection."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Any

import discord

_LOG = logging.getLogger("onsa.discord")

_VITAL = frozenset({"READY", "RESUMED"})
"""Without them there is no connection: there, a mistake leads to a new one."""
_LEFT_OUT: dict[str, dict[str, Any]] = {
    "INTERACTION_CREATE": {"version": 1, "attachment_size_limit": 10 * 1024 * 1024},
    "MESSAGE_CREATE": {
        "attachments": [],
        "embeds": [],
        "mentions": [],
        "mention_roles": [],
        "mention_everyone": False,
        "edited_timestamp": None,
        "pinned": False,
        "tts": False,
        "type": 0,
    },
    "CHANNEL_CREATE": {"position": 0, "permission_overwrites": []},
    "CHANNEL_UPDATE": {"position": 0, "permission_overwrites": []},
}
"""What discord.py needs and some servers leave out."""


def make_tolerant(client: discord.Client) -> None:
    """Call it before the client connects. What an event lacks is filled in; one that still cannot be read is logged."""
    parsers = client._connection.parsers
    for event, parse in list(parsers.items()):
        if event not in _VITAL:
            parsers[event] = _guarded(event, parse)


def _guarded(event: str, parse: Callable[[Any], None]) -> Callable[[Any], None]:
    def read(given: Any) -> None:
        for name, value in _LEFT_OUT.get(event, {}).items():
            given.setdefault(name, value)
        if event == "GUILD_CREATE":
            for channel in given.get("channels") or ():
                channel.setdefault("position", 0)
                channel.setdefault("permission_overwrites", [])
        try:
            parse(given)
        except Exception:
            _LOG.exception("an event of Discord's cannot be read (%s), reference %s", event, uuid.uuid4().hex[:8])

    return read
