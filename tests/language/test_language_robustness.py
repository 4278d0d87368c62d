"""No text raises, none takes long, and the work grows no faster than the text."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from types import ModuleType

import pytest
from language_judging import cases

from bot.language.dialogue.answers import Expecting, parse_answer
from bot.language.dialogue.followups import parse_followup
from bot.language.jsonl import lines
from bot.language.parser import parse


def _benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "language_benchmark", Path(__file__).parents[2] / "benchmarks" / "language.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BENCHMARK = _benchmark()
LIMIT_S, random_strings = BENCHMARK.LIMIT_S, BENCHMARK.random_strings
TEXTS = [case["text"] for case in cases()]
UNITS = (
    "tune lr 1e-5 to ",
    "学習率を1e-5から",
    "1,",
    "[1, ",
    "「",
    '"a',
    "'a b' ",
    "aaaa.",
    "のcsv.",
    "one e minus ",
    "ask it ",
    "試行1と",
    "twenty ",
    "かける10の",
    "分の1",
    "learnin rat ",
    "not ",
    "漢",
    "ア",
    "9",
    " ",
    "\u200b",
    "a-",
    "minus ",
    "マイナス",
    "たら",
    "say hi to ",
    "モデルに",
    "1/",
    "half an ",
    "x.csv ",
    "😀",
    "(1",
    "lr<",
    "1<",
)


def _work_s(text: str) -> float:
    best = 1.0
    for _ in range(3):
        started = time.process_time()
        parse(text)
        best = min(best, time.process_time() - started)
    return best


def test_random_and_mutated_strings_never_raise_and_never_take_long() -> None:
    parse("tune lr")
    slow = []
    for text in random_strings(TEXTS, 800, seed=11):
        started = time.process_time()
        parse(text)
        if time.process_time() - started > LIMIT_S and _work_s(text) > LIMIT_S:
            slow.append(text[:60])
    assert slow == []


@pytest.mark.parametrize("unit", UNITS)
def test_four_times_the_text_takes_at_most_little_more_than_four_times_as_long(unit: str) -> None:
    parse("tune lr")
    short = _work_s((unit * 1000)[:1000])
    long = _work_s((unit * 4000)[:4000])
    assert long < max(8 * short, 0.01)
    assert long < LIMIT_S


def test_answers_and_follow_ups_never_raise() -> None:
    kinds = (
        Expecting(kind="yes_no"),
        Expecting(kind="values", knob="learning_rate"),
        Expecting(kind="choice", options=("a", "b")),
    )
    for text in random_strings(TEXTS, 200, seed=5):
        parse_followup(text)
        for kind in kinds:
            parse_answer(text, kind)


def test_a_bad_line_in_the_pipe_still_yields_one_object() -> None:
    given = [
        '"stop job 3"',
        '{"text": "ジョブ3を止めて", "id": 1}',
        "not json",
        "{}",
        "[1]",
        '{"text": 5}',
        "",
        '"' + "[" * 900 + '"',
        "[" * 5000,
    ]
    got = [json.loads(line) for line in lines(given)]
    assert got[:2] == [{"intent": "stop", "job": 3}, {"intent": "stop", "job": 3}]
    assert [one["intent"] for one in got[2:]] == ["unknown"] * 6


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "\x00",
        "\u200b",
        "?",
        "。",
        "🎸",
        "1e999 to 1e-999",
        "lr 1e400",
        "lr " + "9" * 400,
        "#" * 50,
        "job 99999999999999999999999999",
        "trial 1e300",
        "試行" + "九" * 50,
        "lr ½",
        "lr NaN",
        "İ",
        "ß" * 50,
    ],
)
def test_odd_texts_give_a_command_that_json_can_hold(text: str) -> None:
    assert json.loads(next(iter(lines([json.dumps(text)]))))["intent"]
