"""Cells that somebody merged in Excel: their text stands in each of their rows, and that is said."""

from __future__ import annotations

import io

import openpyxl
import pytest

from tuner.data.read import read_table
from tuner.data.shape import Shaped, shape


def read(rows: list[tuple[object, ...]], *areas: str) -> Shaped:
    """The sheet of these rows below headings, with these areas merged as Excel merges them."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("question", "answer"), *rows):
        sheet.append(row)
    for area in areas:
        sheet.merge_cells(area)
    out = io.BytesIO()
    book.save(out)
    return shape(read_table(out.getvalue(), "faq.xlsx"))


def told(shaped: Shaped) -> list[str]:
    return [issue.detail for issue in shaped.issues if issue.reason == "merged_cells"]


ROWS = [("Where is the key?", "Under the mat."), ("How do I get in?", None), ("Is there a spare key?", None),
        ("When do you open?", "At nine.")]


def test_an_answer_merged_over_rows_is_the_answer_of_each_row() -> None:
    shaped = read(ROWS, "B2:B4")
    assert [(one.row, one.question, one.answer) for one in shaped.examples] == [
        (2, "Where is the key?", "Under the mat."), (3, "How do I get in?", "Under the mat."),
        (4, "Is there a spare key?", "Under the mat."), (5, "When do you open?", "At nine.")]
    assert told(shaped) == ["B2:B4"]
    assert not any(issue.reason == "empty_answer" for issue in shaped.issues)


def test_a_question_merged_over_rows_is_asked_in_each_row() -> None:
    shaped = read([("Where is the key?", "Under the mat."), (None, "In the pot.")], "A2:A3")
    assert [one.question for one in shaped.examples] == ["Where is the key?"] * 2
    assert told(shaped) == ["A2:A3"]


def test_without_merging_an_empty_cell_stays_empty() -> None:
    shaped = read(ROWS)
    assert [one.row for one in shaped.examples] == [2, 5]
    assert told(shaped) == []


@pytest.mark.parametrize("area", ["B2:B1048576", "B2:B100"])
def test_a_cell_merged_far_down_fills_no_blank_rows(area: str) -> None:
    shaped = read(ROWS[:3], area)
    assert [one.row for one in shaped.examples] == [2, 3, 4]
    assert told(shaped) == [area]


@pytest.mark.parametrize("area", ["A5:B5", "A7:A9", "D2:D3"])
def test_what_fills_nothing_is_not_told(area: str) -> None:
    rows = [ROWS[0], ROWS[3], ("Who are you?", "A bot."), ("A note over both columns", None)]
    assert told(read(rows, area)) == []


def test_several_areas_are_all_told() -> None:
    shaped = read([*ROWS, ("And on Sundays?", None)], "B2:B4", "B5:B6")
    assert len(shaped.examples) == 5
    assert sorted(told(shaped)) == ["B2:B4", "B5:B6"]
