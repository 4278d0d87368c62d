"""`python -m tuner.checkpoints adapter|merged FOLDER OUT [--base SOURCE]`: a checkpoint for use elsewhere.

Prints one JSON line, `{"problems": [...]}` as tuner.problems writes them, empty when OUT was written. Exit code 0, or 1
with problems.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from tuner.problems import Problem, ProblemError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tuner.checkpoints")
    parser.add_argument("kind", choices=("adapter", "merged"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--base", default="", help="folder or hub id of the base model, for `merged`")
    chosen = parser.parse_args(arguments)
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not break the one line
    problems = _write(chosen.kind, chosen.folder, chosen.out, chosen.base)
    print(json.dumps({"problems": [problem.to_json() for problem in problems]}), file=told, flush=True)
    return 1 if problems else 0


def _write(kind: str, folder: Path, out: Path, base: str) -> tuple[Problem, ...]:
    from tuner.checkpoints.export import export_adapter, export_merged

    try:
        if kind == "adapter":
            export_adapter(folder, out)
        else:
            export_merged(base, folder, out)
    except ProblemError as error:
        return error.problems
    except FileExistsError:
        return (Problem(key="checkpoint.out_exists", facts={"folder": str(out)}),)
    except OSError as error:
        reason = error.strerror or str(error)
        return (Problem(key="checkpoint.not_written", facts={"folder": str(out), "reason": reason}),)
    return ()


if __name__ == "__main__":
    sys.exit(main())
