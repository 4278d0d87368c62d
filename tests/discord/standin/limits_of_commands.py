"""Limits of application commands, autocomplete answers, modals and threads. Faults: dotted path -> sentence."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from standin.limits import walk

Json = dict[str, Any]
Faults = dict[str, str]

LOCALES = {"id", "da", "de", "en-GB", "en-US", "es-ES", "es-419", "fr", "hr", "it", "lt", "hu", "nl", "no", "pl",
           "pt-BR", "ro", "fi", "sv-SE", "vi", "tr", "cs", "el", "bg", "ru", "uk", "hi", "th", "zh-CN", "ja", "zh-TW",
           "ko"}
_NAME = re.compile(r"[-_'\w]{1,32}")
_MOST = {1: 100, 2: 5, 3: 5}
ARCHIVE_MINUTES = (60, 1440, 4320, 10080)


def commands_faults(commands: list[Json]) -> Faults:
    found: Faults = {}
    for kind, count in Counter(each.get("type", 1) for each in commands).items():
        if count > _MOST.get(kind, 1):
            found["type"] = "Maximum number of application commands reached"
    for key, count in Counter((each.get("type", 1), each.get("name")) for each in commands).items():
        if count > 1:
            found[f"name.{key[1]}"] = "Application command names must be unique"
    for index, each in enumerate(commands):
        found |= {f"{index}.{path}": text for path, text in _command(each)}
    return found


def _command(command: Json) -> Iterator[tuple[str, str]]:
    if command.get("type", 1) == 1:
        yield from _option(command)
        if _letters(command) > 8000:
            yield "name", "Command exceeds maximum size of 8000"
        return
    for name in _names(command, "name"):
        if not 1 <= len(name.strip()) <= 32:
            yield "name", "Must be between 1 and 32 in length."
    if command.get("description") or command.get("options"):
        yield "description", "Context menu commands have neither description nor options."


def _option(one: Json) -> Iterator[tuple[str, str]]:
    """A slash command, a subcommand or an option: they share their limits."""
    for key in ("name_localizations", "description_localizations"):
        for wrong in set(one.get(key) or {}) - LOCALES:
            yield key, f"{wrong} is not a locale of Discord"
    for name in _names(one, "name"):
        if not _NAME.fullmatch(name) or name != name.lower():
            yield "name", f"Command name is invalid: {name}"
    for text in _names(one, "description"):
        if not 1 <= len(text) <= 100:
            yield "description", f"Must be between 1 and 100 in length: {text}"
    choices = one.get("choices") or []
    yield from (("choices." + path, text) for path, text in choices_faults(choices).items())
    if choices and one.get("autocomplete"):
        yield "autocomplete", "An option has either choices or autocomplete."
    options = one.get("options") or []
    if len(options) > 25:
        yield "options", "Must be 25 or fewer in length."
    required = [bool(each.get("required")) for each in options]
    if required != sorted(required, reverse=True):
        yield "options", "Required options must be placed before non-required options"
    if len({each.get("name") for each in options}) != len(options):
        yield "options", "Option names must be unique"
    for index, each in enumerate(options):
        yield from ((f"options.{index}.{path}", text) for path, text in _option(each))


def _names(one: Json, key: str) -> list[str]:
    return [str(one.get(key) or ""), *(one.get(f"{key}_localizations") or {}).values()]


def _letters(one: Json) -> int:
    """The size Discord counts: the longest localisation of each name, description and value."""
    own = max(map(len, _names(one, "name"))) + max(map(len, _names(one, "description")))
    own += sum(max(map(len, _names(each, "name"))) + len(str(each.get("value"))) for each in one.get("choices") or [])
    return own + sum(_letters(each) for each in one.get("options") or [])


def choices_faults(choices: list[Json]) -> Faults:
    found: Faults = {}
    if len(choices) > 25:
        found["length"] = "Must be 25 or fewer in length."
    for index, each in enumerate(choices):
        if any(not 1 <= len(name) <= 100 for name in _names(each, "name")):
            found[f"{index}.name"] = "Must be between 1 and 100 in length."
        if isinstance(each.get("value"), str) and not 1 <= len(each["value"]) <= 100:
            found[f"{index}.value"] = "Must be between 1 and 100 in length."
    return found


def modal_faults(modal: Json) -> Faults:
    found: Faults = {}
    if not 1 <= len(modal.get("title") or "") <= 45:
        found["title"] = "Must be between 1 and 45 in length."
    if not 1 <= len(modal.get("custom_id") or "") <= 100:
        found["custom_id"] = "Must be between 1 and 100 in length."
    rows = modal.get("components") or []
    if not 1 <= len(rows) <= 5:
        found["components"] = "Must be between 1 and 5 in length."
    names = [each["custom_id"] for each in walk(rows) if each.get("custom_id")]
    if len(names) != len(set(names)):
        found["components.custom_id"] = "Component custom id cannot be duplicated"
    for index, row in enumerate(rows):
        found |= {f"components.{index}.{path}": text for path, text in _modal_row(row)}
    return found


def _modal_row(row: Json) -> Iterator[tuple[str, str]]:
    if row.get("type") not in (1, 10, 18):
        yield "type", "Value of field \"type\" must be one of (1, 10, 18)."
    if row.get("type") == 18 and not 1 <= len(row.get("label") or "") <= 45:
        yield "label", "Must be between 1 and 45 in length."
    if len(row.get("description") or "") > 100:
        yield "description", "Must be 100 or fewer in length."
    for each in walk([row]):
        if not 0 <= len(each.get("custom_id") or "") <= 100:
            yield "custom_id", "Must be between 1 and 100 in length."
        if each.get("type") != 4:
            continue
        if row.get("type") == 1 and not 1 <= len(each.get("label") or "") <= 45:
            yield "label", "Must be between 1 and 45 in length."
        if len(each.get("placeholder") or "") > 100:
            yield "placeholder", "Must be 100 or fewer in length."
        if len(each.get("value") or "") > min(4000, each.get("max_length") or 4000):
            yield "value", "Must be at most max_length in length."


def thread_faults(body: Json) -> Faults:
    found: Faults = {}
    if "name" in body and not 1 <= len(body["name"] or "") <= 100:
        found["name"] = "Must be between 1 and 100 in length."
    minutes = body.get("auto_archive_duration")
    if minutes is not None and minutes not in ARCHIVE_MINUTES:
        found["auto_archive_duration"] = f"Value must be one of {ARCHIVE_MINUTES}."
    return found
