"""JSON and JSONL into a table: one object an example, keys as columns. Lists of messages stay lists for shape.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tuner.data.columns import KNOWN
from tuner.data.examples import Issue
from tuner.data.headings import tabulate
from tuner.data.table import MAX_CELL, MAX_COLUMNS, MAX_ROWS, Row, Table, plain_name, refuse

_SHOWN = 10
"""Broken lines that a refusal names."""
_WRAPPERS = frozenset({"data", "examples", "rows", "items", "train", "records", "dataset", "qa", "faq", "conversations",
                       "messages"})


def looks_like_json(text: str, name: str) -> bool:
    """True when the content, or failing that the ending, says JSON or JSONL."""
    if name.casefold().endswith((".json", ".jsonl", ".ndjson")):
        return True
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return False
    first_line = text.lstrip().split("\n", 1)[0]
    return _is_json(first_line) or _is_json(text)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def read_objects(text: str, name: str) -> Table:
    """Promises one row an object.

    Raises ProblemError when it is not JSON, is nested too deeply or is no list of objects.
    """
    if not text.strip():
        raise refuse("empty_file")
    lines = text.split("\n")  # not splitlines: U+2028 may stand inside a JSON text
    by_line = name.casefold().endswith((".jsonl", ".ndjson")) or _is_json(lines[0])
    if by_line and sum(1 for line in lines if line.strip()) > 1:
        table = _by_line(lines)
        if table is not None:
            return table
    return _whole(text)


def _by_line(lines: Sequence[str]) -> Table | None:
    """One value a line; None when hardly a line is one, so that the text may be one value over many lines."""
    values: list[tuple[int, Any]] = []
    issues: list[Issue] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(values) >= MAX_ROWS:
            raise refuse("too_many_rows", most=MAX_ROWS)
        try:
            values.append((number, json.loads(line)))
        except RecursionError as error:
            raise refuse("too_deep", row=number) from error
        except ValueError:
            issues.append(Issue(reason="not_json", row=number))
    good = sum(isinstance(value, dict | list) for _, value in values)
    if good and good >= len(issues):
        return _table(values, issues)
    if not _is_json("\n".join(lines)):
        shown = [issue.row for issue in issues[:_SHOWN]]
        raise refuse("not_jsonl", rows=shown, count=len(issues) or len(values))
    return None


def _whole(text: str) -> Table:
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise refuse("too_deep", row=1) from error
    except json.JSONDecodeError as error:
        raise refuse("broken_json", line=error.lineno, column=error.colno) from error
    except ValueError as error:  # a number of thousands of digits
        raise refuse("broken_json", line=1, column=1) from error
    if isinstance(value, dict):
        value = _unwrapped(value)
    if not isinstance(value, list):
        raise refuse("not_a_list")
    if not value:
        raise refuse("empty_file")
    if len(value) > MAX_ROWS:
        raise refuse("too_many_rows", most=MAX_ROWS)
    return _table(list(enumerate(value, 1)), [])


def _unwrapped(value: dict[str, Any]) -> Any:
    """The list inside {"data": [...]}; an object that is itself an example is a list of one."""
    lists = [key for key, part in value.items() if isinstance(part, list) and part and isinstance(part[0], dict | list)]
    if len(lists) == 1 and plain_name(lists[0]) in _WRAPPERS:
        inner = value[lists[0]]
        is_conversation = isinstance(inner[0], dict) and ({"role", "content"} <= inner[0].keys() or
                                                          {"from", "value"} <= inner[0].keys())
        return [value] if is_conversation else inner
    names = {plain_name(key) for key in value}
    if names & KNOWN["question"] and names & KNOWN["answer"]:
        return [value]
    return value


def _table(values: Sequence[tuple[int, Any]], issues: list[Issue]) -> Table:
    if all(isinstance(value, list) and all(_is_scalar(part) for part in value) for _, value in values):
        table = tabulate([(number, tuple(_text(part) for part in value)) for number, value in values])
        return replace(table, issues=(*issues, *table.issues))
    columns: dict[str, int] = {}
    for _, value in values:
        if isinstance(value, dict):
            for key in value:
                columns.setdefault(key, len(columns))
        elif isinstance(value, list):
            columns.setdefault("messages", len(columns))
        if len(columns) > MAX_COLUMNS:
            raise refuse("too_many_columns", columns=len(columns), most=MAX_COLUMNS)
    if not columns:
        raise refuse("not_a_list")
    rows: list[Row] = []
    for number, value in values:
        row = _row(number, value, columns)
        if isinstance(row, Issue):
            issues.append(row)
        else:
            rows.append(row)
    return Table(columns=tuple(columns), rows=tuple(rows), issues=tuple(issues))


def _row(number: int, value: Any, columns: dict[str, int]) -> Row | Issue:
    if isinstance(value, list):
        value = {"messages": value}
    if not isinstance(value, dict):
        return Issue(reason="not_an_object", row=number)
    cells: list[Any] = [""] * len(columns)
    for key, part in value.items():
        cell = _text(part) if _is_scalar(part) else part
        if isinstance(cell, str) and len(cell) > MAX_CELL:
            return Issue(reason="cell_too_long", row=number)
        cells[columns[key]] = cell
    return Row(number=number, cells=tuple(cells))


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
