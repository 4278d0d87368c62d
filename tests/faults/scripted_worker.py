"""A real worker process whose child trains by a script: `scripted_worker.py '{"step_s": 0.05}' --home DIR ...`."""

from __future__ import annotations

import sys
from pathlib import Path

from tuner.runners.base import Setup
from tuner.runners.local import LocalRunner
from tuner.worker.__main__ import main


async def launch(setup: Setup, log: Path) -> LocalRunner:
    return await LocalRunner.launch(setup, log, (sys.executable, "-m", "tuner.runners.scripted", sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], launch))
