"""What people's programs write, as real bytes, through `read_table` and `shape`."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import time
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.data import table as limits
from tuner.data.read import read_table
from tuner.data.shape import Shaped, shape
from tuner.problems import ProblemError

PAIRS = [
    ("営業時間は何時ですか？", "9時～17時です。\n土日は、休みです。"),
    ("①髙橋さんのﾃﾞｽｸは?", 'ｶｳﾝﾀｰ"2"の横です。'),
    ("Where is the key?", "Under the mat; really, there."),
]
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Cf", "Zl", "Zp"])
CELL = st.text(LETTERS, min_size=1).filter(lambda text: not text.startswith("#"))
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp932"]


def pairs_of(shaped: Shaped) -> list[tuple[str, str]]:
    return [(example.question, example.answer) for example in shaped.examples]


def read(content: bytes, name: str = "faq.csv") -> Shaped:
    return shape(read_table(content, name))


def keys(error: pytest.ExceptionInfo[ProblemError]) -> list[str]:
    return [problem.key for problem in error.value.problems]


def delimited(rows: list[tuple[str, ...]], delimiter: str = ",", ending: str = "\r\n") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ending).writerows(rows)
    return out.getvalue()


def workbook(*sheets: list[list[object]], hidden: tuple[int, ...] = ()) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"Sheet{number + 1}")
        for row in rows:
            sheet.append(row)
        if number in hidden:
            sheet.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_and_delimiter_gives_the_same_examples(encoding: str, delimiter: str, ending: str) -> None:
    content = delimited([("質問", "回答"), *PAIRS], delimiter, ending).encode(encoding)
    shaped = read(content)
    assert pairs_of(shaped) == PAIRS
    assert [example.row for example in shaped.examples] == [2, 3, 4]
    assert shaped.issues == ()


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["faq.json", "faq.jsonl", "posted"])
def test_json_and_jsonl_are_read_in_every_encoding(encoding: str, name: str) -> None:
    objects = [{"question": question, "answer": answer} for question, answer in PAIRS]
    lines = "\n".join(json.dumps(one, ensure_ascii=False) for one in objects)
    text = lines if name == "faq.jsonl" else json.dumps(objects, ensure_ascii=False, indent=1)
    shaped = read(text.encode(encoding), name)
    assert pairs_of(shaped) == PAIRS
    assert [example.row for example in shaped.examples] == [1, 2, 3]


def test_euc_jp_is_told_from_shift_jis() -> None:
    text = delimited([("質問", "回答"), ("営業時間は？", "九時から五時までです。"), ("場所は？", "駅の前です。")])
    assert read(text.encode("euc_jp")).examples == read(text.encode("cp932")).examples


def test_a_western_windows_file_keeps_its_accents() -> None:
    shaped = read("question,answer\r\nOù est le café ?,Près de l'église.\r\n".encode("cp1252"))
    assert pairs_of(shaped) == [("Où est le café ?", "Près de l'église.")]


def test_half_width_kana_alone_are_read_as_shift_jis() -> None:
    shaped = read("ｼﾂﾓﾝ,ｶｲﾄｳ\r\nｴｲｷﾞｮｳｼﾞｶﾝ,ｸｼﾞｶﾗ\r\n質問,回答\r\nﾊﾞｼｮ,ｴｷ\r\n".encode("cp932"))
    assert pairs_of(shaped) == [("ﾊﾞｼｮ", "ｴｷ")]


@pytest.mark.parametrize("headings", [("質問", "回答"), ("question", "answer")])
def test_half_width_kana_with_words_apart_are_read_as_shift_jis(headings: tuple[str, str]) -> None:
    rows = [headings, ("ｴｲｷﾞｮｳ ﾉ ｼﾞｶﾝ 1 ﾃﾞｽｶ?", "ｸｼﾞ ｶﾗ 5 ｼﾞ ﾃﾞｽ｡")]
    assert pairs_of(read(delimited(rows).encode("cp932"))) == rows[1:]


def test_the_encoding_of_japanese_mail_is_read() -> None:
    rows = [("質問", "回答"), ("営業時間は？", "九時から五時までです。")]
    assert pairs_of(read(delimited(rows).encode("iso2022_jp"))) == rows[1:]


def test_a_stray_null_byte_costs_no_text() -> None:
    rows = [("question", "answer"), *((f"Where is desk {number}?", f"On floor {number}.") for number in range(30))]
    content = delimited(rows).encode().replace(b"desk 7", b"de\x00sk 7")
    assert pairs_of(read(content)) == rows[1:]


@pytest.mark.parametrize("size", [200_000, 2_000_000])
def test_a_cell_that_is_far_too_long_costs_its_row_and_not_the_file(size: int) -> None:
    shaped = read(delimited([("question", "answer"), ("a", "b"), ("c", "d" * size), ("e", "f")]).encode())
    assert pairs_of(shaped) == [("a", "b"), ("e", "f")]
    assert [(issue.reason, issue.row) for issue in shaped.issues] == [("cell_too_long", 3)]


@pytest.mark.parametrize(
    "headings", [("No.", "質問", "回答"), ("", "question", "answer"), ("Nr.", "ご質問内容", "ご回答")]
)
def test_a_numbered_column_before_the_headings_leaves_no_doubt(headings: tuple[str, ...]) -> None:
    shaped = read(delimited([headings, ("1", "Where?", "Here."), ("2", "When?", "Now.")]).encode())
    assert pairs_of(shaped) == [("Where?", "Here."), ("When?", "Now.")]


def test_abbreviated_headings_are_headings() -> None:
    table = read_table(b"No.,What people say,What we tell them\n1,Where?,Here.\n", "faq.csv")
    assert table.columns == ("No.", "What people say", "What we tell them")


def test_the_letters_of_a_table_without_headings_say_nothing_about_its_columns() -> None:
    rows = [tuple(f"Is {row} in {column} right?" for column in range(17)) for row in range(3)]  # columns A to Q
    with pytest.raises(ProblemError) as error:
        read(delimited(rows).encode())
    assert keys(error) == ["data.no_headings"]


def test_a_formula_whose_value_was_not_saved_is_named_as_one() -> None:
    rows: list[list[object]] = [["question", "answer"], ["Sum?", "=1+1"], ["Where?", "Here."], ["Why?", None]]
    shaped = read(workbook(rows), "faq.xlsx")
    assert pairs_of(shaped) == [("Where?", "Here.")]
    assert [(issue.reason, issue.row) for issue in shaped.issues] == [
        ("empty_answer", 4), ("formula_without_value", 2),
    ]


def test_bytes_that_are_no_text_are_refused_with_the_line() -> None:
    with pytest.raises(ProblemError) as error:
        read(b"question,answer\nfine,fine\n\x80\x81\xfe\xff\x81\xad,\xa0\xfd\n")
    assert keys(error) == ["data.unknown_encoding"]
    assert error.value.problems[0].facts["line"] == 3


@pytest.mark.parametrize(
    ("content", "kind"),
    [(b"%PDF-1.7 ...", "pdf"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 old", "old_excel"), (b"\x89PNG\r\n", "picture")],
)
def test_files_of_another_kind_are_named(content: bytes, kind: str) -> None:
    with pytest.raises(ProblemError) as error:
        read(content)
    assert error.value.problems[0].facts["kind"] == kind


def test_a_workbook_gives_the_first_sheet_that_holds_something_with_its_row_numbers() -> None:
    rows = [["質問", "回答", None], ["いくつ？", 3.0], [None, None], ["いつ？", "明日"], ["割引は？", 0.5]]
    shaped = read(workbook([], [list(row) for row in rows], [["question", "answer"], ["a", "b"]]), "faq.xlsx")
    assert pairs_of(shaped) == [("いくつ？", "3"), ("いつ？", "明日"), ("割引は？", "0.5")]
    assert [example.row for example in shaped.examples] == [2, 4, 5]
    assert [(issue.reason, issue.row, issue.detail) for issue in shaped.issues] == [
        ("blank_row", 3, ""), ("other_sheets", None, "Sheet3"),
    ]


def test_a_hidden_sheet_waits_behind_the_visible_ones() -> None:
    content = workbook([["question", "answer"], ["old", "old"]], [["question", "answer"], ["new", "new"]], hidden=(0,))
    assert pairs_of(read(content, "a.xlsx")) == [("new", "new")]


def test_formulas_give_their_values_and_errors_name_their_row() -> None:
    content = workbook([["question", "answer"], ["sum?", 1234], ["lost?", "PLACEHOLDER"]])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            text = old.read(part)
            if part.filename.endswith("sheet1.xml"):
                text = text.replace(b"<v>1234</v>", b"<f>40+2</f><v>42</v>")
                cell = text[text.index(b'<c r="B3"'):]
                cell = cell[: cell.index(b"</c>") + 4]
                text = text.replace(cell, b'<c r="B3" t="e"><f>A9/0</f><v>#DIV/0!</v></c>')
            new.writestr(part.filename, text)
    shaped = read(out.getvalue(), "a.xlsx")
    assert pairs_of(shaped) == [("sum?", "42")]
    assert [(issue.reason, issue.row, issue.detail) for issue in shaped.issues] == [("formula_error", 3, "#DIV/0!")]


def test_a_damaged_workbook_and_a_word_file_are_refused() -> None:
    good = workbook([["question", "answer"], ["a", "b"]])
    for content in (good[: len(good) // 2], good[:100]):
        with pytest.raises(ProblemError) as error:
            read(content, "a.xlsx")
        assert keys(error) == ["data.broken_workbook"]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    with pytest.raises(ProblemError) as error:
        read(out.getvalue(), "a.docx")
    assert error.value.problems[0].facts["kind"] == "zip"


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(limits.MAX_UNPACKED_BYTES // 10_000_000 + 1):
                part.write(b" " * 10_000_000)
    assert len(out.getvalue()) < 2_000_000
    start = time.process_time()
    with pytest.raises(ProblemError) as error:
        read(out.getvalue(), "a.xlsx")
    assert keys(error) == ["data.too_big"]
    assert time.process_time() - start < 1.0


def test_too_many_bytes_and_rows_are_refused() -> None:
    with pytest.raises(ProblemError) as error:
        read(b"x" * (limits.MAX_BYTES + 1))
    assert keys(error) == ["data.too_big"]
    for content, name in ((b"question,answer\n" + b"a,b\n" * (limits.MAX_ROWS + 1), "a.csv"),
                          (b'{"q":1,"a":2}\n' * (limits.MAX_ROWS + 1), "a.jsonl")):
        with pytest.raises(ProblemError) as error:
            read(content, name)
        assert keys(error) == ["data.too_many_rows"]


@pytest.mark.slow
def test_thirty_megabytes_are_read_within_seconds() -> None:
    row = b'"' + b"question " * 50 + b'","' + b"answer " * 50 + b'"\n'
    content = b"question,answer\n" + row * (30_000_000 // len(row))
    start = time.process_time()
    assert len(read(content).examples) == 30_000_000 // len(row)
    assert time.process_time() - start < 20


def test_a_cell_of_endless_length_loses_its_row_only() -> None:
    long = "x" * (limits.MAX_CELL + 1)
    for content, name in ((f"question,answer\na,{long}\nb,c\n", "a.csv"),
                          (json.dumps([{"q": "a", "a": long}, {"q": "b", "a": "c"}]), "a.json")):
        shaped = read(content.encode(), name)
        assert pairs_of(shaped) == [("b", "c")]
        assert [issue.reason for issue in shaped.issues] == ["cell_too_long"]


@pytest.mark.parametrize("content", [b"", b"  \n\t\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b",,\n,,\n", b"[]"])
def test_nothing_in_it_is_said_as_such(content: bytes) -> None:
    with pytest.raises(ProblemError) as error:
        read(content)
    assert keys(error) == ["data.empty_file"]


def test_headings_alone_are_no_data() -> None:
    with pytest.raises(ProblemError) as error:
        read("質問,回答\n".encode())
    assert keys(error) == ["data.only_headings"]
    assert error.value.problems[0].facts["columns"] == ["質問", "回答"]


def test_a_title_above_the_headings_is_skipped_and_named() -> None:
    shaped = read("社内FAQ 2024年版,,\n,,\nNo,質問,回答\n1,どこ？,ここ\n".encode())
    assert pairs_of(shaped) == [("どこ？", "ここ")]
    assert shaped.examples[0].row == 4
    assert [(issue.reason, issue.row, issue.detail) for issue in shaped.issues] == [
        ("above_headings", 1, ""), ("unused_column", None, "No"),
    ]


def test_ragged_rows_are_named_and_trailing_empty_cells_forgiven() -> None:
    shaped = read(b"question,answer\na,b,,\nc\nd,e,and more\n\nf,g\n\n\n")
    assert pairs_of(shaped) == [("a", "b"), ("f", "g")]
    assert [(issue.reason, issue.row) for issue in shaped.issues] == [
        ("blank_row", 5), ("empty_answer", 3), ("too_many_cells", 4),
    ]


def test_rows_after_quoted_line_breaks_keep_the_number_of_a_spreadsheet() -> None:
    shaped = read(b'question,answer\n"two\nlines","three\n\nlines"\nlast,one\n')
    assert [(example.row, example.question) for example in shaped.examples] == [(2, "two\nlines"), (3, "last")]


def test_a_quote_that_never_closes_is_named_by_its_row() -> None:
    with pytest.raises(ProblemError) as error:
        read(b'question,answer\na,b\nc,"d\ne,f\ng,h\n')
    assert keys(error) == ["data.open_quote"]
    assert error.value.problems[0].facts["row"] == 3


def test_loose_quotes_inside_a_cell_are_text() -> None:
    shaped = read(b'question,answer\nwhat is a 5" screw?,a screw of 5" length\n"q" here,fine\n')
    assert pairs_of(shaped)[0] == ('what is a 5" screw?', 'a screw of 5" length')


def test_excels_own_separator_line_is_obeyed_and_counted() -> None:
    shaped = read(b"sep=;\nquestion;answer\nwhere, exactly?;here\n")
    assert [(example.row, example.question) for example in shaped.examples] == [(3, "where, exactly?")]


def test_commas_in_the_text_do_not_win_over_semicolons() -> None:
    rows = "".join(f"Well, is it {n}, {n}, or {n}?;Yes, it is, of course, {n}\n" for n in range(30))
    assert len(read(f"question;answer\n{rows}".encode()).examples) == 30


def test_json_that_is_no_list_is_refused() -> None:
    for text in ('{"name": "x", "size": 3}', '"text"', "42", '["a", "b"]', "[1, 2]"):
        with pytest.raises(ProblemError) as error:
            read(text.encode(), "a.json")
        assert keys(error) == ["data.not_a_list"], text


def test_a_list_inside_an_object_is_found() -> None:
    assert len(read(b'{"data": [{"question": "a", "answer": "b"}], "version": 2}', "a.json").examples) == 1


def test_broken_json_is_named_by_line_and_character() -> None:
    with pytest.raises(ProblemError) as error:
        read(b'[\n {"question": "a", "answer": "b"},\n {"question": "a" "answer": "b"}\n]', "a.json")
    assert keys(error) == ["data.broken_json"]
    assert error.value.problems[0].facts["line"] == 3


def test_one_broken_line_of_jsonl_is_named_and_the_others_are_used() -> None:
    lines = [json.dumps({"prompt": f"q{n}", "completion": f"a{n}"}) for n in range(1, 13)]
    lines[6] = lines[6][:-4]
    shaped = read("\n".join(lines).encode(), "a.jsonl")
    assert [example.row for example in shaped.examples] == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]
    assert [(issue.reason, issue.row) for issue in shaped.issues] == [("not_json", 7)]


def test_jsonl_of_which_nothing_is_json_is_refused() -> None:
    with pytest.raises(ProblemError) as error:
        read(b"hello\nworld\n", "a.jsonl")
    assert keys(error) == ["data.not_jsonl"]
    assert error.value.problems[0].facts["rows"] == [1, 2]


@pytest.mark.parametrize("name", ["deep.json", "deep.jsonl"])
def test_json_nested_a_hundred_thousand_times_is_refused(name: str) -> None:
    with pytest.raises(ProblemError) as error:
        read(b'{"question":' + b"[" * 100_000 + b"]" * 100_000 + b"}", name)
    assert keys(error) == ["data.too_deep"]


def test_a_number_of_ten_thousand_digits_is_refused_not_crashed() -> None:
    with pytest.raises(ProblemError):
        read(b'[{"question": 1' + b"0" * 10_000 + b', "answer": 1}]', "a.json")


def test_half_a_character_loses_its_row_only() -> None:
    shaped = read(b'[{"question": "a\\ud83d", "answer": "b"}, {"question": "c", "answer": "d"}]', "a.json")
    assert pairs_of(shaped) == [("c", "d")]
    assert [(issue.reason, issue.row) for issue in shaped.issues] == [("broken_characters", 1)]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/dev/zero", "a\x00b.csv", "x" * 5_000, "", "質問 一覧.CSV"])
def test_a_name_is_never_a_path(name: str) -> None:
    assert pairs_of(read(b"question,answer\na,b\n", name)) == [("a", "b")]


GOOD_FILES = [
    delimited([("質問", "回答"), *PAIRS]).encode(),
    delimited([("質問", "回答"), *PAIRS]).encode("cp932"),
    delimited([("question", "answer"), *PAIRS], ";").encode("utf-16"),
    json.dumps([{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}] * 3).encode(),
    b"\n".join(json.dumps({"prompt": q, "completion": a}).encode() for q, a in PAIRS),
    workbook([["question", "answer"], ["a", "b"], ["c", 3]]),
]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused_and_never_crash(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(GOOD_FILES)))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 8))
        content[place:place + length] = data.draw(st.binary(max_size=8))
    name = data.draw(st.sampled_from(["a.csv", "a.tsv", "a.json", "a.jsonl", "a.xlsx", ""]))
    with contextlib.suppress(ProblemError):
        read(bytes(content), name)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "ignore"))))
def test_any_bytes_are_read_or_refused_and_never_crash(content: bytes) -> None:
    with contextlib.suppress(ProblemError):
        read(content)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8),
    st.sampled_from([",", "\t", ";"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_whatever_a_spreadsheet_writes_comes_back(
    pairs: list[tuple[str, str]], delimiter: str, encoding: str
) -> None:
    content = delimited([("question", "answer"), *pairs], delimiter).encode(encoding)
    assert pairs_of(read(content)) == pairs
