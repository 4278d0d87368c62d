"""The world as Discord's JSON. Every function makes a fresh object."""

from typing import Any

from standin import rights
from standin.clock import iso, made_at
from standin.world import DM, Attachment, Channel, Guild, Member, Message, Role, User, World

Json = dict[str, Any]


def user(one: User) -> Json:
    return {"id": str(one.id), "username": one.name, "discriminator": "0", "global_name": one.name, "avatar": None,
            "bot": one.is_bot, "public_flags": 0, "flags": 0, "primary_guild": None}


def member(one: Member, *, with_user: bool = True) -> Json:
    made: Json = {"roles": [str(each) for each in sorted(one.roles)], "joined_at": iso(one.joined_at), "nick": one.nick,
                  "avatar": None, "banner": None, "premium_since": None, "deaf": False, "mute": False, "flags": 0,
                  "pending": False, "communication_disabled_until": None}
    if with_user:
        made["user"] = user(one.user)
    return made


def role(one: Role) -> Json:
    made: Json = {
        "id": str(one.id), "name": one.name, "description": None, "permissions": str(one.permissions),
        "position": one.position, "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None}, "hoist": False,
        "managed": one.bot_id is not None, "mentionable": False, "icon": None, "unicode_emoji": None, "flags": 0}
    if one.bot_id is not None:
        made["tags"] = {"bot_id": str(one.bot_id)}
    return made


def channel(one: Channel, world: World) -> Json:
    last = max(one.messages, default=None)
    made: Json = {"id": str(one.id), "type": one.type, "last_message_id": str(last) if last else None, "flags": 0}
    if one.type == DM:
        made["recipients"] = [user(each) for each in one.people if each is not world.bot]
        return made
    assert one.guild is not None
    made |= {"guild_id": str(one.guild.id), "name": one.name, "rate_limit_per_user": 0,
             "parent_id": str(one.parent.id) if one.parent else None}
    if one.is_thread:
        return made | _thread(one, world)
    return made | {
        "position": 0, "topic": one.topic, "nsfw": False, "permission_overwrites": [
            {"id": str(each.target), "type": 0 if each.is_role else 1, "allow": str(each.allow), "deny": str(each.deny)}
            for each in one.overwrites]}


def _thread(one: Channel, world: World) -> Json:
    made: Json = {"owner_id": str(one.owner_id), "message_count": len(one.shown), "total_message_sent": len(one.shown),
                  "member_count": len(one.joined), "thread_metadata": {
                      "archived": one.archived, "auto_archive_duration": one.auto_archive_minutes,
                      "archive_timestamp": iso(one.created_at), "locked": one.locked,
                      "create_timestamp": iso(one.created_at), "invitable": True}}
    if world.bot.id in one.joined:
        made["member"] = thread_member(one, world.bot.id)
    return made


def thread_member(thread: Channel, user_id: int) -> Json:
    return {"id": str(thread.id), "user_id": str(user_id), "join_timestamp": iso(thread.created_at), "flags": 0}


def guild(one: Guild, world: World, *, all_members: bool) -> Json:
    """A GUILD_CREATE. Without the members intent only the bot's own member is in it, as with Discord."""
    members = [each for each in one.members.values() if all_members or each.user is world.bot]
    seen = [each for each in one.channels.values() if world.may(world.bot, each) & rights.VIEW_CHANNEL]
    return guild_facts(one) | {
        "joined_at": iso(one.members[world.bot.id].joined_at), "large": False, "unavailable": False,
        "member_count": len(one.members), "members": [member(each) for each in members],
        "channels": [channel(each, world) for each in one.channels.values() if not each.is_thread],
        "threads": [channel(each, world) for each in seen if each.is_thread and not each.archived],
        "presences": [], "voice_states": [], "stage_instances": [], "guild_scheduled_events": [],
        "soundboard_sounds": []}


def guild_facts(one: Guild) -> Json:
    """What GET /guilds/{id} tells."""
    nothing = dict.fromkeys(("icon", "splash", "discovery_splash", "banner", "description", "vanity_url_code",
                             "afk_channel_id", "rules_channel_id", "public_updates_channel_id",
                             "safety_alerts_channel_id", "application_id", "widget_channel_id", "home_header",
                             "incidents_data"))
    return nothing | {
        "system_channel_id": str(min(one.channels)) if one.channels else None,
        "id": str(one.id), "name": one.name, "owner_id": str(one.owner.id), "preferred_locale": one.locale,
        "roles": [role(each) for each in one.roles.values()], "emojis": [], "stickers": [], "features": [],
        "verification_level": 0, "default_message_notifications": 0, "explicit_content_filter": 0, "mfa_level": 0,
        "premium_tier": 0, "premium_subscription_count": 0, "nsfw_level": 0, "nsfw": False, "system_channel_flags": 0,
        "afk_timeout": 300, "region": "deprecated", "premium_progress_bar_enabled": False, "widget_enabled": False,
        "max_members": 500_000, "max_presences": None, "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50}


def attachment(one: Attachment) -> Json:
    made: Json = {"id": str(one.id), "filename": one.filename, "size": len(one.content), "url": one.url,
                  "proxy_url": one.url, "content_type": one.content_type}
    if one.description is not None:
        made["description"] = one.description
    if one.size_px is not None:
        made["width"], made["height"] = one.size_px
    return made


def message(one: Message, world: World, *, with_reply: bool = True) -> Json:
    """A full message as REST gives it (the gateway adds guild_id and member, see `message_event`)."""
    made: Json = {
        "id": str(one.id), "channel_id": str(one.channel.id), "author": user(one.author), "content": one.content,
        "timestamp": iso(one.at), "edited_timestamp": iso(one.edited_at) if one.edited_at else None, "tts": False,
        "mention_everyone": one.mentions_everyone, "mentions": [user(each) for each in one.mentions],
        "mention_roles": [str(each) for each in one.mention_roles], "pinned": False, "type": one.type,
        "flags": one.flags, "embeds": one.embeds, "components": one.components,
        "attachments": [attachment(each) for each in one.attachments if not each.is_embedded]}
    if one.nonce is not None:
        made["nonce"] = one.nonce
    if one.webhook_id is not None:
        made |= {"webhook_id": str(one.webhook_id), "application_id": str(one.webhook_id)}
    if one.interaction is not None:
        made["interaction_metadata"] = one.interaction
    if one.thread is not None:
        made["thread"] = channel(one.thread, world)
    if one.reactions:
        made["reactions"] = [_reaction(name, who, world) for name, who in one.reactions.items()]
    if one.reply_reference is not None:
        made["message_reference"] = one.reply_reference
        if with_reply:
            replied = one.reply_to if one.reply_to is not None and not one.reply_to.is_deleted else None
            made["referenced_message"] = message(replied, world, with_reply=False) if replied is not None else None
    return made


def _reaction(name: str, who: list[int], world: World) -> Json:
    return {"emoji": {"id": None, "name": name}, "count": len(who), "me": world.bot.id in who, "me_burst": False,
            "count_details": {"burst": 0, "normal": len(who)}, "burst_colors": []}


def message_event(one: Message, world: World) -> Json:
    """A MESSAGE_CREATE or MESSAGE_UPDATE: with the guild's id and the author's membership, never null."""
    made = message(one, world)
    guild_of = one.channel.guild
    if guild_of is not None:
        made["guild_id"] = str(guild_of.id)
        if one.author.id in guild_of.members and one.webhook_id is None:
            made["member"] = member(guild_of.members[one.author.id], with_user=False)
    return made


def without_content(made: Json) -> Json:
    """The same message as an application without the message content intent gets it."""
    return made | {"content": "", "embeds": [], "attachments": [], "components": []}


def command_time(command_id: int) -> str:
    return iso(made_at(command_id))
