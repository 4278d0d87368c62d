"""Draws a report's pictures in a process of its own: `python -m bot.discord_front.drawing LANGUAGE FOLDER < report`.

The bot's process stays small and quick; matplotlib lives and ends here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    from bot import charts
    from bot.drawing import tell
    from tuner.events import report_from_json

    language, folder = sys.argv[1], Path(sys.argv[2])
    report = report_from_json(json.load(sys.stdin))
    drawn = charts.draw(report, "ja" if language == "ja" else "en", folder)
    tell(drawn)


if __name__ == "__main__":
    main()
