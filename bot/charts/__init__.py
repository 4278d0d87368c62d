"""A stored report in pictures: PNG files that are readable on a phone, in Discord's dark and light theme."""

from __future__ import annotations

from pathlib import Path

from bot.phrases import Language
from bot.replies import Picture
from tuner.events import Report


def draw(report: Report, language: Language, folder: Path) -> tuple[Picture, ...]:
    """Promises the pictures that the report has data for, the result first, each written into `folder`.

    The result on the sealed test; setting against score; progress and loss curves; importance only where the report
    claims it; the best tries in their order. Loads matplotlib on first use. Blocks: call it outside the event loop.
    """
    from bot.charts.progress import progress
    from bot.charts.results import importance, leaderboard, sealed_test
    from bot.charts.settings import settings

    folder.mkdir(parents=True, exist_ok=True)
    drawn = (
        sealed_test(report, language, folder), *settings(report, language, folder),
        progress(report, language, folder), importance(report, language, folder),
        leaderboard(report, language, folder),
    )
    return tuple(picture for picture in drawn if picture is not None)


def draw_versus(report: Report, number: int, language: Language, folder: Path) -> Picture | None:
    """Promises try `number` beside the best one, written into `folder`; None where there is nothing to compare."""
    from bot.charts.versus import versus

    folder.mkdir(parents=True, exist_ok=True)
    return versus(report, number, language, folder)
