"""`python -m tuner.analysis FILE.jsonl`: a recorded search in, its report as one JSON object out.

`spelled` in it has the recording's own names of knobs, for who prints the facts to a program.
With `--job HOME ID` the stored job of that id as it stands, whatever its state.
Ends with 2 and `{"problems": [...]}` when the file cannot be used. `-` reads standard input.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tuner.problems import Problem, ProblemError


def main(arguments: list[str]) -> int:
    """Prints the report, or what is wrong with the file."""
    if len(arguments) == 3 and arguments[0] == "--job":
        return _print_job(Path(arguments[1]), int(arguments[2]))
    if len(arguments) != 1:
        print("usage: python -m tuner.analysis FILE.jsonl | --job HOME ID", file=sys.stderr)
        return 2
    try:
        lines = _text(arguments[0]).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        from tuner.analysis import report_of
        from tuner.analysis.recording import read_recording
        from tuner.events import report_to_json

        study = read_recording(lines)
        report = report_of(study)
    except ProblemError as error:
        print(json.dumps({"problems": [problem.to_json() for problem in error.problems]}, ensure_ascii=False))
        return 2
    print(json.dumps(report_to_json(report) | {"spelled": dict(study.spelled)}, ensure_ascii=False))
    return 0


def _print_job(home: Path, job_id: int) -> int:
    import asyncio

    from tuner.analysis import build_report
    from tuner.events import report_to_json
    from tuner.store import Store

    async def stored() -> Any:
        async with await Store.open(home) as store:
            return (await store.job_by_id(job_id), await store.trials(job_id), await store.tests(job_id),
                    await store.repeats(job_id))

    print(json.dumps(report_to_json(build_report(*asyncio.run(stored()))), ensure_ascii=False))
    return 0


def _text(name: str) -> str:
    """The file's text. Raises ProblemError when it cannot be opened or is no UTF-8 text."""
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        why = "missing" if isinstance(error, FileNotFoundError) else "unreadable"
        raise ProblemError([Problem(key="recording.no_file", facts={"file": name, "why": why})]) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ProblemError([Problem(key="recording.no_text", facts={"line": line})]) from error


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    raise SystemExit(main(sys.argv[1:]))
