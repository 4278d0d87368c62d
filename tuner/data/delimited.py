"""CSV, TSV and their relatives into records: finds the delimiter, keeps quoted line breaks, counts rows as they are."""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter

from tuner.data.columns import is_heading
from tuner.data.headings import Record
from tuner.data.table import MAX_BYTES, MAX_COLUMNS, MAX_ROWS, refuse

_DELIMITERS = (",", "\t", ";", "|")
_TRIED = 200
"""Records by which the delimiter is judged."""


def records(text: str, name: str) -> list[Record]:
    """Promises every record with its row number.

    Raises ProblemError for too many rows or columns and for a quotation mark that never closes.
    """
    text, skipped, delimiter = _announced(text)
    if delimiter is None:
        delimiter = _delimiter(text, name)
    csv.field_size_limit(MAX_BYTES)  # a cell that is too long costs its row, not the file
    try:
        rows = _parse(text, delimiter, strict=True)
    except csv.Error as error:
        if "end of data" in str(error):
            raise refuse("open_quote", row=_open_quote(text, delimiter) + skipped) from error
        rows = _parse(text, delimiter, strict=False)
    return [(number + skipped, cells) for number, cells in enumerate(rows, 1)]


def _parse(text: str, delimiter: str, *, strict: bool) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict):
        if len(rows) >= MAX_ROWS + 1:
            raise refuse("too_many_rows", most=MAX_ROWS)
        if len(cells) > 10 * MAX_COLUMNS:
            raise refuse("too_many_columns", columns=len(cells), most=MAX_COLUMNS)
        rows.append(tuple(cells))
    return rows


def _open_quote(text: str, delimiter: str) -> int:
    """The row whose quote never closes, which is the last one that begins."""
    row = 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row, _ in enumerate(reader, 2):  # noqa: B007
            pass
    except csv.Error:
        pass
    return row


def _announced(text: str) -> tuple[str, int, str | None]:
    """Excel's own first line `sep=;` names the delimiter and is no row of data, though a spreadsheet hides it."""
    first, newline, rest = text.partition("\n")
    mark = first.strip().casefold()
    if newline and mark.startswith("sep=") and len(mark) <= 5:
        return rest, 1, mark[4:] or "\t"
    return text, 0, None


def _delimiter(text: str, name: str) -> str:
    """The delimiter by which most rows have the same number of cells; headings that it brings out count first."""
    preferred = "\t" if name.casefold().endswith((".tsv", ".tab")) else ","
    best, best_score = preferred, 0.0
    for delimiter in sorted(_DELIMITERS, key=lambda one: one != preferred):
        score = _evenness(text, delimiter)
        if score > best_score + 1e-9:
            best, best_score = delimiter, score
    return best


def _evenness(text: str, delimiter: str) -> float:
    reader = csv.reader(io.StringIO(text[:2_000_000], newline=""), delimiter=delimiter)
    try:
        rows = [tuple(cells) for cells in itertools.islice(reader, _TRIED) if any(cell.strip() for cell in cells)]
    except csv.Error:
        return 0.0
    if not rows:
        return 0.0
    width, count = Counter(len(cells) for cells in rows).most_common(1)[0]
    if width < 2:
        return 0.0
    heading = any(is_heading(cells) for cells in rows[:10])
    return count / len(rows) + (2.0 if heading else 0.0)
