"""XLSX into records: the first sheet that holds something, formulas as the values they had, the text of cells merged
downwards in each of their rows. Bounded before opening."""

from __future__ import annotations

import contextlib
import datetime
import io
import itertools
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from tuner.data.examples import Issue
from tuner.data.headings import Record
from tuner.data.table import MAX_COLUMNS, MAX_ROWS, MAX_UNPACKED_BYTES, UnsavedFormula, refuse
from tuner.problems import ProblemError

_MAX_PARTS = 10_000
_MAX_MERGED = 20_000
_AREA = re.compile(rb'<(?:\w+:)?mergeCell\s[^<>]{0,80}?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
_LONGEST_TAG = 160
_MAX_BLANK = 10_000
"""Blank rows in a row after which the sheet counts as ended."""


def records(content: bytes) -> tuple[list[Record], list[Issue]]:
    """Promises the records of the first sheet that holds something, and a note for each other sheet that is not read.

    Raises ProblemError for an archive that is no workbook, would unpack to too much, or holds too many rows.
    """
    has_formulas = _check_archive(content)
    import openpyxl

    def opened(data_only: bool) -> Any:
        return contextlib.closing(
            openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=data_only, keep_links=False)
        )

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and extensions that no value depends on
            with opened(True) as book:
                if not has_formulas:
                    return _first_sheet(book, None, content)
                with opened(False) as formulas:
                    return _first_sheet(book, formulas, content)
    except ProblemError:
        raise
    except Exception as error:  # openpyxl, zlib and the XML parser raise whatever a damaged part leads to
        raise refuse("broken_workbook") from error


def _check_archive(content: bytes) -> bool:
    """True when a sheet holds formulas."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refuse("broken_workbook") from error
    if not any(part.filename.replace("\\", "/").lstrip("/") == "xl/workbook.xml" for part in parts):
        raise refuse("not_a_table", kind="zip")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MAX_UNPACKED_BYTES or len(parts) > _MAX_PARTS:
        raise refuse("too_big", bytes=unpacked, most=MAX_UNPACKED_BYTES)
    try:
        return any(_holds_formula(content, part) for part in parts if "worksheets/" in part.filename)
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, zlib.error) as error:
        raise refuse("broken_workbook") from error


def _holds_formula(content: bytes, part: zipfile.ZipInfo) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(part) as sheet:
        before = b""
        while piece := sheet.read(1 << 20):
            if b"<f>" in before + piece or b"<f " in before + piece:
                return True
            before = piece[-2:]
    return False


def _first_sheet(book: Any, formulas: Any, content: bytes) -> tuple[list[Record], list[Issue]]:
    sheets = sorted(book.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
    for place, sheet in enumerate(sheets):
        found = _read(sheet, formulas and formulas[sheet.title])
        if found:
            found, merged = _filled_down(found, _merged(sheet, content))
            others = [other.title for other in sheets[place + 1:] if next(_rows(other), None) is not None]
            return found, [*(Issue(reason="other_sheets", detail=title) for title in others),
                           *(Issue(reason="merged_cells", detail=area) for area in merged)]
    raise refuse("empty_file")


def _merged(sheet: Any, content: bytes) -> list[tuple[str, int, int, int]]:
    """Cells merged downwards: (area as Excel writes it, column from 0, first row, last row).

    openpyxl tells of them only when it loads the whole workbook into memory.
    """
    path = getattr(sheet, "_worksheet_path", None)
    if path is None:
        return []
    found: list[tuple[str, int, int, int]] = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(path) as part:
        before = b""
        while piece := part.read(1 << 20):
            for match in _AREA.finditer(before + piece):
                column, first, last_column, last = (group.decode() for group in match.groups())
                if int(first) < int(last) and len(found) < _MAX_MERGED:
                    area = f"{column}{first}:{last_column}{last}"
                    found.append((area, _index(column), int(first), int(last)))
            before = piece[-_LONGEST_TAG:]
    return list(dict.fromkeys(found))


def _index(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1


def _filled_down(
    records: list[Record], merged: list[tuple[str, int, int, int]]
) -> tuple[list[Record], list[str]]:
    """The records with each merged cell's text in all rows of it that hold something, and the areas so filled."""
    filled, areas = dict(records), []
    for area, column, first, last in merged:
        text = next(iter(filled.get(first, ())[column:column + 1]), "")
        rows = [number for number in range(first + 1, min(last, len(records)) + 1)
                if text.strip() and any(cell.strip() for cell in filled.get(number, ()))]
        rows = [number for number in rows if not "".join(filled[number][column:column + 1]).strip()]
        for number in rows:
            cells = filled[number] + ("",) * (column + 1 - len(filled[number]))
            filled[number] = (*cells[:column], text, *cells[column + 1:])
        areas += [area] if rows else []
    return [(number, filled[number]) for number, _ in records], areas


def _read(sheet: Any, formulas: Any) -> list[Record]:
    found: list[Record] = []
    next_number = 1
    for number, cells in _rows(sheet, formulas):
        if len(found) > MAX_ROWS or number > 2 * MAX_ROWS:
            raise refuse("too_many_rows", most=MAX_ROWS)
        found.extend((blank, ()) for blank in range(next_number, number))
        next_number = number + 1
        found.append((number, cells))
    return found


def _rows(sheet: Any, formulas: Any = None) -> Iterator[Record]:
    """Rows that hold something; stops after a long stretch of nothing, such as a sheet formatted to its last row."""
    blank = 0
    as_written = itertools.repeat(()) if formulas is None else _values(formulas)
    for number, (values, written) in enumerate(zip(_values(sheet), as_written, strict=False), 1):
        cells = tuple(_text(value, formula) for value, formula in itertools.zip_longest(values, written[:len(values)]))
        if any(cell.strip() for cell in cells):
            blank = 0
            yield number, cells
        else:
            blank += 1
            if blank > _MAX_BLANK:
                return


def _values(sheet: Any) -> Iterator[tuple[Any, ...]]:
    sheet.reset_dimensions()
    rows: Iterator[tuple[Any, ...]] = sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True)
    return rows


def _text(value: Any, formula: Any = None) -> str:
    if value is None:
        return "" if formula is None else UnsavedFormula(getattr(formula, "text", formula))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(sep=" ")
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return str(value).replace("_x000D_", "")
