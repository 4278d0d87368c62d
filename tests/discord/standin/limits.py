"""Limits of messages that Discord enforces, also those its description leaves out. Faults: dotted path -> sentence."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
Faults = dict[str, str]

COMPONENTS_V2 = 1 << 15
EPHEMERAL = 1 << 6
LOADING = 1 << 7
SUPPRESS_EMBEDS = 1 << 2
HAS_THREAD = 1 << 5

_EMBED_TEXT = {"title": 256, "description": 4096}
_KNOWN = {"content", "nonce", "tts", "embeds", "allowed_mentions", "message_reference", "components", "sticker_ids",
          "attachments", "flags", "enforce_nonce", "poll", "username", "avatar_url", "thread_name", "applied_tags"}


def unknown_fields(body: Json) -> list[str]:
    """Fields that no message has. Discord ignores them in silence; a test should not."""
    return sorted(set(body) - _KNOWN)


def message_faults(body: Json, files: set[str]) -> Faults:
    """Everything wrong with a message body. `files`: the names of the files it may point to by attachment://."""
    found: Faults = {}
    content = body.get("content")
    if content is not None and len(content) > 2000:
        found["content"] = "Must be 2000 or fewer in length."
    if len(str(body.get("nonce") or "")) > 25:
        found["nonce"] = "Must be 25 or fewer in length."
    is_v2 = bool((body.get("flags") or 0) & COMPONENTS_V2)
    if is_v2 and (content or body.get("embeds")):
        found["flags"] = "The 'content' and 'embeds' fields cannot be used when using MessageFlags.IS_COMPONENTS_V2"
    mentions = body.get("allowed_mentions") or {}
    for kind in ("users", "roles"):
        if kind in (mentions.get("parse") or []) and mentions.get(kind):
            found["allowed_mentions"] = f"parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive."
    found |= dict(_embeds(body.get("embeds") or [], files))
    found |= dict(_components(body.get("components") or [], is_v2=is_v2))
    return found


def _embeds(embeds: list[Json], files: set[str]) -> Iterator[tuple[str, str]]:
    if len(embeds) > 10:
        yield "embeds", "Must be 10 or fewer in length."
    if sum(embed_length(each) for each in embeds) > 6000:
        yield "embeds.total", "Embed size exceeds maximum size of 6000"
    for index, embed in enumerate(embeds):
        yield from ((f"embeds.{index}.{path}", text) for path, text in _embed(embed, files))


def _embed(embed: Json, files: set[str]) -> Iterator[tuple[str, str]]:
    for key, most in _EMBED_TEXT.items():
        if len(embed.get(key) or "") > most:
            yield key, f"Must be {most} or fewer in length."
    fields = embed.get("fields") or []
    if len(fields) > 25:
        yield "fields", "Must be 25 or fewer in length."
    for index, each in enumerate(fields):
        for key, most in (("name", 256), ("value", 1024)):
            if not str(each.get(key) or "").strip():
                yield f"fields.{index}.{key}", "This field is required"
            elif len(each[key]) > most:
                yield f"fields.{index}.{key}", f"Must be {most} or fewer in length."
    for part, key, most in (("footer", "text", 2048), ("author", "name", 256)):
        if len((embed.get(part) or {}).get(key) or "") > most:
            yield f"{part}.{key}", f"Must be {most} or fewer in length."
    for part in ("image", "thumbnail"):
        url = (embed.get(part) or {}).get("url")
        if url and url.startswith("attachment://") and url.removeprefix("attachment://") not in files:
            yield f"{part}.url", "No such attachment in this message."
        elif url and not url.startswith(("attachment://", "http://", "https://")):
            yield f"{part}.url", "Not a well formed URL."


def embed_length(embed: Json) -> int:
    words = [embed.get("title"), embed.get("description"), (embed.get("footer") or {}).get("text"),
             (embed.get("author") or {}).get("name")]
    words += [part for each in embed.get("fields") or [] for part in (each.get("name"), each.get("value"))]
    return sum(len(each) for each in words if each)


def _components(components: list[Json], *, is_v2: bool) -> Iterator[tuple[str, str]]:
    if not is_v2 and len(components) > 5:
        yield "components", "Must be between 1 and 5 in length."
    everything = list(walk(components))
    if len(everything) > 40:
        yield "components", "The total number of components must be 40 or fewer."
    if sum(len(each.get("content") or "") for each in everything if each.get("type") == 10) > 4000:
        yield "components", "Total text of components must be 4000 or fewer."
    names = [each["custom_id"] for each in everything if each.get("custom_id")]
    if len(set(names)) != len(names):
        yield "components.custom_id", "Component custom id cannot be duplicated"
    for index, row in enumerate(components):
        if not is_v2 and row.get("type") != 1:
            yield f"components.{index}.type", "Value of field \"type\" must be one of (1,)."
    for index, each in enumerate(everything):
        yield from ((f"components.{index}.{path}", text) for path, text in _component(each))


def walk(components: list[Json]) -> Iterator[Json]:
    """Every component of a tree, rows and containers too."""
    for each in components:
        yield each
        yield from walk(each.get("components") or [])
        yield from walk([each[key] for key in ("accessory", "component") if each.get(key)])


def _component(each: Json) -> Iterator[tuple[str, str]]:
    if len(each.get("custom_id") or "") > 100:
        yield "custom_id", "Must be between 1 and 100 in length."
    match each.get("type"):
        case 1:
            inner = each.get("components") or []
            most = 5 if all(one.get("type") == 2 for one in inner) else 1
            if not 1 <= len(inner) <= most:
                yield "components", f"Must be between 1 and {most} in length."
        case 2:
            yield from _button(each)
        case 3:
            yield from _select(each)


def _button(each: Json) -> Iterator[tuple[str, str]]:
    if len(each.get("label") or "") > 80:
        yield "label", "Must be 80 or fewer in length."
    if not each.get("label") and not each.get("emoji") and each.get("style") != 6:
        yield "label", "A button must have a label or an emoji."
    if each.get("style") == 5:
        if not each.get("url") or each.get("custom_id"):
            yield "url", "A link button has a url and no custom id."
    elif not each.get("custom_id") or each.get("url"):
        yield "custom_id", "A custom id is required"


def _select(each: Json) -> Iterator[tuple[str, str]]:
    options = each.get("options") or []
    if not 1 <= len(options) <= 25:
        yield "options", "Must be between 1 and 25 in length."
    if not each.get("custom_id"):
        yield "custom_id", "A custom id is required"
    if len(each.get("placeholder") or "") > 150:
        yield "placeholder", "Must be 150 or fewer in length."
    if len({one.get("value") for one in options}) != len(options):
        yield "options", "The specified option value is already used"
    if not 0 <= each.get("min_values", 1) <= each.get("max_values", 1) <= 25:
        yield "max_values", "Must be at least min_values and at most 25."
    for index, one in enumerate(options):
        for key, least in (("label", 1), ("value", 1), ("description", 0)):
            if not least <= len(one.get(key) or "") <= 100:
                yield f"options.{index}.{key}", "Must be 100 or fewer in length."
