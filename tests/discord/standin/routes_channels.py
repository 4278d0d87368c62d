"""Routes of channels and threads."""

from typing import Any

from standin import limits_of_commands, objects, refusals, rights
from standin.calls import Call, Created, Routes
from standin.limits import HAS_THREAD
from standin.news import News
from standin.posting import Posting
from standin.routes_messages import MessageRoutes
from standin.world import PRIVATE_THREAD, PUBLIC_THREAD, Channel, Message, User, World

Json = dict[str, Any]


class ChannelRoutes:
    def __init__(self, world: World, posting: Posting, news: News, messages: MessageRoutes) -> None:
        self.world = world
        self.posting = posting
        self.news = news
        self.allowed = messages.allowed

    def table(self) -> Routes:
        one = "/channels/{channel_id}"
        return [
            ("GET", one, self.get), ("PATCH", one, self.edit), ("DELETE", one, self.delete),
            ("POST", f"{one}/messages/{{message_id}}/threads", self.thread_from_message),
            ("POST", f"{one}/threads", self.thread),
            ("PUT", f"{one}/thread-members/@me", self.join), ("DELETE", f"{one}/thread-members/@me", self.leave),
            ("PUT", f"{one}/thread-members/{{user_id}}", self.add), ("GET", f"{one}/thread-members", self.members),
            ("GET", f"{one}/threads/archived/public", self.archived),
            ("GET", "/guilds/{guild_id}/threads/active", self.active),
            ("POST", "/users/@me/channels", self.open_dm),
        ]

    async def get(self, call: Call) -> Json:
        return objects.channel(self.allowed(call.id("channel_id"), 0), self.world)

    async def open_dm(self, call: Call) -> Json:
        person = self.world.user(int(call.body.fields.get("recipient_id", 0)))
        if person is self.world.bot or not any(each.has(person) for each in self.world.guilds.values()):
            raise refusals.closed_to_messages()
        return objects.channel(self.world.dm(self.world.bot, person), self.world)

    async def thread_from_message(self, call: Call) -> Created:
        channel = self.allowed(call.id("channel_id"), rights.CREATE_PUBLIC_THREADS)
        message = self.world.message(channel.id, call.id("message_id"))
        if channel.is_thread or channel.guild is None or message.seen_only_by is not None:
            raise refusals.Refusal(400, 50024, "Cannot execute action on this channel type")
        if message.thread is not None:
            raise refusals.thread_exists()
        made = self.start(channel, self.world.bot, call.body.fields, message=message)
        return Created(json=objects.channel(made, self.world))

    async def thread(self, call: Call) -> Created:
        fields = call.body.fields
        is_private = fields.get("type", PRIVATE_THREAD) == PRIVATE_THREAD  # Discord's own default is private
        needed = rights.CREATE_PRIVATE_THREADS if is_private else rights.CREATE_PUBLIC_THREADS
        channel = self.allowed(call.id("channel_id"), needed)
        if channel.is_thread or channel.guild is None:
            raise refusals.Refusal(400, 50024, "Cannot execute action on this channel type")
        made = self.start(channel, self.world.bot, fields, is_private=is_private)
        return Created(json=objects.channel(made, self.world))

    def start(
        self, parent: Channel, owner: User, fields: Json, *, message: Message | None = None, is_private: bool = False,
    ) -> Channel:
        """A new thread; one made from a message has that message's id."""
        faults = limits_of_commands.thread_faults({"name": "", **fields})
        if faults:
            raise refusals.bad_form(faults)
        assert parent.guild is not None
        made = Channel(id=message.id if message else self.world.ids.next(), name=fields["name"], guild=parent.guild,
                       type=PRIVATE_THREAD if is_private else PUBLIC_THREAD, parent=parent, owner_id=owner.id,
                       joined={owner.id}, created_at=self.world.clock.now(),
                       auto_archive_minutes=fields.get("auto_archive_duration") or 1440)
        self.world.channels[made.id] = parent.guild.channels[made.id] = made
        self.news.thread_created(made)
        if message is not None:
            message.thread = made
            message.flags |= HAS_THREAD
            self.news.message_edited(message)
            self.posting.note(made, message.author, 21, replied=message)
        elif not is_private:
            self.posting.note(parent, owner, 18, content=made.name)
        return made

    async def edit(self, call: Call) -> Json:
        channel = self.allowed(call.id("channel_id"), 0)
        fields = call.body.fields
        own = channel.is_thread and channel.owner_id == self.world.bot.id
        own = own and not channel.locked and "locked" not in fields
        reopens = channel.is_thread and set(fields) == {"archived"} and not fields["archived"] and not channel.locked
        if not own and not reopens:
            self.allowed(channel.id, rights.MANAGE_THREADS if channel.is_thread else rights.MANAGE_CHANNELS)
        faults = limits_of_commands.thread_faults(fields)
        if faults:
            raise refusals.bad_form(faults)
        if channel.is_thread and channel.archived and fields.get("archived", True):
            raise refusals.archived()
        for key, name in (("name", "name"), ("archived", "archived"), ("locked", "locked"), ("topic", "topic"),
                          ("auto_archive_duration", "auto_archive_minutes")):
            if fields.get(key) is not None:
                setattr(channel, name, fields[key])
        self.news.channel_changed(channel, "UPDATE")
        return objects.channel(channel, self.world)

    async def delete(self, call: Call) -> Json:
        channel = self.world.channel(call.id("channel_id"))
        self.allowed(channel.id, rights.MANAGE_THREADS if channel.is_thread else rights.MANAGE_CHANNELS)
        made = objects.channel(channel, self.world)
        self.remove(channel)
        return made

    def remove(self, channel: Channel) -> None:
        """A channel and its threads are gone. Discord tells of the channel's own end only."""
        gone = [channel, *(each for each in self.world.channels.values() if each.parent is channel)]
        for each in gone:
            self.world.channels.pop(each.id, None)
            if each.guild is not None:
                each.guild.channels.pop(each.id, None)
        self.news.channel_changed(channel, "DELETE")

    def joins(self, thread: Channel, user: User) -> None:
        if thread.archived:
            raise refusals.archived()
        if user.id not in thread.joined:
            thread.joined.add(user.id)
            self.news.thread_joined(thread, user)

    async def join(self, call: Call) -> None:
        self.joins(self._thread(call), self.world.bot)

    async def leave(self, call: Call) -> None:
        self._thread(call).joined.discard(self.world.bot.id)

    async def add(self, call: Call) -> None:
        self.joins(self._thread(call), self.world.user(call.id("user_id")))

    async def members(self, call: Call) -> list[Json]:
        thread = self._thread(call)
        return [objects.thread_member(thread, each) for each in sorted(thread.joined)]

    def _thread(self, call: Call) -> Channel:
        thread = self.allowed(call.id("channel_id"), 0)
        if not thread.is_thread:
            raise refusals.Refusal(400, 50024, "Cannot execute action on this channel type")
        return thread

    async def archived(self, call: Call) -> Json:
        parent = self.allowed(call.id("channel_id"), rights.READ_MESSAGE_HISTORY)
        return self._threads([each for each in self.world.channels.values() if each.parent is parent and each.archived])

    async def active(self, call: Call) -> Json:
        guild = self.world.guild(call.id("guild_id"))
        if not guild.has(self.world.bot):
            raise refusals.missing_access()
        seen = [each for each in guild.channels.values() if each.is_thread and not each.archived
                and self.world.may(self.world.bot, each)]
        return self._threads(seen)

    def _threads(self, threads: list[Channel]) -> Json:
        joined = [each for each in threads if self.world.bot.id in each.joined]
        return {"threads": [objects.channel(each, self.world) for each in threads], "has_more": False,
                "members": [objects.thread_member(each, self.world.bot.id) for each in joined]}
