"""Which intent lets which event through, and what the developer portal allows."""

from dataclasses import dataclass, field

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
GUILD_MESSAGE_REACTIONS = 1 << 10
GUILD_MESSAGE_TYPING = 1 << 11
DIRECT_MESSAGES = 1 << 12
DIRECT_MESSAGE_REACTIONS = 1 << 13
DIRECT_MESSAGE_TYPING = 1 << 14
MESSAGE_CONTENT = 1 << 15

PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT

# Flags of an application with few guilds ("limited" until verified).
_FLAGS = {GUILD_PRESENCES: 1 << 13, GUILD_MEMBERS: 1 << 15, MESSAGE_CONTENT: 1 << 19}

_BY_EVENT = {
    "GUILD_MEMBER_ADD": GUILD_MEMBERS, "GUILD_MEMBER_UPDATE": GUILD_MEMBERS, "GUILD_MEMBER_REMOVE": GUILD_MEMBERS,
    "MESSAGE_CREATE": GUILD_MESSAGES, "MESSAGE_UPDATE": GUILD_MESSAGES, "MESSAGE_DELETE": GUILD_MESSAGES,
    "MESSAGE_DELETE_BULK": GUILD_MESSAGES,
    "MESSAGE_REACTION_ADD": GUILD_MESSAGE_REACTIONS, "MESSAGE_REACTION_REMOVE": GUILD_MESSAGE_REACTIONS,
    "TYPING_START": GUILD_MESSAGE_TYPING,
}
_IN_DM = {GUILD_MESSAGES: DIRECT_MESSAGES, GUILD_MESSAGE_REACTIONS: DIRECT_MESSAGE_REACTIONS,
          GUILD_MESSAGE_TYPING: DIRECT_MESSAGE_TYPING}
_ALWAYS = {"INTERACTION_CREATE", "READY", "RESUMED", "USER_UPDATE", "GUILD_MEMBERS_CHUNK"}


def needed(event: str, *, in_dm: bool) -> int:
    """The intent bit without which the event is not sent; 0 where none is needed."""
    if event in _ALWAYS:
        return 0
    bit = _BY_EVENT.get(event, GUILDS)
    return _IN_DM.get(bit, bit) if in_dm else bit


@dataclass(slots=True, kw_only=True)
class Portal:
    """What the owner set in the developer portal."""

    token: str = "standin.token.of-the-tests"
    name: str = "Onsa"
    allowed_intents: int = 0  # the privileged ones that are switched on
    identifies: list[dict[str, object]] = field(default_factory=list)  # every IDENTIFY that was accepted

    @property
    def flags(self) -> int:
        return sum(flag for bit, flag in _FLAGS.items() if self.allowed_intents & bit)
