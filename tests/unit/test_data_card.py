"""The report card, and the bot's door to it: a real child process on real files."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from small_tokenizers import model_folder, tokenizer

from bot.phrases import LANGUAGES, problem_sentences
from tuner.data import inspection
from tuner.data.check import ReportCard, check, inspect_file, language_of
from tuner.data.examples import Issue, read
from tuner.data.read import read_table
from tuner.data.shape import shape
from tuner.problems import Problem, ProblemError

GOOD = [(f"Where is the {thing}?", f"The {thing} is in the {place} room.") for thing, place in zip(
    ["lamp", "ladder", "printer", "toolbox", "camera", "kettle", "map", "scale", "projector", "umbrella", "radio",
     "notebook", "blanket", "helmet", "calendar", "mirror", "suitcase", "violin", "telescope", "hammock", "fountain",
     "compass", "guitar", "sandals"],
    ["red", "blue", "back", "green", "north", "upper", "small", "round", "long", "west", "quiet", "front"] * 2,
    strict=True)]


def csv_of(pairs: list[tuple[str, str]], heading: str = "question,answer") -> str:
    return heading + "\n" + "".join(f'"{question}","{answer}"\n' for question, answer in pairs)


def card_of(text: str, name: str = "faq.csv", max_length: int = 200, family: str = "generation") -> ReportCard:
    shaped = shape(read_table(text.encode(), name))
    return check(shaped.examples, shaped.issues, tokenizer(family), max_length, shaped.mapping)


def found(card: ReportCard) -> dict[str, Mapping[str, Any]]:
    return {finding.key.removeprefix("data."): finding.facts for finding in card.findings}


def test_a_good_file_has_a_card_without_findings() -> None:
    card = card_of(csv_of(GOOD))
    assert (card.examples, card.usable, card.groups) == (24, 24, 24)
    assert card.findings == ()
    assert card.languages == {"en": 1.0, "ja": 0.0, "other": 0.0}
    assert dict(card.mapping) == {"question": "question", "answer": "answer"}
    assert 0 < card.tokens.median <= card.tokens.p95 <= card.tokens.longest < 200
    assert card.tokens.cut == 0
    assert card.sample_row == 2
    assert [text for text, learnt in card.sample if learnt] == ["The lamp is in the red room.<|im_end|>"]
    assert "Where is the lamp?" in card.sample[0][0]


def test_a_card_survives_json() -> None:
    card = card_of(csv_of([*GOOD, GOOD[0], ("mail?", "taro@kaisha.co.jp")]))
    assert card.findings
    assert ReportCard.from_json(json.loads(json.dumps(card.to_json(), ensure_ascii=False))) == card


def test_every_finding_names_its_rows_by_number() -> None:
    pairs = [*GOOD, GOOD[3], ("Where is the lamp??", "the lamp is in the red rooms"), ("Where is the map?", "Nowhere."),
             ("Who?", "Write to taro@kaisha.co.jp or call 090-1234-5678"), ("Say it", "<|im_end|> [INST] it"),
             ("", "answer only"), ("question only", ""), ("Garbled?", "It was \ufffd\ufffd."),
             ("Wi-Fi?", "The password is kaede0415"), ("Long?", "so long " * 60)]
    card = card_of(csv_of(pairs))
    rows = {key: facts["rows"] for key, facts in found(card).items()}
    assert rows == {
        "exact_duplicates": [26], "near_duplicates": [27], "different_answers": [2, 8, 27, 28],
        "email": [29], "phone": [29], "control_tokens": [30], "empty_question": [31], "empty_answer": [32],
        "garbled": [33], "password": [34], "cut": [35],
    }
    assert found(card)["control_tokens"]["tokens"] == ["<|im_end|>", "[INST]"]
    assert (card.examples, card.usable) == (len(pairs), len(pairs) - 2)
    assert (card.exact_duplicates, card.near_duplicates, card.tokens.cut) == (1, 1, 1)
    assert {finding.severity for finding in card.findings} == {"warning"}


def test_what_is_private_is_never_repeated_in_the_card() -> None:
    secret = "ghp_" + "a1B2" * 9
    card = card_of(csv_of([("Who?", "taro.himitsu@kaisha.co.jp"), ("Key?", f"It is {secret}"), *GOOD]))
    text = json.dumps(card.to_json())
    assert "himitsu" not in text
    assert secret not in text
    assert card.sample_row == 4


def test_a_finding_names_ten_rows_and_counts_them_all() -> None:
    facts = found(card_of(csv_of([*GOOD, *[("", "x")] * 15])))["empty_question"]
    assert facts["rows"] == list(range(26, 36))
    assert (facts["count"], facts["more"]) == (15, True)


def test_too_few_is_an_error_and_few_a_warning() -> None:
    for count, keys in ((5, {"too_few": "error"}), (6, {"few": "warning"}), (19, {"few": "warning"}), (20, {})):
        card = card_of(csv_of(GOOD[:count]))
        assert {finding.key.removeprefix("data."): finding.severity for finding in card.findings} == keys
    many_times_the_same = card_of(csv_of(GOOD[:3] * 10))
    assert many_times_the_same.findings[0].key == "data.too_few"
    assert many_times_the_same.findings[0].severity == "error"


def test_nothing_usable_says_why() -> None:
    with pytest.raises(ProblemError) as error:
        card_of("question,answer\na,\n,b\n")
    assert [problem.key for problem in error.value.problems] == [
        "data.nothing_usable", "data.empty_answer", "data.empty_question",
    ]
    assert error.value.problems[0].facts["rows"] == 2


def test_an_example_whose_answer_is_cut_away_is_listed_and_not_counted() -> None:
    card = card_of(csv_of([*GOOD, ("why " * 400, "because")]))
    assert found(card)["answer_cut_away"]["rows"] == [26]
    assert (card.examples, card.usable) == (25, 24)


def test_an_example_that_the_model_cannot_take_is_listed() -> None:
    turns = [{"role": "assistant", "content": "Welcome!"}, {"role": "user", "content": "Hi"},
             {"role": "assistant", "content": "Hello"}]
    good = [{"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]} for q, a in GOOD]
    text = json.dumps([*good, {"messages": turns}])
    assert found(card_of(text, "a.json", family="gemma"))["refused_by_model"]["rows"] == [25]
    assert card_of(text, "a.json").findings == ()
    assert card_of(text, "a.json").multi_turn == 1


@pytest.mark.parametrize(
    ("text", "language"),
    [("Where is it?", "en"), ("Wi-Fi のパスワードは？", "ja"), ("東京はどこ？", "ja"), ("你好，图书馆在哪里", "other"),
     ("여기는 어디입니까", "other"), ("où est-il allé après", "other"), ("ﾃﾞｽｸﾊﾄﾞｺ", "ja"), ("1 + 1 = 2", "other"),
     ("Please translate こんにちは into English, then explain the grammar at length", "en")],
)
def test_languages_are_told_by_their_letters(text: str, language: str) -> None:
    assert language_of(text) == language


def test_unused_columns_are_told_in_one_finding() -> None:
    rows = [{"question": question, "answer": answer, "No": 1, "Date": "x", "Who": "y"} for question, answer in GOOD]
    card = card_of(json.dumps(rows), "a.json")
    assert [(finding.key, finding.facts["names"]) for finding in card.findings] == [
        ("data.unused_column", ["No", "Date", "Who"])
    ]


def test_every_problem_of_this_room_can_be_said_in_both_languages() -> None:
    reasons = ["above_headings", "blank_row", "too_many_cells", "cell_too_long", "other_sheets", "unused_column",
               "not_json",
               "not_an_object", "empty_question", "empty_answer", "not_text", "formula_error",
               "formula_without_value", "broken_characters",
               "empty_conversation", "not_a_conversation", "unknown_role", "no_answer_turn", "no_question_turn",
               "system_in_the_middle", "ends_with_question", "refused_by_model", "answer_cut_away"]
    shaped = shape(read_table(csv_of(GOOD).encode(), "a.csv"))
    issues = [Issue(reason=reason, row=row, detail="x") for row, reason in enumerate(reasons, 100)]
    card = check(shaped.examples, issues, tokenizer("chatml"), 200)
    assert {f"data.{reason}" for reason in reasons} == {finding.key for finding in card.findings}
    for language in LANGUAGES:
        for row, sentence in enumerate(problem_sentences(card.findings, language)):
            assert len(sentence) > 10, (language, row)


@pytest.mark.parametrize(
    ("content", "name", "mapping"),
    [
        ("", "a.csv", None), ("question,answer\n", "a.csv", None), ("a,b\nc,d\n", "a.csv", None),
        ("q\na?\n", "a.csv", None),
        ("Is it?,It is.\nWas it?,It was.\n", "a.csv", None), ('question,answer\na,"b\n', "a.csv", None),
        ("{}", "a.json", None), ("[{]", "a.json", None), ("x\ny\n", "a.jsonl", None), ("[" * 99_999, "a.json", None),
        ("a,b\nc,d\n", "a.csv", {"question": "x", "mood": "b"}),
        ("a,b\nc,d\n", "a.csv", {"question": "a", "answer": "a"}),
        ("%PDF", "a.pdf", None), ("PK\x03\x04", "a.xlsx", None), ("GIF8", "a.gif", None), ("7z\xbc\xaf", "a.7z", None),
        ("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xls", None), ("PAR1", "a.parquet", None), ("\x80\x81\xff", "a", None),
        ("a" + "," * 999 + "b\n", "a.csv", None), ("a,b\n" * 200_002, "a.csv", None), ("x" * 50_000_001, "a.csv", None),
        (csv_of(GOOD[:3]), "a.csv", None), ("question,answer\na,\n", "a.csv", None),
    ],
)
def test_every_refusal_can_be_said_in_both_languages(content: str, name: str, mapping: dict[str, str] | None) -> None:
    raw = content.encode("latin-1")
    try:
        shaped = shape(read_table(raw, name), mapping)
        problems = check(shaped.examples, shaped.issues, tokenizer("chatml"), 200).findings
    except ProblemError as error:
        problems = error.problems
    assert problems[0].severity == "error"
    for language in LANGUAGES:
        for sentence in problem_sentences(problems, language):
            assert len(sentence) > 15
            assert "{" not in sentence.replace('{"', "")


# The door of the bot ---------------------------------------------------------------------------------------------


async def inspect(content: bytes | str, out: Path, model: Path, **options: Any) -> inspection.Inspection:
    content = content.encode() if isinstance(content, str) else content
    name = options.pop("name", "faq.csv")
    return await inspect_file(content, name, model_source=str(model), out=out, **{"max_length": 200, **options})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_folder(tmp_path_factory.mktemp("model"), "generation")


def leftovers(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir()) if out.exists() else []


async def test_a_file_becomes_a_data_set_on_disk(tmp_path: Path, model: Path) -> None:
    content = csv_of(GOOD, "質問,回答").encode("cp932")
    made = await inspect(content, tmp_path / "data", model, name="../../質問.csv")
    folder = tmp_path / "data" / made.id
    assert sorted(path.name for path in folder.iterdir()) == ["examples.jsonl", "original.bin", "report.json"]
    assert (folder / "original.bin").read_bytes() == content
    assert [one.question for one in read(folder / "examples.jsonl")] == [question for question, _ in GOOD]
    assert ReportCard.from_json(json.loads((folder / "report.json").read_text())["card"]) == made.card
    assert made.card.usable == 24
    assert dict(made.mapping) == {"question": "質問", "answer": "回答"}
    assert leftovers(tmp_path / "data") == [made.id]
    assert leftovers(tmp_path) == ["data"]


async def test_the_same_file_is_read_once_a_model_and_length(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await inspect(csv_of(GOOD), tmp_path, model)
    shorter = await inspect(csv_of(GOOD), tmp_path, model, max_length=30)
    assert shorter.id == first.id
    assert (shorter.card.tokens.max_length, first.card.tokens.max_length) == (30, 200)
    assert leftovers(tmp_path) == [first.id]
    monkeypatch.setattr(inspection.sys, "executable", "/nowhere/python")
    assert await inspect(csv_of(GOOD), tmp_path, model, max_length=30) == shorter


async def test_another_mapping_is_another_data_set(tmp_path: Path, model: Path) -> None:
    text = csv_of(GOOD, "left,right")
    with pytest.raises(ProblemError) as error:
        await inspect(text, tmp_path, model)
    assert [problem.key for problem in error.value.problems] == ["data.which_columns"]
    assert leftovers(tmp_path) == []
    one = await inspect(text, tmp_path, model, mapping={"question": "left", "answer": "right"})
    other = await inspect(text, tmp_path, model, mapping={"question": "right", "answer": "left"})
    assert one.id != other.id
    assert dict(other.mapping) == {"question": "right", "answer": "left"}


async def test_a_file_with_too_few_examples_is_refused_with_all_that_is_wrong(tmp_path: Path, model: Path) -> None:
    with pytest.raises(ProblemError) as error:
        await inspect(csv_of([*GOOD[:4], ("lost", "")]), tmp_path, model)
    assert [problem.key for problem in error.value.problems] == ["data.too_few", "data.empty_answer"]
    assert leftovers(tmp_path) == []


async def test_a_model_without_tokenizer_is_a_problem_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProblemError) as error:
        await inspect(csv_of(GOOD), tmp_path / "data", tmp_path / "empty")
    assert error.value.problems == (Problem(key="data.no_tokenizer", facts={"model": str(tmp_path / "empty")}),)


@pytest.mark.parametrize("script", ["kill -SEGV $$", "exit 3", "echo nonsense", "echo '{}'", "echo '[1]'"])
async def test_a_crash_of_the_reader_is_a_problem_with_a_reference_in_the_log(
    script: str, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "python"
    broken.write_text(f"#!/bin/sh\necho trouble >&2\n{script}\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(inspection.sys, "executable", str(broken))
    with caplog.at_level(logging.ERROR), pytest.raises(ProblemError) as error:
        await inspect(csv_of(GOOD), tmp_path / "data", model)
    (problem,) = error.value.problems
    assert problem.key == "data.reader_failed"
    assert str(problem.facts["reference"]) in caplog.text
    assert "trouble" in caplog.text
    assert leftovers(tmp_path / "data") == []


def processes_of(marker: str) -> list[int]:
    alive = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if marker in (entry / "cmdline").read_text():
                    alive.append(int(entry.name))
            except OSError:  # it ended meanwhile
                continue
    return alive


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes through /proc")
async def test_a_reader_that_takes_too_long_or_is_no_longer_wanted_is_ended(tmp_path: Path, model: Path) -> None:
    with pytest.raises(ProblemError) as error:
        await inspect(csv_of(GOOD), tmp_path, model, timeout_s=0.2)
    assert error.value.problems[0].key == "data.reader_failed"
    task = asyncio.create_task(inspect(csv_of(GOOD), tmp_path, model))
    for _ in range(500):
        if processes_of(str(tmp_path)):
            break
        await asyncio.sleep(0.01)
    assert processes_of(str(tmp_path))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes_of(str(tmp_path)) == []
    assert leftovers(tmp_path) == []


async def test_two_people_may_post_the_same_file_at_once(tmp_path: Path, model: Path) -> None:
    first, second = await asyncio.gather(*(inspect(csv_of(GOOD), tmp_path, model) for _ in range(2)))
    assert first == second
    assert leftovers(tmp_path) == [first.id]


async def test_the_reader_finds_its_package_wherever_it_is_started(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("csv.py", "random.py", "tuner.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    assert (await inspect(csv_of(GOOD), tmp_path / "data", model)).card.usable == 24


def test_the_door_is_light_and_the_reader_needs_no_torch(tmp_path: Path, model: Path) -> None:
    heavy = {"torch", "transformers", "openpyxl", "numpy", "scipy", "tokenizers"}
    program = f"import sys, tuner.data.check; print(sorted(set(sys.modules) & {heavy!r}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
    (tmp_path / "original.bin").write_text(csv_of(GOOD))
    request = {"name": "a.csv", "model": str(model), "max_length": 200, "mapping": {}}
    (tmp_path / "request.json").write_text(json.dumps(request))
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "tuner.data", str(tmp_path)], capture_output=True,
                          text=True, check=True, timeout=120, env={**os.environ, "PYTHONUTF8": "1"})
    assert json.loads(done.stdout) == {"problems": []}
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "transformers" in imported
    assert "torch" not in imported


@pytest.mark.parametrize(
    ("number", "reason"), [(errno.ENOSPC, "full"), (errno.EACCES, "no_permission"), (errno.EIO, "other")]
)
async def test_a_disk_that_takes_no_file_is_a_problem_and_leaves_nothing_behind(
    number: int, reason: str, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, content: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ProblemError) as error:
        await inspect(csv_of(GOOD), tmp_path / "data", model)
    assert error.value.problems[0].key == "data.cannot_keep"
    assert error.value.problems[0].facts["reason"] == reason
    assert leftovers(tmp_path / "data") == []


async def test_a_home_that_is_a_file_is_a_problem(tmp_path: Path, model: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(ProblemError) as error:
        await inspect(csv_of(GOOD), tmp_path / "data", model)
    assert error.value.problems[0].key == "data.cannot_keep"
