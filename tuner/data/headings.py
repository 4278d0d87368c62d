"""Rows of cells into a table: finds the headings, names the columns, notes what does not fit. Knows no file format."""

from __future__ import annotations

from collections.abc import Sequence

from tuner.data.columns import is_heading
from tuner.data.examples import Issue
from tuner.data.table import MAX_CELL, MAX_COLUMNS, Row, Table, letter, refuse

_SEARCHED = 10
"""Rows in which headings may stand below a title."""
_LONG = 40
"""Characters; a heading is shorter."""
_ABBREVIATION = 5
"""Characters, its full stop included."""
_ENDINGS = (".", "?", "!", "。", "？", "！")

Record = tuple[int, tuple[str, ...]]
"""Row number and its cells."""


def tabulate(records: Sequence[Record]) -> Table:
    """Promises a table of the rows below the headings; every row that holds nothing or too much is among its issues.

    Raises ProblemError when there is no row to learn from.
    """
    filled = [record for record in records if any(cell.strip() for cell in record[1])]
    if not filled:
        raise refuse("empty_file")
    place = _place_of_headings(filled)
    if place is None:
        width = max(len(_trimmed(cells)) for _, cells in filled[:1000])
        columns = tuple(letter(index) for index in range(width))
        return _table(columns, records, (), unnamed=frozenset(columns), has_headings=False)
    headings_row, names = filled[place]
    above = tuple(Issue(reason="above_headings", row=number) for number, _ in filled[:place])
    below = [record for record in records if record[0] > headings_row]
    if place + 1 == len(filled):
        raise refuse("only_headings", columns=[name for name in names if name.strip()])
    columns = _columns(names, below)
    unnamed = frozenset(column for index, column in enumerate(columns) if not "".join(names[index:index + 1]).strip())
    return _table(columns, below, above, unnamed=unnamed, has_headings=True)


def _place_of_headings(filled: Sequence[Record]) -> int | None:
    for place, (_, cells) in enumerate(filled[:_SEARCHED]):
        if is_heading(cells):
            return place
    first = _trimmed(filled[0][1])
    return None if len(filled) > 1 and any(_is_data(cell.strip()) for cell in first) else 0


def _is_data(cell: str) -> bool:
    if len(cell) <= _ABBREVIATION:  # "No.", "Nr."
        cell = cell.removesuffix(".")
    return len(cell) > _LONG or "\n" in cell or cell.endswith(_ENDINGS) or _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", ""))
    except ValueError:
        return False
    return True


def _trimmed(cells: tuple[str, ...]) -> tuple[str, ...]:
    end = len(cells)
    while end and not cells[end - 1].strip():
        end -= 1
    return cells[:end]


def _columns(names: tuple[str, ...], below: Sequence[Record]) -> tuple[str, ...]:
    """Headings as they stand; an empty one gets its letter, a repeated one its letter in brackets."""
    names = _trimmed(names)
    if len(names) == 1 and below:  # a title over a table without headings: the cells beside it have no name
        names += ("",) * (min(len(_trimmed(cells)) for _, cells in below[:100]) - 1)
    if len(names) > MAX_COLUMNS:
        raise refuse("too_many_columns", columns=len(names), most=MAX_COLUMNS)
    columns: list[str] = []
    for index, name in enumerate(names):
        name = " ".join(name.split()) or letter(index)
        columns.append(f"{name} ({letter(index)})" if name in columns else name)
    return tuple(columns)


def _table(
    columns: tuple[str, ...],
    records: Sequence[Record],
    issues: tuple[Issue, ...],
    *,
    unnamed: frozenset[str],
    has_headings: bool,
) -> Table:
    rows: list[Row] = []
    found = list(issues)
    last = max((number for number, cells in records if any(cell.strip() for cell in cells)), default=0)
    for number, cells in records:
        cells = _trimmed(cells)
        if not cells:
            if number < last:
                found.append(Issue(reason="blank_row", row=number))
        elif len(cells) > len(columns):
            found.append(Issue(reason="too_many_cells", row=number))
        elif any(len(cell) > MAX_CELL for cell in cells):
            found.append(Issue(reason="cell_too_long", row=number))
        else:
            rows.append(Row(number=number, cells=cells + ("",) * (len(columns) - len(cells))))
    return Table(columns=columns, rows=tuple(rows), has_headings=has_headings, unnamed=unnamed, issues=tuple(found))
