"""The child process of the contenders B and C of benchmarks.sweep: Onsa's own, on the benchmark's trials and examples.

`python -m benchmarks.sweep_child MATERIAL`, a JSON object; else as tuner/runners/child.py.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.sweep_material import Material
from tuner.runners.base import Setup
from tuner.runners.child import serve
from tuner.runners.child_edge import Outbox, guard_stdout
from tuner.runners.child_inbox import Inbox
from tuner.uncollected import uncollected


def main() -> int:
    tell, inbox = Outbox(guard_stdout()), Inbox(os.dup(0))
    setup = inbox.next()
    if not isinstance(setup, Setup):
        raise TypeError(f"the first line must be setup, got {type(setup).__name__}")
    with uncollected():
        work = _work(Material(**json.loads(sys.argv[1])), setup, tell, inbox)
    return serve(work, inbox, tell)


def _work(material: Material, setup: Setup, tell: Outbox, inbox: Inbox) -> Any:
    """Losses only, no written answers: the other contenders write none."""
    from tuner.runners.child_work import Work
    from tuner.train.model import choose_threads

    class OnMaterial(Work):
        def __init__(self) -> None:
            self._tell, self._inbox, self.setup = tell, inbox, setup
            self.bench = material.bench(Path(setup.checkpoints))
            choose_threads(self.bench.base)

    return OnMaterial()


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)
