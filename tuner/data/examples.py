"""Examples as the rest of Onsa sees them, and what could not become one. Knows no file format of people, no model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One conversation to learn from, with at least one question and one answer."""

    row: int
    """Where the person finds it: spreadsheet row (headings are row 1), line of JSONL, 1-based place in a JSON list."""
    messages: tuple[Message, ...]

    @property
    def question(self) -> str:
        """Everything that people say in it; system texts left out."""
        return "\n".join(message.content for message in self.messages if message.role == "user")

    @property
    def answer(self) -> str:
        """Everything that the model is to learn to say in it."""
        return "\n".join(message.content for message in self.messages if message.role == "assistant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Something in a file that was not used as it stands."""

    reason: str
    """Name of its sentence under problems/data, such as `empty_answer`."""
    row: int | None = None
    """None: it is about the whole file."""
    detail: str = ""
    """A word of the file that the sentence mentions: a sheet, a column, a role."""


def write(path: Path, examples: Iterable[Example]) -> None:
    """Writes one JSON object a line, UTF-8."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for example in examples:
            messages = [{"role": message.role, "content": message.content} for message in example.messages]
            file.write(json.dumps({"row": example.row, "messages": messages}, ensure_ascii=False) + "\n")


def read(path: Path) -> tuple[Example, ...]:
    """Promises what `write` was given. Raises OSError for a missing file and ValueError for a damaged one."""
    with path.open(encoding="utf-8", newline="\n") as file:
        return tuple(_example(line) for line in file if line.strip())


def _example(line: str) -> Example:
    value = json.loads(line)
    messages = tuple(Message(role=message["role"], content=message["content"]) for message in value["messages"])
    return Example(row=value["row"], messages=messages)
