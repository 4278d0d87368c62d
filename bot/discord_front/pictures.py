"""The pictures of a report, drawn by a child process. A report without pictures is better than none."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from bot.phrases import Language
from bot.replies import Picture
from tuner.events import Report, report_to_json

_LOG = logging.getLogger("onsa.discord")

_ROOT = str(Path(__file__).resolve().parents[2])
LIMIT_S = 120.0
MOST = 10
"""Files that one message takes."""


async def drawn(report: Report, language: Language, folder: Path) -> tuple[Picture, ...]:
    """Promises the pictures in `folder`, or none when drawing failed; why stands in the log."""
    body = await asyncio.to_thread(lambda: json.dumps(report_to_json(report)).encode())
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.discord_front.drawing", language, str(folder),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (_ROOT, os.environ.get("PYTHONPATH"))))},
        )
    except OSError as error:
        _LOG.warning("no pictures were drawn: %r", error)
        return ()
    complaint = ""
    try:
        said, complained = await asyncio.wait_for(child.communicate(body), LIMIT_S)
        complaint = complained.decode("utf-8", "replace")[-2000:]
        found = json.loads(said)
        return tuple(Picture(path=Path(one["path"]), alt=one["alt"]) for one in found[:MOST])
    except (TimeoutError, ValueError, KeyError) as error:
        _LOG.warning("no pictures were drawn: %r %s", error, complaint)
        return ()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
