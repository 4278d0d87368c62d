"""A person at the app: types, clicks, fills in, and sees what Discord would show."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from standin import rights
from standin.bodies import Body, Upload
from standin.commands import Commands
from standin.interactions import COMPONENT, MODAL_SUBMIT, Use
from standin.payloads import Resolved, interaction, submitted
from standin.server import Standin
from standin.world import Channel, Message, User

Json = dict[str, Any]
Files = Mapping[str, bytes | str]
Predicate = Callable[[Message], Any] | str | re.Pattern[str]


class Unanswered(AssertionError):
    """What a person sees as "The application did not respond"."""


class Person:
    """One user. Waiting methods raise `AssertionError` with what was there instead when the time is over."""

    def __init__(self, discord: Standin, name: str, locale: str = "en-US") -> None:
        self.discord = discord
        self.user: User = discord.user(name, locale)
        self.commands = Commands(self)

    @property
    def mention(self) -> str:
        return f"<@{self.user.id}>"

    # Messages.

    async def says(
        self, channel: Channel, text: str = "", *, files: Files | None = None, reply_to: Message | None = None,
        pings_reply: bool = True,
    ) -> Message:
        """Post a message. "@Onsa" becomes a mention of the bot."""
        assert self._may(channel, rights.SEND_MESSAGES_IN_THREADS if channel.is_thread else rights.SEND_MESSAGES)
        await asyncio.sleep(0)
        fields: Json = {"content": text.replace(f"@{self.discord.bot.name}", f"<@{self.discord.bot.id}>")}
        if reply_to is not None:
            fields["message_reference"] = {"message_id": str(reply_to.id)}
        if not pings_reply:
            fields["allowed_mentions"] = {"parse": ["users", "roles", "everyone"], "replied_user": False}
        return self.discord.posting.create(channel, self.user, Body(json=fields, files=_uploads(files)),
                                           type=19 if reply_to else 0)

    async def edits(self, message: Message, text: str) -> Message:
        assert message.author is self.user
        return self.discord.posting.edit(message, Body(json={"content": text}), counts=False)

    async def deletes(self, message: Message) -> None:
        self.discord.posting.delete(message)

    async def reacts(self, message: Message, emoji: str) -> None:
        message.reactions.setdefault(emoji, []).append(self.user.id)
        self.discord.news.reaction(message, self.user, emoji, added=True)

    async def is_typing(self, channel: Channel) -> None:
        self.discord.news.typing(channel, self.user)

    async def starts_thread(self, channel: Channel, name: str, *, message: Message | None = None) -> Channel:
        return self.discord.channels.start(channel, self.user, {"name": name}, message=message)

    def dm(self) -> Channel:
        """The person's DM channel with the bot."""
        return self.discord.world.dm(self.user, self.discord.bot)

    def _may(self, channel: Channel, needed: int) -> bool:
        return self.discord.world.may(self.user, channel) & needed == needed

    # Seeing.

    def visible(self, channel: Channel | None = None) -> list[Message]:
        """The bot's messages that this person can read now, oldest first."""
        return [each for each in self.discord.world.posted
                if not each.is_deleted and each.author is self.discord.bot and channel in (None, each.channel)
                and self.discord.world.sees(self.user, each)]

    async def sees(
        self, predicate: Predicate, timeout: float = 10.0, *, channel: Channel | None = None,
        after: Message | None = None,
    ) -> Message:
        """The newest visible message of the bot that fits, now or within `timeout` seconds.

        `predicate`: a function, words that its text contains, or a regular expression. `after`: only newer messages.
        """
        fits = _fitting(predicate)
        until = asyncio.get_running_loop().time() + timeout
        while True:
            found = [each for each in self.visible(channel) if fits(each) and (after is None or each.id > after.id)]
            if found:
                return found[-1]
            if asyncio.get_running_loop().time() > until:
                seen = [f"[{each.channel.name}] {each.text} {each.labels}" for each in self.visible(channel)[-8:]]
                what = f"{self.user.name} did not see {predicate!r} in {timeout} s"
                raise AssertionError("\n---\n".join([what, *seen]))
            await asyncio.sleep(0.02)

    async def sees_nothing(self, seconds: float, *, channel: Channel | None = None) -> None:
        """No new message of the bot becomes visible in so many seconds."""
        before = {each.id for each in self.visible(channel)}
        await asyncio.sleep(seconds)
        new = [each.text for each in self.visible(channel) if each.id not in before]
        assert not new, f"{self.user.name} saw {new}"

    def threads(self, guild_or_channel: Any = None) -> list[Channel]:
        """Threads this person can see, oldest first."""
        return [each for each in self.discord.world.channels.values()
                if each.is_thread and self._may(each, rights.VIEW_CHANNEL)
                and guild_or_channel in (None, each.guild, each.parent)]

    # Components and modals.

    async def clicks(self, message: Message, label: str, *, timeout: float = 5.0) -> Use:
        """Press the button whose label (or custom id) is or starts with `label`; waits for the acknowledgement."""
        found = [each for each in message.buttons if label in (each.get("label"), each.get("custom_id"))]
        found = found or [each for each in message.buttons if each.get("label", "").startswith(label)]
        assert found, f"there is no button {label!r}, only {message.labels}"
        assert not found[0].get("disabled"), f"the button {label!r} is greyed out"
        return await self.sends_component(message, found[0]["custom_id"], timeout=timeout)

    async def chooses(self, message: Message, *labels: str, timeout: float = 5.0) -> Use:
        """Choose options of the message's first menu that has them, by label or value."""
        for menu in message.selects:
            values = [each["value"] for each in menu.get("options", []) if {each["label"], each["value"]} & set(labels)]
            if len(values) == len(labels):
                return await self.sends_component(message, menu["custom_id"], kind=3, values=values, timeout=timeout)
        raise AssertionError(f"no menu offers {labels}")

    async def sends_component(
        self, message: Message, custom_id: str, *, kind: int = 2, values: list[str] | None = None, timeout: float = 5.0,
    ) -> Use:
        """A component interaction as typed by hand: also with ids that no button has."""
        use = self.discord.interactions.open(kind=COMPONENT, user=self.user, channel=message.channel, source=message)
        data: Json = {"component_type": kind, "custom_id": custom_id, "id": 1} | ({"values": values} if values else {})
        return await self.sends(use, data, timeout=timeout)

    async def submits(
        self, opened: Use, values: Mapping[str, Any] | None = None, *, files: Mapping[str, Files] | None = None,
        timeout: float = 5.0,
    ) -> Use:
        """Fill in the modal that `opened` brought (by label or custom id) and send it."""
        assert opened.modal is not None, "no modal was opened"
        use = self.discord.interactions.open(kind=MODAL_SUBMIT, user=self.user, channel=opened.channel,
                                             source=opened.source, name=opened.name, opener=opened)
        resolved = Resolved(self.discord.world, opened.channel)
        given = dict(values or {})
        for field, each in (files or {}).items():
            given[field] = list(self.attachments(opened.channel, each))
        data = {"custom_id": opened.modal["custom_id"], "components": submitted(opened.modal, given, resolved)}
        if resolved.found:
            data["resolved"] = resolved.found
        return await self.sends(use, data, timeout=timeout)

    def attachments(self, channel: Channel, files: Files) -> Iterable[Any]:
        """Files the person hands over outside a message (a slash option, a modal)."""
        return self.discord.posting.attach(channel, Body(files=_uploads(files)))

    async def sends(self, use: Use, data: Json, *, timeout: float) -> Use:
        """Deliver the interaction and wait for its acknowledgement."""
        self.discord.news.interaction(interaction(use, self.discord.world, data), use.channel.guild)
        try:
            await asyncio.wait_for(use.acked.wait(), timeout)
        except TimeoutError:
            raise Unanswered(f"the application did not respond to {data.get('name') or data.get('custom_id')} "
                             f"of {self.user.name}") from None
        return use

    async def gets(self, use: Use, predicate: Predicate = "", timeout: float = 10.0) -> Message:
        """The answer to an interaction that fits (loading ones do not), now or within `timeout` seconds."""
        fits = _fitting(predicate)
        until = asyncio.get_running_loop().time() + timeout
        while True:
            own = [*use.replies, *([use.original] if use.original else [])]
            found = [each for each in own if not each.flags & 128 and not each.is_deleted and fits(each)]
            if found:
                return found[-1]
            if asyncio.get_running_loop().time() > until:
                raise AssertionError(f"no answer fits {predicate!r}; got {[each.text for each in own]}")
            await asyncio.sleep(0.02)

    # Commands.

    async def uses(self, words: str, *, channel: Channel, timeout: float = 5.0, **options: Any) -> Use:
        """A slash command with its options: `uses("/job show", channel=general, job=3)`; files as attachments(...)."""
        return await self.commands.use(words, channel, options, timeout)

    async def uses_on(self, target: Message | User, name: str, *, channel: Channel | None = None,
                      timeout: float = 5.0) -> Use:
        """A context menu command on a message or a person."""
        return await self.commands.use_on(target, name, channel, timeout)

    async def types(self, words: str, *, channel: Channel, focus: str, text: str = "", timeout: float = 5.0,
                    **options: Any) -> list[str]:
        """Type into an option with autocomplete: the names that are offered."""
        use = await self.commands.complete(words, channel, focus, text, options, timeout)
        return [(each.get("name_localizations") or {}).get(self.user.locale) or each["name"] for each in use.choices]


def _uploads(files: Files | None) -> dict[int, Upload]:
    return {index: Upload(filename=name, content=content if isinstance(content, bytes) else content.encode(),
                          content_type="application/octet-stream")
            for index, (name, content) in enumerate((files or {}).items())}


def _fitting(predicate: Predicate) -> Callable[[Message], Any]:
    if isinstance(predicate, str):
        words = predicate
        return lambda message: words in message.text
    if isinstance(predicate, re.Pattern):
        pattern = predicate
        return lambda message: pattern.search(message.text)
    return predicate
