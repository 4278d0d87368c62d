"""The pictures of a report, drawn by a child process. A report without pictures is better than none."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.drawing import drawn_by
from bot.phrases import Language
from bot.replies import Picture
from tuner.events import Report, report_to_json

LIMIT_S = 120.0
MOST = 10
"""Files that one message takes."""


async def drawn(report: Report, language: Language, folder: Path) -> tuple[Picture, ...]:
    """Promises the pictures in `folder`, or none when drawing failed; why stands in the log."""
    body = await asyncio.to_thread(report_to_json, report)
    return (await drawn_by("bot.discord_front.drawing", (language, str(folder)), body, LIMIT_S))[:MOST]
