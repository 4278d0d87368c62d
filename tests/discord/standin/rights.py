"""Permissions: the bits, the bot's least set, and what somebody may do in a channel."""

from collections.abc import Iterable
from typing import Protocol

ADMINISTRATOR = 1 << 3
MANAGE_CHANNELS = 1 << 4
MANAGE_GUILD = 1 << 5
ADD_REACTIONS = 1 << 6
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_MESSAGES = 1 << 13
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
MENTION_EVERYONE = 1 << 17
USE_APPLICATION_COMMANDS = 1 << 31
MANAGE_THREADS = 1 << 34
CREATE_PUBLIC_THREADS = 1 << 35
CREATE_PRIVATE_THREADS = 1 << 36
SEND_MESSAGES_IN_THREADS = 1 << 38

EVERYTHING = (1 << 50) - 1

# What an invite link with the least permissions asks for; what @everyone has in a fresh guild.
LEAST = (VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS | ATTACH_FILES | READ_MESSAGE_HISTORY
         | CREATE_PUBLIC_THREADS | SEND_MESSAGES_IN_THREADS)
PEOPLE = LEAST | ADD_REACTIONS | USE_APPLICATION_COMMANDS | CREATE_PRIVATE_THREADS
IN_DM = PEOPLE | MENTION_EVERYONE


class Overwrite(Protocol):
    target: int
    allow: int
    deny: int


def in_channel(
    base: int, overwrites: Iterable[Overwrite], *, everyone: int, roles: set[int], user: int,
) -> int:
    """Permissions after the channel's overwrites: everyone's first, then roles', then the member's own."""
    if base & ADMINISTRATOR:
        return EVERYTHING
    allow = deny = 0
    own: Overwrite | None = None
    for each in overwrites:
        if each.target == everyone:
            base = (base & ~each.deny) | each.allow
        elif each.target == user:
            own = each
        elif each.target in roles:
            allow |= each.allow
            deny |= each.deny
    base = (base & ~deny) | allow
    if own is not None:
        base = (base & ~own.deny) | own.allow
    return base if base & VIEW_CHANNEL else 0
