"""A typed line hands over the file that it names, however it is written; a name is never more than a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.console.files import READ_BYTES, NoFile, attachment_of, named_file
from bot.phrases import LANGUAGES, say
from tuner.data.table import MAX_BYTES


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    for name in ("my.csv", "our faq.xlsx", "質問集.csv", "data.v2.jsonl", "chat.json"):
        (tmp_path / name).write_bytes(b"question,answer\n")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("use my.csv", "my.csv"),
        ("use ./my.csv please", "my.csv"),
        ('tune on "our faq.xlsx" with 8 trials', "our faq.xlsx"),
        ("use our faq.xlsx", "our faq.xlsx"),
        ("my.csvを使って", "my.csv"),
        ("質問集.csvで学習率を1e-5から1e-3で", "質問集.csv"),
        ("「質問集.csv」を使って", "質問集.csv"),
        ("データはmy.csvでお願いします", "my.csv"),
        ("use data.v2.jsonl, and tune it", "data.v2.jsonl"),
        ("USE MY.CSV", ""),
        ("use other.csv", ""),
        ("tune lr between 1e-5 and 1e-3", ""),
    ],
)
def test_the_named_file_is_found(folder: Path, line: str, name: str) -> None:
    found = named_file(line, folder)
    assert (found.name if found else "") == name


def test_an_absolute_path_is_found_and_the_attachment_carries_only_the_name(folder: Path) -> None:
    found = named_file(f"use {folder / 'my.csv'}", Path("/"))
    assert found is not None
    assert attachment_of(found).name == "my.csv"
    assert attachment_of(found).content == b"question,answer\n"


def test_a_file_beyond_every_limit_is_told_by_its_own_size(tmp_path: Path) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(213_000_000)  # sparse: nothing is written
    with pytest.raises(NoFile) as refused:
        attachment_of(large)
    sentences = {language: say(f"console.{refused.value.key}", language, refused.value.facts) for language in LANGUAGES}
    assert "is 213 MB; I read up to 50 MB" in sentences["en"]
    assert "213MBあります。読めるのは50MBまで" in sentences["ja"]
    assert READ_BYTES == MAX_BYTES


@given(st.text(max_size=300))
def test_no_line_breaks_the_search_for_files(text: str) -> None:
    assert named_file(text, Path("/nonexistent")) is None
