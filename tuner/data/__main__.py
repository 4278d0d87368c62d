"""`python -m tuner.data FOLDER`: the child process of inspection.py. Reads request.json and original.bin there, writes
examples.jsonl and report.json beside them, prints {"problems": [...]} as its last line."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from tuner.data.inspection import EXAMPLES, ORIGINAL, REPORT, REQUEST, cannot_keep
from tuner.problems import Problem, ProblemError

_MEMORY_BYTES = 8 * 1024**3


def main(folder: Path) -> None:
    """Promises one line on the standard output for whatever file; a traceback means a mistake of ours."""
    _limit_memory()
    # A tokenizer needs no torch, and without it transformers starts three times as fast.
    sys.modules["torch"] = None  # type: ignore[assignment]
    problems: tuple[Problem, ...] = ()
    with contextlib.redirect_stdout(sys.stderr):
        try:
            _inspect(folder)
        except ProblemError as error:
            problems = error.problems
        except MemoryError:
            problems = (Problem(key="data.too_much_memory"),)
    print(json.dumps({"problems": [problem.to_json() for problem in problems]}, ensure_ascii=False), end="")


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on this system; the limits on the file's size still hold
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _inspect(folder: Path) -> None:
    from tuner.data.check import check
    from tuner.data.examples import write
    from tuner.data.read import read_table
    from tuner.data.shape import shape
    from tuner.data.tokenizer import load_tokenizer

    request: dict[str, Any] = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    shaped = shape(read_table((folder / ORIGINAL).read_bytes(), request["name"]), request["mapping"] or None)
    tokenizer = load_tokenizer(request["model"])
    card = check(shaped.examples, shaped.issues, tokenizer, request["max_length"], shaped.mapping)
    if any(finding.severity == "error" for finding in card.findings):
        raise ProblemError(card.findings)
    report = {"card": card.to_json(), **{name: request[name] for name in ("name", "model", "max_length")}}
    try:
        write(folder / EXAMPLES, shaped.examples)
        (folder / REPORT).write_text(json.dumps(report, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise cannot_keep(error) from error


if __name__ == "__main__":
    main(Path(sys.argv[1]))
