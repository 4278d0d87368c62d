"""What happened in the world, told to the gateway: only to who may see it, and with the content they may have."""

from typing import Any

from standin import objects, rights
from standin.gateway import Gateway, Session
from standin.intents import MESSAGE_CONTENT
from standin.world import DM, Channel, Guild, Message, Role, User, World

Json = dict[str, Any]


class News:
    """One method an event. Each takes what changed and publishes it."""

    def __init__(self, world: World, gateway: Gateway) -> None:
        self.world = world
        self.gateway = gateway

    def message_created(self, message: Message) -> None:
        self._message("MESSAGE_CREATE", message)

    def message_edited(self, message: Message) -> None:
        self._message("MESSAGE_UPDATE", message)

    def _message(self, event: str, message: Message) -> None:
        if message.seen_only_by is not None or not self._seen(message.channel):
            return

        def make(session: Session) -> Json:
            return read_by_bot(message, self.world, bool(session.intents & MESSAGE_CONTENT),
                               objects.message_event(message, self.world))

        self._in(message.channel, event, make)

    def message_deleted(self, message: Message) -> None:
        made = {"id": str(message.id), "channel_id": str(message.channel.id)} | _guild_of(message.channel)
        self._in(message.channel, "MESSAGE_DELETE", made)

    def reaction(self, message: Message, user: User, emoji: str, *, added: bool) -> None:
        made = {"user_id": str(user.id), "channel_id": str(message.channel.id), "message_id": str(message.id),
                "emoji": {"id": None, "name": emoji}, "burst": False, "type": 0,
                "message_author_id": str(message.author.id)} | _guild_of(message.channel)
        guild = message.channel.guild
        if guild is not None and added:
            made["member"] = objects.member(guild.members[user.id])
        self._in(message.channel, "MESSAGE_REACTION_ADD" if added else "MESSAGE_REACTION_REMOVE", made)

    def typing(self, channel: Channel, user: User) -> None:
        made = {"channel_id": str(channel.id), "user_id": str(user.id),
                "timestamp": int(self.world.clock.now())} | _guild_of(channel)
        if channel.guild is not None:
            made["member"] = objects.member(channel.guild.members[user.id])
        self._in(channel, "TYPING_START", made)

    def thread_created(self, thread: Channel) -> None:
        self._in(thread, "THREAD_CREATE", objects.channel(thread, self.world) | {"newly_created": True})

    def thread_joined(self, thread: Channel, user: User) -> None:
        assert thread.guild is not None
        made = {"id": str(thread.id), "guild_id": str(thread.guild.id), "member_count": len(thread.joined),
                "added_members": [objects.thread_member(thread, user.id)
                                  | {"member": objects.member(thread.guild.members[user.id]), "presence": None}],
                "removed_member_ids": []}
        if user is self.world.bot:
            self._in(thread, "THREAD_MEMBERS_UPDATE", made)

    def channel_changed(self, channel: Channel, what: str) -> None:
        """`what`: CREATE, UPDATE or DELETE, of a channel or a thread."""
        kind = "THREAD" if channel.is_thread else "CHANNEL"
        if kind == "THREAD" and what == "DELETE":
            assert channel.parent is not None
            made = {"id": str(channel.id), "type": channel.type, "parent_id": str(channel.parent.id)}
            made |= _guild_of(channel)
        else:
            made = objects.channel(channel, self.world)
        self._in(channel, f"{kind}_{what}", made, always=what == "DELETE")

    def role_changed(self, guild: Guild, role: Role, what: str) -> None:
        """`what`: CREATE or UPDATE."""
        made = {"guild_id": str(guild.id), "role": objects.role(role)}
        self.gateway.publish(f"GUILD_ROLE_{what}", made, guild=guild)

    def member_changed(self, guild: Guild, user: User, what: str) -> None:
        """`what`: ADD, UPDATE or REMOVE. A change of the bot's own roles comes even without the members intent."""
        if what == "REMOVE":
            made: Json = {"guild_id": str(guild.id), "user": objects.user(user)}
        else:
            made = objects.member(guild.members[user.id]) | {"guild_id": str(guild.id)}
        if user is self.world.bot:
            for session in self.gateway.sessions.values():
                session.dispatch(f"GUILD_MEMBER_{what}", made)
        else:
            self.gateway.publish(f"GUILD_MEMBER_{what}", made, guild=guild)

    def guild_gained(self, guild: Guild) -> None:
        self.gateway.publish("GUILD_CREATE", lambda session: self.gateway.guild_create(guild, session), guild=guild)

    def guild_lost(self, guild: Guild, *, is_outage: bool) -> None:
        made: Json = {"id": str(guild.id)} | ({"unavailable": True} if is_outage else {})
        self.gateway.publish("GUILD_DELETE", made, guild=guild)

    def interaction(self, made: Json, guild: Guild | None) -> None:
        self.gateway.publish("INTERACTION_CREATE", made, guild=guild)

    def _in(self, channel: Channel, event: str, made: Any, *, always: bool = False) -> None:
        if always or self._seen(channel):
            self.gateway.publish(event, made, guild=channel.guild, in_dm=channel.type == DM)

    def _seen(self, channel: Channel) -> bool:
        return bool(self.world.may(self.world.bot, channel) & rights.VIEW_CHANNEL)


def read_by_bot(message: Message, world: World, has_content_intent: bool, made: Json) -> Json:
    """The message as the bot may read it: content emptied unless it is its own, a DM, or names the bot."""
    if has_content_intent:
        return made
    if made.get("referenced_message") and message.reply_to is not None and not _is_open(message.reply_to, world):
        made["referenced_message"] = objects.without_content(made["referenced_message"])
    return made if _is_open(message, world) else objects.without_content(made)


def _is_open(message: Message, world: World) -> bool:
    return message.author is world.bot or message.channel.type == DM or world.bot in message.mentions


def _guild_of(channel: Channel) -> Json:
    return {"guild_id": str(channel.guild.id)} if channel.guild is not None else {}
