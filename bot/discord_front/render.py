"""Replies as Discord messages: cards become embeds, buttons get ids that work after a restart. Sends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

import discord

from bot.discord_front.markup import PAGE, clip, code_block, escape, pad, pages, width
from bot.replies import Button, Card, Picture, Progress, Table, Text

COLOUR = 0x2AA198
TITLE, NAME, VALUE, DESCRIPTION, FIELDS = 256, 256, 1024, 4096, 25
EMBED_TOTAL = 5800
"""Discord counts 6,000 characters over all embeds of a message."""
TABLE_WIDTH = 72
"""Wider tables are shown row by row."""
BUTTONS = 25
BAR = 12

Shown = Text | Card | Table | Progress | Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message, as it goes to Discord."""

    content: str = ""
    embeds: tuple[discord.Embed, ...] = ()
    buttons: tuple[Button, ...] = ()
    pictures: tuple[Picture, ...] = ()


def posts_of(reply: Shown) -> list[Post]:
    """Promises the messages that show `reply`, each within Discord's limits. Buttons stand under the last one."""
    match reply:
        case Text():
            return _text_posts(escape(reply.text), reply.buttons)
        case Card():
            return _card_posts(reply)
        case Table():
            return _table_posts(reply)
        case Progress():
            return [Post(content=clip(f"{bar(reply.done)} {escape(reply.text)}", PAGE))]
        case Picture():
            return [Post(pictures=(reply,))]
        case _:
            assert_never(reply)


def bar(done: float) -> str:
    """Promises a bar of fixed length."""
    full = round(max(0.0, min(1.0, done)) * BAR)
    return "▰" * full + "▱" * (BAR - full)


def _text_posts(text: str, buttons: tuple[Button, ...]) -> list[Post]:
    parts = pages(text) if text else ["\u200b"]
    return [*(Post(content=part) for part in parts[:-1]), Post(content=parts[-1], buttons=buttons)]


def _card_posts(card: Card) -> list[Post]:
    text = "\n".join([*(f"⚠️ {escape(note)}" for note in card.notes), *(escape(line) for line in card.lines)])
    fields = [field for name, value in card.fields for field in _fields(name, value)]
    posts: list[Post] = []
    embed = _embed(clip(escape(card.title), TITLE))
    for name, value in fields:
        if len(embed.fields) == FIELDS or len(embed) + len(name) + len(value) > EMBED_TOTAL:
            posts.append(Post(embeds=(embed,)))
            embed = _embed()
        embed.add_field(name=name, value=value, inline=False)
    parts = pages(text, DESCRIPTION) if text.strip() else []
    for part in parts:
        if not embed.fields and embed.description is None:
            embed.description = part
        elif embed.fields and len(embed) + len(part) <= EMBED_TOTAL:
            posts.append(Post(embeds=(embed, _embed(description=part))))
            embed = _embed()
        else:
            posts.append(Post(embeds=(embed,)))
            embed = _embed(description=part)
    if embed.title or embed.fields or embed.description:
        posts.append(Post(embeds=(embed,)))
    last = posts[-1]
    return [*posts[:-1], Post(content=last.content, embeds=last.embeds, buttons=card.buttons)]


def _embed(title: str | None = None, description: str | None = None) -> discord.Embed:
    return discord.Embed(title=title, description=description, colour=COLOUR)


def _fields(name: str, value: str) -> Iterator[tuple[str, str]]:
    """A long value goes on in a field without a name."""
    title = clip(escape(name), NAME)
    for part in pages(escape(value) or "–", VALUE):
        yield title or "\u200b", part
        title = ""


def _table_posts(table: Table) -> list[Post]:
    title = f"**{escape(table.title)}**"
    rows = [table.header, *table.rows]
    cells = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [max(width(row[column]) for row in cells) for column in range(len(table.header))]
    if sum(widths) + 2 * len(widths) > TABLE_WIDTH:
        return _text_posts("\n\n".join([title, *_row_by_row(table)]), ())
    lines = ["  ".join(pad(cell, widths[at]) for at, cell in enumerate(row)).rstrip() for row in cells]
    posts, block = [], ""
    for line in lines:
        if len(title) + len(block) + len(line) > PAGE - 40:
            posts.append(Post(content=f"{title}\n{code_block(block)}"))
            title, block = "\u200b", lines[0]
        block = f"{block}\n{line}" if block else line
    return [*posts, Post(content=f"{title}\n{code_block(block)}")]


def _row_by_row(table: Table) -> Iterator[str]:
    for row in table.rows:
        named = [(name, cell) for name, cell in zip(table.header, row, strict=True) if cell.strip()]
        yield "\n".join(f"**{escape(name)}**: {escape(cell)}" for name, cell in named)
