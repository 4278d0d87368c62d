"""Every problem that ends a job has its sentence in both languages, with the facts that the worker gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.phrases import say

ROOT = Path(__file__).parents[2]
FACTS = {"model": "onsa-tiny", "job": 3, "reference": "ab12cd34"}
"""What the worker adds to every problem's own facts."""
OWN = {"disk_unwritable": {"folder": "/home/x"}, "disk_full": {"folder": "/home/x"}, "stalled": {"waited_s": 1800.0},
       "died": {"code": -6}, "no_memory": {"code": -9}, "no_process": {"error": "OSError"}}


def raised() -> set[str]:
    """Keys of the problems that stand in the code of the rooms around the runner."""
    sources = [path.read_text("utf-8") for room in ("worker", "runners", "train") for path in
               (ROOT / "tuner" / room).glob("*.py") if path.name != "scripted.py"]
    named = re.compile(r'(?:key ?= ?|return |else )"((?:runner|worker)\.\w+)"')
    return {key for source in sources for key in named.findall(source)}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_problem_that_ends_a_job_has_its_sentence(language: str) -> None:
    keys = raised()
    assert {"runner.model_missing", "runner.no_memory", "runner.disk_full", "worker.unexpected"} <= keys
    for key in keys:
        facts = {**FACTS, **OWN.get(key.partition(".")[2], {})}
        assert len(say(f"problems.{key}", language, facts)) > 20  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_file_that_is_refused_is_named_where_it_is_known(language: str) -> None:
    named = say("problems.runner.model_unsafe", language, {**FACTS, "file": "pytorch_model.bin"})  # type: ignore[arg-type]
    assert "pytorch_model.bin" in named
    assert "pytorch_model" not in say("problems.runner.model_unsafe", language, FACTS)  # type: ignore[arg-type]
