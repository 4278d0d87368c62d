"""The door from bytes to a table: CSV, TSV, semicolons, XLSX, JSON, JSONL in the encodings that programs write."""

from __future__ import annotations

from dataclasses import replace

from tuner.data import delimited, objects, sheets
from tuner.data.decode import decode
from tuner.data.headings import tabulate
from tuner.data.table import MAX_BYTES, Table, refuse

_KINDS = (
    (b"%PDF", "pdf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old_excel"),
    (b"\x89PNG", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF8", "picture"),
    (b"\x1f\x8b", "zip"),
    (b"7z\xbc\xaf", "zip"),
    (b"Rar!", "zip"),
    (b"PAR1", "parquet"),
    (b"SQLite format 3", "database"),
)
"""First bytes of files that people post by mistake."""


def read_table(content: bytes, name: str) -> Table:
    """Promises every row that the file holds, with its number, or an issue that names it.

    `name` is what the person calls the file; only its ending is looked at, and only as a hint.
    Raises ProblemError for a file that cannot be read, with what to change.
    """
    if len(content) > MAX_BYTES:
        raise refuse("too_big", bytes=len(content), most=MAX_BYTES)
    if not content.strip(b" \t\r\n\x00"):
        raise refuse("empty_file")
    for start, kind in _KINDS:
        if content.startswith(start):
            raise refuse("not_a_table", kind=kind)
    if content.startswith(b"PK\x03\x04"):
        records, issues = sheets.records(content)
        table = tabulate(records)
        return replace(table, issues=(*issues, *table.issues))
    text = decode(content)
    if not text.strip():
        raise refuse("empty_file")
    if objects.looks_like_json(text, name):
        return objects.read_objects(text, name)
    return tabulate(delimited.records(text, name))
