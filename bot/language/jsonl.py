"""The pipe's door: one utterance a line in, one command object a line out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from bot.language.commands import Command, to_json
from bot.language.parser import parse


def lines(stream: Iterable[str]) -> Iterator[str]:
    """One JSON object for each line, in order. A line that is no utterance yields `unknown`, a blank one nothing."""
    for line in stream:
        if line.strip():
            text = _utterance(line)
            command = Command(intent="unknown") if text is None else parse(text)
            yield json.dumps(to_json(command), ensure_ascii=False, allow_nan=False)


def _utterance(line: str) -> str | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if isinstance(data, dict):
        data = data.get("text")
    return data if isinstance(data, str) else None
