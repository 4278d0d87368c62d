"""Draws a leaderboard in a process of its own: `python -m bot.judging.drawing LANGUAGE FOLDER VOTES < lines`.

The bot's process stays small and quick; matplotlib lives and ends in the child. A board without a picture is better
than none.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.judging.subjects import called
from bot.phrases import Language
from bot.replies import Picture

if TYPE_CHECKING:
    from tuner.judging.standings import Board

_LOG = logging.getLogger("onsa.judging")
_ROOT = str(Path(__file__).resolve().parents[2])
LIMIT_S = 60.0


async def drawn(board: Board, language: Language, folder: Path) -> Picture | None:
    """Promises the picture in `folder`, or None when drawing failed; why stands in the log."""
    lines = [
        {"name": called(each.subject, language), "place": each.place, "share": each.share, "low": each.low,
         "high": each.high, "is_reference": each.subject == board.reference}
        for each in board.standings
    ]
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.judging.drawing", language, str(folder), str(board.votes),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))},
        )
    except OSError as error:
        _LOG.warning("the leaderboard was not drawn: %r", error)
        return None
    complaint = ""
    try:
        said, complained = await asyncio.wait_for(child.communicate(json.dumps(lines).encode()), LIMIT_S)
        complaint = complained.decode("utf-8", "replace")[-2000:]
        found = json.loads(said)
        return Picture(path=Path(found["path"]), alt=found["alt"])
    except (TimeoutError, ValueError, KeyError) as error:
        _LOG.warning("the leaderboard was not drawn: %r %s", error, complaint)
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def main(arguments: Sequence[str]) -> None:
    from bot.charts.votes import Line, votes

    language, folder, cast = arguments
    Path(folder).mkdir(parents=True, exist_ok=True)
    known = [each.name for each in dataclasses.fields(Line)]
    lines = [Line(**{name: line[name] for name in known}) for line in json.load(sys.stdin)]
    picture = votes(lines, int(cast), "ja" if language == "ja" else "en", Path(folder))
    json.dump({"path": str(picture.path), "alt": picture.alt}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
