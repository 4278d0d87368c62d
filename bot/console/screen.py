"""How replies look at a terminal: rich for people, plain lines for pipes, one JSON object a line for programs."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, Protocol, TextIO, assert_never

from bot.replies import Button, Card, Picture, Progress, Reply, Stream, Table, Text


class Screen(Protocol):
    """Shows replies in order. `show` reads a Stream to its end."""

    async def show(self, reply: Reply) -> None: ...

    def echo(self, line: str) -> None: ...

    def close(self) -> None: ...


def open_screen(*, as_json: bool, picture: Path | None = None) -> Screen:
    """Promises the screen that fits where the output goes. `picture`: an SVG file to draw it into as well."""
    out = sys.stdout
    if as_json:
        return JsonScreen(out)
    if out.isatty() or picture is not None:
        from bot.console.rich_screen import RichScreen

        return RichScreen(out, picture)
    return PlainScreen(out)


def button_line(buttons: tuple[Button, ...]) -> str:
    """`[start] [change]`; a button whose name is a number shows its label too."""
    return "   ".join(
        f"[{button.name}] {button.label}" if button.name.isdigit() else f"[{button.name}]" for button in buttons
    )


class PlainScreen:
    """Plain lines: no colours, no cursor movement; a progress line only when it says something new."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def echo(self, line: str) -> None:
        self._print(f"> {line}")

    def close(self) -> None:
        self._out.flush()

    async def show(self, reply: Reply) -> None:
        match reply:
            case Text():
                self._print(reply.text)
                self._buttons(reply.buttons)
            case Card():
                self._card(reply)
            case Table():
                self._table(reply)
            case Progress():
                return
            case Picture():
                self._print(f"[{reply.path}] {reply.alt}")
            case Stream():
                await self._stream(reply)
            case _:
                assert_never(reply)

    def _print(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)

    def _buttons(self, buttons: tuple[Button, ...]) -> None:
        if not buttons:
            return
        numbered = [button for button in buttons if button.name.isdigit()]
        named = tuple(button for button in buttons if not button.name.isdigit())
        if named:
            self._print(button_line(named))
        for button in numbered:
            self._print(f"[{button.name}] {button.label}")

    def _card(self, card: Card) -> None:
        self._print()
        self._print(f"== {card.title} ==")
        for name, value in card.fields:
            self._print(f"{name}: {value}")
        for note in card.notes:
            self._print(f"! {note}")
        for line in card.lines:
            self._print(line)
        self._buttons(card.buttons)
        self._print()

    def _table(self, table: Table) -> None:
        self._print()
        self._print(f"== {table.title} ==")
        self._print(" | ".join(table.header))
        for row in table.rows:
            self._print(" | ".join(" ".join(cell.split()) for cell in row))
        self._print()

    async def _stream(self, stream: Stream) -> None:
        print(f"{stream.speaker}: ", end="", file=self._out, flush=True)
        async for piece in stream.pieces:
            print(piece, end="", file=self._out, flush=True)
        self._print()


class JsonScreen:
    """One JSON object a reply, for programs. A Stream becomes one object when it is complete."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def echo(self, line: str) -> None:
        return

    def close(self) -> None:
        self._out.flush()

    async def show(self, reply: Reply) -> None:
        value: dict[str, Any] = {"reply": type(reply).__name__.lower()}
        match reply:
            case Stream():
                pieces = [piece async for piece in reply.pieces]
                value |= {"speaker": reply.speaker, "text": "".join(pieces)}
            case Picture():
                value |= {"path": str(reply.path), "alt": reply.alt}
            case Text() | Card() | Table() | Progress():
                value |= dataclasses.asdict(reply)
            case _:
                assert_never(reply)
        print(json.dumps(value, ensure_ascii=False), file=self._out, flush=True)
