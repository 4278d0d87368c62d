"""A file as rows and columns, before anybody knows which column is the question. Also the limits of what is read."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from tuner.data.examples import Issue
from tuner.problems import Fact, Problem, ProblemError

MAX_BYTES = 50_000_000
MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_CELL = 100_000
"""Characters in one cell."""
MAX_UNPACKED_BYTES = 300_000_000
"""Of an XLSX file, which is a ZIP archive."""


class UnsavedFormula(str):
    """The formula of a cell whose value the program that wrote the workbook did not store."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    number: int
    """As the person sees it in the file."""
    cells: tuple[Any, ...]
    """One a column: texts; from JSON also lists and objects. A missing cell is an empty text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    columns: tuple[str, ...]
    """Names as they stand in the file; A, B, C … where it has no headings."""
    rows: tuple[Row, ...]
    has_headings: bool = True
    unnamed: frozenset[str] = frozenset()
    """Columns that are called by their letter for want of a heading: such a name says nothing."""
    issues: tuple[Issue, ...] = ()
    """What of the file is not in `rows`, or not as it stood there."""


def refuse(name: str, **facts: Fact) -> ProblemError:
    """Promises the refusal that problems/data.toml calls `name`."""
    return ProblemError([Problem(key=f"data.{name}", facts=facts)])


def letter(index: int) -> str:
    """Promises the name that spreadsheets give to a column: 0 is A, 26 is AA."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def plain_name(text: str) -> str:
    """Promises a heading without width, case, spaces, punctuation and what stands in brackets, for comparing."""
    text = unicodedata.normalize("NFKC", text).casefold()
    depth = 0
    kept = []
    for character in text:
        if character in "([<【〔「":
            depth += 1
        elif character in ")]>】〕」":
            depth = max(0, depth - 1)
        elif depth == 0 and character.isalnum():
            kept.append(character)
    return "".join(kept)
