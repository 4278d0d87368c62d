"""INTERACTION_CREATE payloads: what Discord's app would send for what a person did."""

from typing import Any

from standin import objects, rights
from standin.interactions import Use
from standin.world import Attachment, Channel, Message, Role, User, World

Json = dict[str, Any]

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)


def interaction(use: Use, world: World, data: Json) -> Json:
    guild = use.channel.guild
    made: Json = {
        "id": str(use.id), "application_id": str(world.bot.id), "type": use.kind, "token": use.token, "version": 1,
        "channel_id": str(use.channel.id), "data": data, "locale": use.user.locale, "entitlements": [],
        "attachment_size_limit": guild.file_limit_bytes if guild else 10 * 1024 * 1024,
        "app_permissions": str(world.may(world.bot, use.channel)),
        "authorizing_integration_owners": {"0": str(guild.id) if guild else "0"}, "context": 0 if guild else 1,
        "channel": objects.channel(use.channel, world) | (
            {"permissions": str(world.may(use.user, use.channel))} if guild else {})}
    if guild is not None:
        made |= {"guild_id": str(guild.id), "guild_locale": guild.locale,
                 "guild": {"id": str(guild.id), "features": [], "locale": guild.locale},
                 "member": objects.member(guild.members[use.user.id])
                 | {"permissions": str(world.may(use.user, use.channel))}}
    else:
        made["user"] = objects.user(use.user)
    if use.source is not None:
        made["message"] = objects.message(use.source, world)
    return made


class Resolved:
    """Gathers what options point to, as `data.resolved`."""

    def __init__(self, world: World, channel: Channel) -> None:
        self.world = world
        self.channel = channel
        self.found: Json = {}

    def add(self, value: Any) -> str:
        """Register an object; the id that stands for it."""
        match value:
            case User():
                self._put("users", value.id, objects.user(value))
                guild = self.channel.guild
                if guild is not None and guild.has(value):
                    member = objects.member(guild.members[value.id], with_user=False)
                    del member["deaf"], member["mute"]
                    self._put("members", value.id, member | {"permissions": str(self.world.may(value, self.channel))})
            case Attachment():
                self._put("attachments", value.id, objects.attachment(value))
            case Role():
                self._put("roles", value.id, objects.role(value))
            case Channel():
                self._put("channels", value.id, objects.channel(value, self.world)
                          | {"permissions": str(rights.PEOPLE)})
            case Message():
                self._put("messages", value.id, objects.message(value, self.world))
            case _:
                raise TypeError(f"an option cannot point to {value!r}")
        return str(value.id)

    def _put(self, kind: str, number: int, made: Json) -> None:
        self.found.setdefault(kind, {})[str(number)] = made


def option(described: Json, value: Any, resolved: Resolved, *, focused: bool = False) -> Json:
    """One filled option, converted and checked as the app does."""
    name, kind = described["name"], described["type"]
    if focused:
        return {"name": name, "type": kind, "value": value, "focused": True}
    if kind in (USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT):
        return {"name": name, "type": kind, "value": resolved.add(value)}
    wanted: Any = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float)}[kind]
    assert isinstance(value, wanted), f"{name} takes {wanted}, got {value!r}"
    choices = described.get("choices")
    if choices:
        match = [each for each in choices if value in (each["value"], each["name"])
                 or value in (each.get("name_localizations") or {}).values()]
        assert match, f"{name} offers {[each['name'] for each in choices]}, not {value!r}"
        value = match[0]["value"]
    if kind == STRING:
        assert described.get("min_length", 0) <= len(value) <= described.get("max_length", 6000), f"{name}: length"
    elif kind in (INTEGER, NUMBER):
        assert described.get("min_value", value) <= value <= described.get("max_value", value), f"{name}: limits"
    return {"name": name, "type": kind, "value": value}


def text_inputs(modal: Json) -> list[Json]:
    """The fields of a modal with the label a person sees, in order."""
    found = []
    for row in modal["components"]:
        inner = row.get("components") or ([row["component"]] if row.get("component") else [])
        found += [each | {"label": each.get("label") or row.get("label", "")} for each in inner]
    return found


def submitted(modal: Json, values: dict[str, Any], resolved: Resolved) -> list[Json]:
    """The modal's rows with what the person typed; untouched fields keep their preset value."""
    fields = {each["custom_id"]: each for each in text_inputs(modal)}
    by_label = {each["label"]: each["custom_id"] for each in fields.values()}
    given = {by_label.get(key, key): value for key, value in values.items()}
    unknown = set(given) - set(fields)
    assert not unknown, f"the modal has {sorted(by_label)}, not {sorted(unknown)}"
    rows = []
    for row in modal["components"]:
        if row["type"] == 10:
            rows.append({"type": 10, "id": row.get("id", 0)})
        elif row["type"] == 18:
            rows.append({"type": 18, "id": row.get("id", 0), "component": _filled(row["component"], given, resolved)})
        else:
            rows.append({"type": 1, "components": [_filled(each, given, resolved) for each in row["components"]]})
    return rows


def _filled(field: Json, given: dict[str, Any], resolved: Resolved) -> Json:
    made: Json = {"type": field["type"], "custom_id": field["custom_id"]}
    value = given.get(field["custom_id"])
    if field["type"] == 4:
        text = field.get("value") or "" if value is None else str(value)
        assert text or not field.get("required", True), f"the field {field.get('label')!r} must be filled"
        assert len(text) <= (field.get("max_length") or 4000), f"the field {field.get('label')!r} takes no so long text"
        return made | {"value": text}
    if value is None:
        preset = [each["value"] for each in field.get("options", []) if each.get("default")]
        return made | {"values": preset}
    listed = value if isinstance(value, list) else [value]
    return made | {"values": [each if isinstance(each, str) else resolved.add(each) for each in listed]}
