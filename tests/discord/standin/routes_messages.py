"""Routes of messages: send, read, edit, delete, react, type."""

from typing import Any

from standin import objects, refusals, rights
from standin.calls import Call, Routes
from standin.news import News, read_by_bot
from standin.posting import Posting
from standin.world import DM, Channel, Message, World

Json = dict[str, Any]
_ONE = "/channels/{channel_id}/messages/{message_id}"


class MessageRoutes:
    def __init__(self, world: World, posting: Posting, news: News, reads_content: bool) -> None:
        self.world = world
        self.posting = posting
        self.news = news
        self.reads_content = reads_content  # the portal's message content intent

    def table(self) -> Routes:
        many = "/channels/{channel_id}/messages"
        reactions = f"{_ONE}/reactions/{{emoji_name}}"
        return [
            ("POST", many, self.send), ("GET", many, self.list_all), ("GET", _ONE, self.get),
            ("PATCH", _ONE, self.edit), ("DELETE", _ONE, self.delete),
            ("POST", f"{many}/bulk-delete", self.delete_many),
            ("PUT", f"{reactions}/@me", self.react), ("DELETE", f"{reactions}/@me", self.unreact),
            ("POST", "/channels/{channel_id}/typing", self.type),
        ]

    def allowed(self, channel_id: int, needed: int) -> Channel:
        """The channel, if the bot sees it and has the permissions there."""
        channel = self.world.channel(channel_id)
        may = self.world.may(self.world.bot, channel)
        if not may & rights.VIEW_CHANNEL:
            raise refusals.missing_access()
        if may & needed != needed:
            raise refusals.missing_permissions()
        return channel

    def _json(self, message: Message) -> Json:
        return read_by_bot(message, self.world, self.reads_content, objects.message(message, self.world))

    async def send(self, call: Call) -> Json:
        channel = self.world.channel(call.id("channel_id"))
        needed = rights.SEND_MESSAGES_IN_THREADS if channel.is_thread else rights.SEND_MESSAGES
        needed |= rights.EMBED_LINKS if call.body.fields.get("embeds") else 0
        needed |= rights.ATTACH_FILES if call.body.files else 0
        self.allowed(channel.id, needed)
        if channel.is_thread and channel.locked:
            raise refusals.archived()
        if channel.type == DM and not all(each.takes_dms for each in channel.people):
            raise refusals.closed_to_messages()
        has_reply = bool(call.body.fields.get("message_reference"))
        made = self.posting.create(channel, self.world.bot, call.body, type=19 if has_reply else 0)
        return self._json(made)

    async def get(self, call: Call) -> Json:
        channel = self.allowed(call.id("channel_id"), rights.READ_MESSAGE_HISTORY)
        return self._json(self._visible(channel, call.id("message_id")))

    def _visible(self, channel: Channel, message_id: int) -> Message:
        found = self.world.message(channel.id, message_id)
        if found.seen_only_by is not None:
            raise refusals.unknown("Message")
        return found

    async def list_all(self, call: Call) -> list[Json]:
        channel = self.allowed(call.id("channel_id"), 0)
        if not self.world.may(self.world.bot, channel) & rights.READ_MESSAGE_HISTORY:
            return []
        limit = int(call.query.get("limit", 50))
        if not 1 <= limit <= 100:
            raise refusals.bad_form({"limit": "int value should be between 1 and 100."})
        found = channel.shown
        if "before" in call.query:
            found = [each for each in found if each.id < int(call.query["before"])][-limit:]
        elif "after" in call.query:
            found = [each for each in found if each.id > int(call.query["after"])][:limit]
        elif "around" in call.query:
            middle = int(call.query["around"])
            found = sorted(found, key=lambda each: abs(each.id - middle))[:limit]
            found.sort(key=lambda each: each.id)
        return [self._json(each) for each in reversed(found[-limit:])]

    async def edit(self, call: Call) -> Json:
        channel = self.allowed(call.id("channel_id"), 0)
        message = self._visible(channel, call.id("message_id"))
        if message.author is not self.world.bot:
            raise refusals.foreign_message()
        if channel.archived and channel.is_thread:
            raise refusals.archived()
        return self._json(self.posting.edit(message, call.body))

    async def delete(self, call: Call) -> None:
        channel = self.allowed(call.id("channel_id"), 0)
        message = self._visible(channel, call.id("message_id"))
        if message.author is not self.world.bot:
            self.allowed(channel.id, rights.MANAGE_MESSAGES)
        self.posting.delete(message)

    async def delete_many(self, call: Call) -> None:
        channel = self.allowed(call.id("channel_id"), rights.MANAGE_MESSAGES)
        for each in call.body.fields.get("messages", []):
            if int(each) in channel.messages:
                self.posting.delete(channel.messages[int(each)])

    async def react(self, call: Call) -> None:
        channel = self.allowed(call.id("channel_id"), rights.READ_MESSAGE_HISTORY)
        message = self._visible(channel, call.id("message_id"))
        emoji = call.params["emoji_name"]
        if emoji not in message.reactions:
            self.allowed(channel.id, rights.ADD_REACTIONS)
        who = message.reactions.setdefault(emoji, [])
        if self.world.bot.id not in who:
            who.append(self.world.bot.id)
            self.news.reaction(message, self.world.bot, emoji, added=True)

    async def unreact(self, call: Call) -> None:
        channel = self.allowed(call.id("channel_id"), rights.READ_MESSAGE_HISTORY)
        message = self._visible(channel, call.id("message_id"))
        who = message.reactions.get(call.params["emoji_name"], [])
        if self.world.bot.id not in who:
            raise refusals.unknown("Emoji")
        who.remove(self.world.bot.id)
        self.news.reaction(message, self.world.bot, call.params["emoji_name"], added=False)

    async def type(self, call: Call) -> None:
        channel = self.world.channel(call.id("channel_id"))
        needed = rights.SEND_MESSAGES_IN_THREADS if channel.is_thread else rights.SEND_MESSAGES
        self.news.typing(self.allowed(channel.id, needed), self.world.bot)
