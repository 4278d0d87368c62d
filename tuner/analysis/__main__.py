"""`python -m tuner.analysis FILE.jsonl`: a recorded search in, its report as one JSON object out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tuner.analysis import report_of
from tuner.analysis.recording import read_recording
from tuner.events import report_to_json


def main(arguments: list[str]) -> int:
    """Prints the report. Ends with 2 and a word to the developer when the file cannot be used."""
    if len(arguments) != 1:
        print("usage: python -m tuner.analysis FILE.jsonl", file=sys.stderr)
        return 2
    try:
        lines = Path(arguments[0]).read_text(encoding="utf-8").splitlines()
        report = report_of(read_recording(lines))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(report_to_json(report), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
