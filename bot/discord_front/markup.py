"""Texts for Discord: what people and models wrote breaks no markdown and mentions nobody; long texts in pages."""

from __future__ import annotations

import re
import unicodedata

PAGE = 2000
"""Characters that one message holds."""

_SPECIAL = re.compile(
    r"\\|\*|`|\|\||~~|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|\](?=\()|<(?=[@#:/tahi])|^\s*(?:#{1,3}|-#|>{1,3})(?=\s)",
    re.MULTILINE,
)
"""What Discord would read as markup: emphasis, code, spoilers, links, mentions, emoji, times, headings, quotes.

An underscore inside a word, as in the name of a file, is none.
"""
_FENCE = re.compile(r"^\s*(```+|~~~+)(\S*)", re.MULTILINE)
_LINK = re.compile(r"(?<![<\w])https?://[^\s<>)]+")
_BREAKS = ("\n\n", "\n", "。", ". ", "! ", "? ", "！", "？", "、", ", ", " ")
_INVISIBLE = "\u200b"


def escape(text: str) -> str:
    """Promises `text` shown letter by letter: no bold, code, heading, link, mention, emoji or time of its own."""
    shown = _SPECIAL.sub(lambda match: "".join(c if c.isspace() else f"\\{c}" for c in match[0]), text)
    return shown.replace("@", f"@{_INVISIBLE}")


def answer_text(text: str) -> str:
    """Promises a model's words with their own markdown, but without mentions, and with links that are plain text."""
    return re.sub(r"<(?=[@#:/tai])", f"<{_INVISIBLE}", text).replace("@", f"@{_INVISIBLE}")


def unlinked(text: str) -> str:
    """Promises `text` whose links open no preview, for messages that cannot be told so otherwise."""
    return _LINK.sub(r"<\g<0>>", text)


def code_block(text: str) -> str:
    """Promises `text` in a fixed-width block that it cannot leave."""
    return "```\n" + text.replace("```", f"`{_INVISIBLE}``") + "\n```"


def clip(text: str, limit: int) -> str:
    """Promises at most `limit` characters, with an ellipsis where something was left out and no half escape."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1].rstrip()
    trailing = len(kept) - len(kept.rstrip("\\"))
    return (kept[:-1] if trailing % 2 else kept) + "…"


def pages(text: str, limit: int = PAGE) -> list[str]:
    """Promises `text` in pages of at most `limit` characters, broken at a sensible place.

    A code block that goes on over a break is closed and opened again. A text that grows keeps its first pages: where
    a page ends depends only on what stands before.
    """
    found: list[str] = []
    opened = ""
    rest = text
    while True:
        head = f"{opened}\n" if opened else ""
        if len(head) + len(rest) <= limit:
            found.append(head + rest)
            return found
        room = limit - len(head) - len("\n```")
        cut = _break(rest[:room])
        page, rest = rest[:cut].rstrip(), rest[cut:].lstrip("\n") if not opened else rest[cut:].removeprefix("\n")
        opened = _open_fence(head + page)
        found.append(head + page + ("\n```" if opened else ""))


def _break(window: str) -> int:
    """Where to end a page within `window`: the best break in its last part, else its end."""
    least = len(window) * 2 // 3
    for mark in _BREAKS:
        at = window.rfind(mark, least)
        if at >= 0:
            return at + len(mark)
    return len(window) - (1 if window.endswith("\\") else 0)


def _open_fence(page: str) -> str:
    """The fence line that is still open at the end of `page`, or nothing."""
    opened = ""
    for match in _FENCE.finditer(page):
        opened = "" if opened else f"```{match[2]}"
    return opened


def width(text: str) -> int:
    """Columns that `text` takes in a fixed-width font: Japanese characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def pad(text: str, columns: int) -> str:
    return text + " " * max(0, columns - width(text))
