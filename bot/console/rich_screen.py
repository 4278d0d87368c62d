"""Replies for a person at a terminal: panels, tables, one live bar. Texts are shown as they are, never as markup."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO, assert_never

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table as RichTable
from rich.text import Text as RichText

from bot.console.screen import button_line
from bot.replies import Button, Card, Picture, Progress, Reply, Stream, Table, Text

_FORK = "cyan"
_PICTURE_WIDTH = 104


class RichScreen:
    """A later Progress replaces the bar; anything else is printed above it."""

    def __init__(self, out: TextIO, picture: Path | None = None) -> None:
        """`picture`: an SVG file that gets what was shown when the screen closes."""
        width = _PICTURE_WIDTH if picture is not None else None
        self._console = Console(file=out, highlight=False, record=picture is not None, width=width)
        self._picture = picture
        self._live: Live | None = None
        self._last_row: RichTable | None = None

    def echo(self, line: str) -> None:
        self._console.print(RichText(f"› {line}", style="bold"))

    def close(self) -> None:
        self._end_live()
        if self._picture is not None:
            self._console.save_svg(str(self._picture), title="onsa")
            self._picture = None

    async def show(self, reply: Reply) -> None:
        if not isinstance(reply, Progress | Text):
            self._end_live()
        match reply:
            case Text():
                self._console.print(RichText(reply.text))
                self._buttons(reply.buttons)
            case Card():
                self._card(reply)
            case Table():
                self._table(reply)
            case Progress():
                self._progress(reply)
            case Picture():
                self._console.print(
                    RichText(f"▣ {reply.path}", style=_FORK), RichText(reply.alt, style="dim"), sep="\n"
                )
            case Stream():
                await self._stream(reply)
            case _:
                assert_never(reply)

    def _buttons(self, buttons: tuple[Button, ...]) -> None:
        if buttons:
            self._console.print(RichText(button_line(buttons), style=f"bold {_FORK}"))

    def _card(self, card: Card) -> None:
        grid = RichTable.grid(padding=(0, 2))
        grid.add_column(style="dim", overflow="fold", max_width=26)
        grid.add_column(ratio=1, overflow="fold")
        for name, value in card.fields:
            grid.add_row(RichText(name), RichText(value))
        parts: list[RichTable | RichText] = [grid] if card.fields else []
        parts += [RichText(f"! {note}", style="yellow") for note in card.notes]
        parts += [RichText(line) for line in card.lines]
        self._console.print(
            Panel(Group(*parts), title=RichText(card.title, style="bold"), title_align="left", border_style=_FORK)
        )
        self._buttons(card.buttons)

    def _table(self, table: Table) -> None:
        shown = RichTable(title=RichText(table.title, style="bold"), title_justify="left", show_lines=True)
        for name in table.header:
            shown.add_column(RichText(name), overflow="fold")
        for row in table.rows:
            shown.add_row(*(RichText(cell) for cell in row))
        self._console.print(shown)

    def _progress(self, reply: Progress) -> None:
        row = RichTable.grid(padding=(0, 1))
        row.add_row(ProgressBar(total=1.0, completed=reply.done, width=24), RichText(reply.text))
        if not self._console.is_terminal:  # a picture drawn without a terminal: only the bar's last state
            self._last_row = row
        elif self._live is None:
            self._live = Live(row, console=self._console, refresh_per_second=4)
            self._live.start()
        else:
            self._live.update(row)
        if reply.done >= 1.0:
            self._end_live()

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._last_row is not None:
            self._console.print(self._last_row)
            self._last_row = None

    async def _stream(self, stream: Stream) -> None:
        self._console.print(RichText(f"{stream.speaker}: ", style=f"bold {_FORK}"), end="")
        async for piece in stream.pieces:
            self._console.print(RichText(piece), end="", soft_wrap=True)
        self._console.print()
