"""Pictures drawn by a process of its own: the bot's stays small and quick, matplotlib lives and ends in the child.

`python -m bot.drawing LANGUAGE FOLDER NUMBER < report` draws try NUMBER beside the best one. Where drawing fails, the
words stand alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.phrases import Language
from bot.replies import Picture
from tuner.events import Report, report_to_json

_LOG = logging.getLogger("onsa.drawing")
_ROOT = str(Path(__file__).resolve().parents[1])
LIMIT_S = 60.0


async def drawn_by(module: str, arguments: Sequence[str], body: Any, limit_s: float) -> tuple[Picture, ...]:
    """Promises the pictures that `python -m module` says it drew of `body`, none where it failed; why is in the log."""
    given = await asyncio.to_thread(lambda: json.dumps(body).encode())
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))},
        )
    except OSError as error:
        _LOG.warning("nothing was drawn by %s: %r", module, error)
        return ()
    complaint = ""
    try:
        said, complained = await asyncio.wait_for(child.communicate(given), limit_s)
        complaint = complained.decode("utf-8", "replace")[-2000:]
        return tuple(Picture(path=Path(one["path"]), alt=one["alt"]) for one in json.loads(said))
    except (TimeoutError, ValueError, KeyError) as error:
        _LOG.warning("nothing was drawn by %s: %r %s", module, error, complaint)
        return ()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()


def tell(pictures: Sequence[Picture]) -> None:
    """The child's answer to `drawn_by`."""
    json.dump([{"path": str(picture.path), "alt": picture.alt} for picture in pictures], sys.stdout)


async def versus(report: Report, number: int, language: Language, folder: Path) -> Picture | None:
    """Promises try `number` beside the best one; None where there is nothing to draw, or drawing failed."""
    body = await asyncio.to_thread(report_to_json, report)
    pictures = await drawn_by("bot.drawing", (language, str(folder), str(number)), body, LIMIT_S)
    return pictures[0] if pictures else None


def main(arguments: Sequence[str]) -> None:
    from bot.charts import draw_versus
    from tuner.events import report_from_json

    language, folder, number = arguments
    report = report_from_json(json.load(sys.stdin))
    picture = draw_versus(report, int(number), "ja" if language == "ja" else "en", Path(folder))
    tell(() if picture is None else (picture,))


if __name__ == "__main__":
    main(sys.argv[1:])
