"""Draws a leaderboard in a process of its own: `python -m bot.judging.drawing LANGUAGE FOLDER VOTES < lines`.

The bot's process stays small and quick; matplotlib lives and ends in the child. A board without a picture is better
than none.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.drawing import drawn_by, tell
from bot.judging.subjects import called
from bot.phrases import Language
from bot.replies import Picture

if TYPE_CHECKING:
    from tuner.judging.standings import Board

LIMIT_S = 60.0


async def drawn(board: Board, language: Language, folder: Path) -> Picture | None:
    """Promises the picture in `folder`, or None when drawing failed; why stands in the log."""
    lines = [
        {"name": called(each.subject, language), "place": each.place, "share": each.share, "low": each.low,
         "high": each.high, "is_reference": each.subject == board.reference}
        for each in board.standings
    ]
    arguments = (language, str(folder), str(board.votes))
    pictures = await drawn_by("bot.judging.drawing", arguments, lines, LIMIT_S)
    return pictures[0] if pictures else None


def main(arguments: Sequence[str]) -> None:
    from bot.charts.votes import Line, votes

    language, folder, cast = arguments
    Path(folder).mkdir(parents=True, exist_ok=True)
    known = [each.name for each in dataclasses.fields(Line)]
    lines = [Line(**{name: line[name] for name in known}) for line in json.load(sys.stdin)]
    picture = votes(lines, int(cast), "ja" if language == "ja" else "en", Path(folder))
    tell((picture,))


if __name__ == "__main__":
    main(sys.argv[1:])
