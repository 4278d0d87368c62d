"""Making and changing messages: limits, mentions, files, nonces. The routes decide who may."""

import mimetypes
import re
import struct
from typing import Any

from standin import limits, refusals, rights
from standin.bodies import Body
from standin.clock import made_at
from standin.news import News
from standin.world import Attachment, Channel, Message, User, World

Json = dict[str, Any]

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(everyone|here)\b")
_NONCE_S = 180.0
_OLD_S = 3600.0
_KEPT_FLAGS = limits.SUPPRESS_EMBEDS | limits.COMPONENTS_V2 | (1 << 12)  # the last: no push notification


class Posting:
    """Creates, edits and deletes messages in the world and tells the news."""

    def __init__(self, world: World, news: News) -> None:
        self.world = world
        self.news = news
        self.files_at = ""  # base address of attachments
        self.old_edits_allowed = 3  # edits of messages older than an hour, a channel in each window
        self.old_edits_window_s = 20.0
        self._old_edits: dict[int, list[float]] = {}
        self._nonces: dict[tuple[int, int, str], Message] = {}
        self.unknown_fields: list[str] = []

    def create(
        self, channel: Channel, author: User, body: Body, *, type: int = 0, seen_only_by: User | None = None,
        interaction: Json | None = None, is_webhook: bool = False, loading: bool = False,
        reference: tuple[Message | None, Json] | None = None,
    ) -> Message:
        """Raises Refusal where Discord would. The same nonce with enforce_nonce gives the earlier message."""
        fields = body.fields
        known = self._by_nonce(channel, author, fields)
        if known is not None:
            return known
        self._check(fields, body, channel, {each.filename for each in body.files.values()})
        replied, reply_json = reference or self._reply(channel, author, fields)
        flags = int(fields.get("flags") or 0) & _KEPT_FLAGS
        flags |= limits.EPHEMERAL if seen_only_by else 0
        made = Message(
            id=self.world.ids.next(), channel=channel, author=author, at=self.world.clock.now(), type=type,
            flags=flags | (limits.LOADING if loading else 0), content=(fields.get("content") or "").strip(),
            components=_numbered(fields.get("components") or []), reply_to=replied, reply_reference=reply_json,
            nonce=fields.get("nonce"), seen_only_by=seen_only_by, interaction=interaction,
            webhook_id=author.id if is_webhook else None)
        made.attachments = self.attach(channel, body)
        made.embeds = self._embeds(made, fields.get("embeds") or [])
        if not loading and not _has_something(made):
            raise refusals.empty_message()
        self._mention(made, fields)
        self._put(made)
        if fields.get("nonce") is not None:
            self._nonces[channel.id, author.id, str(fields["nonce"])] = made
        return made

    def _put(self, made: Message) -> None:
        channel = made.channel
        channel.messages[made.id] = made
        self.world.posted.append(made)
        if channel.archived:
            channel.archived = False
            self.news.channel_changed(channel, "UPDATE")
        self.news.message_created(made)

    def note(
        self, channel: Channel, author: User, type: int, content: str = "", replied: Message | None = None,
    ) -> None:
        """A message of Discord itself, such as "started a thread" (18) or a thread's first (21)."""
        made = Message(id=self.world.ids.next(), channel=channel, author=author, at=self.world.clock.now(), type=type,
                       content=content, reply_to=replied)
        if replied is not None:
            made.reply_reference = _reference(replied)
        self._put(made)

    def edit(self, message: Message, body: Body, *, counts: bool = True) -> Message:
        """Change what the body names. `counts`: whether it falls under the limit of edits to old messages."""
        fields = body.fields
        kept = message.attachments
        if "attachments" in fields:
            wanted = {int(each["id"]) for each in fields["attachments"] or []}
            kept = [each for each in kept if each.id in wanted]
        names = {each.filename for each in kept} | {each.filename for each in body.files.values()}
        self._check(fields, body, message.channel, names)
        if counts:
            self._count_old_edit(message)
        message.attachments = kept + self.attach(message.channel, body)
        if fields.get("content") is not None or "content" in fields:
            message.content = (fields["content"] or "").strip()
        if "components" in fields:
            message.components = _numbered(fields["components"] or [])
        if "embeds" in fields:
            message.embeds = self._embeds(message, fields["embeds"] or [])
        if "flags" in fields:
            message.flags = (message.flags & ~_KEPT_FLAGS) | (int(fields["flags"] or 0) & _KEPT_FLAGS)
        if not _has_something(message):
            raise refusals.empty_message()
        message.flags &= ~limits.LOADING
        if "content" in fields or "allowed_mentions" in fields:  # an edit of anything else mentions as before
            self._mention(message, fields)
        message.edited_at = self.world.clock.now()
        message.edits.append(message.edited_at)
        self.news.message_edited(message)
        return message

    def delete(self, message: Message) -> None:
        message.channel.messages.pop(message.id, None)
        message.is_deleted = True
        if message.seen_only_by is None:
            self.news.message_deleted(message)

    def _by_nonce(self, channel: Channel, author: User, fields: Json) -> Message | None:
        if not fields.get("enforce_nonce") or fields.get("nonce") is None:
            return None
        known = self._nonces.get((channel.id, author.id, str(fields["nonce"])))
        return known if known is not None and self.world.clock.now() - known.at < _NONCE_S else None

    def _check(self, fields: Json, body: Body, channel: Channel, names: set[str]) -> None:
        self.unknown_fields += [f"unknown field of a message: {each}" for each in limits.unknown_fields(fields)]
        most = channel.guild.file_limit_bytes if channel.guild else 10 * 1024 * 1024
        if any(len(each.content) > most for each in body.files.values()):
            raise refusals.too_large()
        faults = limits.message_faults(fields, names)
        if len(body.files) > 10:
            faults["attachments"] = "Must be 10 or fewer in length."
        if faults:
            raise refusals.bad_form(faults)

    def _count_old_edit(self, message: Message) -> None:
        now = self.world.clock.now()
        if now - made_at(message.id) <= _OLD_S:
            return
        recent = [each for each in self._old_edits.get(message.channel.id, []) if each > now - self.old_edits_window_s]
        if len(recent) >= self.old_edits_allowed:
            raise refusals.too_many_old_edits()
        self._old_edits[message.channel.id] = [*recent, now]

    def _reply(self, channel: Channel, author: User, fields: Json) -> tuple[Message | None, Json | None]:
        asked = fields.get("message_reference")
        if not asked:
            return None, None
        if not self.world.may(author, channel) & rights.READ_MESSAGE_HISTORY:
            raise refusals.Refusal(403, 160002, "Cannot reply without permission to read message history")
        replied = channel.messages.get(int(asked["message_id"]))
        if replied is None:
            if asked.get("fail_if_not_exists", True):
                raise refusals.bad_form({"message_reference": "Unknown message"})
            return None, None
        return replied, _reference(replied)

    def attach(self, channel: Channel, body: Body) -> list[Attachment]:
        listed = {str(each["id"]): each for each in body.fields.get("attachments") or []}
        made = []
        for index, upload in sorted(body.files.items()):
            facts = listed.get(str(index), {})
            number = self.world.ids.next()
            name = re.sub(r"[^\w.\-]", "_", facts.get("filename") or upload.filename)
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            kind += "; charset=utf-8" if kind.startswith("text/") else ""
            one = Attachment(id=number, filename=name, content=upload.content, content_type=kind,
                             description=facts.get("description"), size_px=_png_size(upload.content),
                             url=f"{self.files_at}/attachments/{channel.id}/{number}/{name}")
            self.world.attachments[number] = one
            made.append(one)
        return made

    def _embeds(self, message: Message, embeds: list[Json]) -> list[Json]:
        """Embeds with attachment:// resolved; files an embed shows leave the list of attachments."""
        made = []
        for embed in embeds:
            shown: Json = {"type": "rich"} | embed
            for part in ("image", "thumbnail"):
                url = (embed.get(part) or {}).get("url", "")
                name = url.removeprefix("attachment://")
                if name != url:
                    file = next(each for each in reversed(message.attachments) if each.filename == name)
                    file.is_embedded = True
                    shown[part] = {"url": file.url, "proxy_url": file.url, "width": (file.size_px or (0, 0))[0],
                                   "height": (file.size_px or (0, 0))[1]}
            made.append(shown)
        return made

    def _mention(self, message: Message, fields: Json) -> None:
        """Whom it pings, after allowed_mentions. People's messages ping whomever they name."""
        allowed = fields.get("allowed_mentions")
        parse = {"users", "roles", "everyone"} if allowed is None else set(allowed.get("parse") or [])
        users, roles = ({int(each) for each in (allowed or {}).get(key) or []} for key in ("users", "roles"))
        words = message.content + "\n" + "\n".join(
            each.get("content") or "" for each in limits.walk(message.components) if each.get("type") == 10)
        named = [int(each) for each in _USER.findall(words)]
        pinged = [each for each in named if each in self.world.users and ("users" in parse or each in users)]
        pings_author = not message.edits if allowed is None else bool(allowed.get("replied_user"))
        if message.reply_to is not None and pings_author:
            pinged.append(message.reply_to.author.id)
        message.mentions = [self.world.users[each] for each in dict.fromkeys(pinged)]
        message.mention_roles = [each for each in map(int, _ROLE.findall(words)) if "roles" in parse or each in roles]
        may = self.world.may(message.author, message.channel) & rights.MENTION_EVERYONE
        message.mentions_everyone = bool("everyone" in parse and may and _EVERYONE.search(words))


def _numbered(components: list[Json]) -> list[Json]:
    """Components with the ids that Discord gives to those that have none."""
    taken = {each["id"] for each in limits.walk(components) if each.get("id")}
    free = (each for each in range(1, 200) if each not in taken)

    def one(each: Json) -> Json:
        made: Json = {"id": each.get("id") or next(free)} | {key: value for key, value in each.items() if key != "id"}
        if "components" in made:
            made["components"] = [one(inner) for inner in made["components"]]
        return made

    return [one(each) for each in components]


def _has_something(message: Message) -> bool:
    return bool(message.content or message.embeds or message.components or message.attachments)


def _reference(replied: Message) -> Json:
    made = {"type": 0, "message_id": str(replied.id), "channel_id": str(replied.channel.id)}
    if replied.channel.guild is not None:
        made["guild_id"] = str(replied.channel.guild.id)
    return made


def _png_size(content: bytes) -> tuple[int, int] | None:
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return width, height
