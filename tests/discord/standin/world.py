"""What exists in this Discord: users, guilds, channels, threads, messages. It knows nothing of HTTP or sockets."""

from dataclasses import dataclass, field
from typing import Any

from standin import rights
from standin.clock import Clock, Snowflakes
from standin.refusals import unknown

TEXT, DM, NEWS_THREAD, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 10, 11, 12
THREADS = (NEWS_THREAD, PUBLIC_THREAD, PRIVATE_THREAD)


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    id: int
    name: str
    locale: str = "en-US"
    is_bot: bool = False
    takes_dms: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class Role:
    id: int
    name: str
    permissions: int
    position: int = 0
    bot_id: int | None = None  # of a bot's own role


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    user: User
    roles: set[int] = field(default_factory=set)
    joined_at: float
    nick: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Overwrite:
    target: int
    is_role: bool
    allow: int = 0
    deny: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Attachment:
    id: int
    filename: str
    content: bytes
    content_type: str
    url: str
    description: str | None = None
    size_px: tuple[int, int] | None = None
    is_embedded: bool = False  # shown by an embed (attachment://name), so it left the list of attachments


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    id: int
    channel: "Channel"
    author: User
    content: str = ""
    at: float
    edited_at: float | None = None
    type: int = 0
    flags: int = 0
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mentions_everyone: bool = False
    reply_to: "Message | None" = None
    reply_reference: dict[str, Any] | None = None
    nonce: str | int | None = None
    webhook_id: int | None = None
    interaction: dict[str, Any] | None = None  # interaction_metadata
    seen_only_by: User | None = None  # ephemeral
    thread: "Channel | None" = None
    reactions: dict[str, list[int]] = field(default_factory=dict)
    edits: list[float] = field(default_factory=list)
    is_deleted: bool = False

    @property
    def text(self) -> str:
        """All that a person reads in it: content, embeds and the names of files."""
        words = [self.content]
        for embed in self.embeds:
            words += [embed.get("title", ""), embed.get("description", "")]
            words += [part for each in embed.get("fields", []) for part in (each["name"], each["value"])]
            words.append((embed.get("footer") or {}).get("text", ""))
            words.append((embed.get("author") or {}).get("name", ""))
        return "\n".join(filter(None, [*words, *_texts(self.components)]))

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return [each for each in _leaves(self.components) if each["type"] == 2]

    @property
    def selects(self) -> list[dict[str, Any]]:
        return [each for each in _leaves(self.components) if each["type"] in (3, 5, 6, 7, 8)]

    @property
    def labels(self) -> list[str]:
        return [each.get("label", "") for each in self.buttons]

    @property
    def pings(self) -> bool:
        """Whether it notifies anybody."""
        return bool(self.mentions or self.mention_roles or self.mentions_everyone)


def _leaves(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for each in components:
        inner = [*each.get("components", []), *([each["accessory"]] if each.get("accessory") else []),
                 *([each["component"]] if each.get("component") else [])]
        found += _leaves(inner) if inner else [each]
    return found


def _texts(components: list[dict[str, Any]]) -> list[str]:
    return [each["content"] for each in _leaves(components) if each["type"] == 10]


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    id: int
    name: str
    type: int = TEXT
    guild: "Guild | None" = None
    parent: "Channel | None" = None
    owner_id: int | None = None
    people: list[User] = field(default_factory=list)  # of a DM
    joined: set[int] = field(default_factory=set)  # of a thread
    overwrites: list[Overwrite] = field(default_factory=list)
    messages: dict[int, Message] = field(default_factory=dict)
    archived: bool = False
    locked: bool = False
    auto_archive_minutes: int = 1440
    topic: str | None = None
    created_at: float = 0.0

    @property
    def is_thread(self) -> bool:
        return self.type in THREADS

    @property
    def shown(self) -> list[Message]:
        """Its messages in order, without the ephemeral ones."""
        return [each for _, each in sorted(self.messages.items()) if each.seen_only_by is None]


@dataclass(slots=True, kw_only=True, eq=False)
class Guild:
    id: int
    name: str
    owner: User
    locale: str = "en-US"
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)  # threads too
    is_available: bool = True
    file_limit_bytes: int = 10 * 1024 * 1024

    def has(self, user: User) -> bool:
        return user.id in self.members


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that exists. Lookups raise Discord's own refusals."""

    clock: Clock
    ids: Snowflakes
    bot: User
    users: dict[int, User] = field(default_factory=dict)
    guilds: dict[int, Guild] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    attachments: dict[int, Attachment] = field(default_factory=dict)
    posted: list[Message] = field(default_factory=list)  # every message ever made, in order

    def channel(self, channel_id: int) -> Channel:
        if channel_id not in self.channels:
            raise unknown("Channel")
        return self.channels[channel_id]

    def message(self, channel_id: int, message_id: int) -> Message:
        found = self.channel(channel_id).messages.get(message_id)
        if found is None:
            raise unknown("Message")
        return found

    def guild(self, guild_id: int) -> Guild:
        if guild_id not in self.guilds:
            raise unknown("Guild")
        return self.guilds[guild_id]

    def user(self, user_id: int) -> User:
        if user_id not in self.users:
            raise unknown("User")
        return self.users[user_id]

    def dm(self, one: User, other: User) -> Channel:
        """The DM channel of the two, made when it is first needed."""
        for each in self.channels.values():
            if each.type == DM and {person.id for person in each.people} == {one.id, other.id}:
                return each
        made = Channel(id=self.ids.next(), name="", type=DM, people=[one, other], created_at=self.clock.now())
        self.channels[made.id] = made
        return made

    def may(self, user: User, channel: Channel) -> int:
        """Permission bits of a user in a channel; 0 where the user cannot even see it."""
        if channel.type == DM:
            return rights.IN_DM if user in channel.people else 0
        guild = channel.guild
        if guild is None or not guild.has(user):
            return 0
        if guild.owner is user:
            return rights.EVERYTHING
        member = guild.members[user.id]
        base = guild.roles[guild.id].permissions
        for role in member.roles:
            base |= guild.roles[role].permissions
        overwrites = (channel.parent or channel).overwrites
        found = rights.in_channel(base, overwrites, everyone=guild.id, roles=member.roles, user=user.id)
        if channel.type == PRIVATE_THREAD and user.id not in channel.joined and not found & rights.MANAGE_THREADS:
            return 0
        return found

    def sees(self, user: User, message: Message) -> bool:
        if message.seen_only_by is not None and message.seen_only_by is not user:
            return False
        return bool(self.may(user, message.channel) & rights.VIEW_CHANNEL)
