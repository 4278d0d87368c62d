"""What a terminal's window shows, drawn into a text file."""

from io import StringIO
from pathlib import Path

from bot.console.rich_screen import RichScreen
from bot.replies import Card, Progress, Text

LONG = "半分は32トークン以内、95%は39トークン以内、最長は43トークンです（トークンは言葉のかけらのことです）。" * 3


def _drawn(tmp_path: Path) -> tuple[RichScreen, StringIO]:
    out = StringIO()
    return RichScreen(out, tmp_path / "demo.svg"), out


async def test_a_long_japanese_value_is_shown_whole(tmp_path: Path) -> None:
    screen, out = _drawn(tmp_path)
    await screen.show(Card(title="データ", fields=(("長さ", LONG),)))
    shown = "".join(letter for letter in out.getvalue() if letter not in "│ \n")
    assert LONG in shown
    assert "…" not in shown


async def test_without_a_terminal_a_bar_stands_once_on_a_line_of_its_own(tmp_path: Path) -> None:
    screen, out = _drawn(tmp_path)
    await screen.show(Progress(job=1, done=0.5, text="half"))
    await screen.show(Text(text="try 4"))
    await screen.show(Progress(job=1, done=1.0, text="all done"))
    await screen.show(Card(title="result"))
    lines = out.getvalue().splitlines()
    assert lines[0] == "try 4"
    assert lines[1].endswith("all done")
    assert "half" not in out.getvalue()


async def test_what_was_shown_is_kept_as_a_picture_when_the_screen_closes(tmp_path: Path) -> None:
    screen, _ = _drawn(tmp_path)
    screen.echo("tune it")
    screen.close()
    assert "tune" in (tmp_path / "demo.svg").read_text(encoding="utf-8")
