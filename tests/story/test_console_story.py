"""The whole way through the console, as a person at a pipe: sentence, plan, real training, report, chat."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))  # the tiny models that unit tests make

from tiny_models import save_model

from tuner.embedded import sample_path

pytestmark = pytest.mark.slow

LIMIT_S = 420


def _console(
    home: Path, lines: list[str], *options: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", "console", "--home", str(home), *options],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        check=False,
    )


def _children_of(home: Path) -> list[psutil.Process]:
    return [
        process for process in psutil.process_iter(["cmdline"]) if str(home) in " ".join(process.info["cmdline"] or [])
    ]


def test_an_english_speaker_tunes_and_talks(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_bytes(sample_path("en").read_bytes())
    home = tmp_path / "home"
    done = _console(
        home,
        [
            "use my.csv",
            "tune lr between 1e-4 and 1e-3 with 2 trials",
            "start",
            "wait",
            'compare "where do I leave a broken bike?"',
            "left",
            "compare side by side",
            "ask the best one: where do I leave a broken bike?",
            "why did trial 1 go that way?",
            "what is a learning rate?",
        ],
        cwd=tmp_path,
    )
    said = done.stdout
    assert done.returncode == 0, done.stderr
    assert "Nothing has started yet" in said
    assert "Try 0 (default settings): loss" in said
    assert re.search(r"== Job 1: the result ==", said)
    right = re.search(r"best try: (\d+) of (\d+) right", said) or re.search(
        r"default settings: (\d+) of (\d+) right", said
    )
    base = re.search(r"untouched model: (\d+) of (\d+) right", said)
    assert right is not None
    assert base is not None
    assert int(right[1]) > int(base[1])
    pictures = re.findall(r"\[(/[^\]]+\.png)\]", said)
    assert pictures
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in pictures)
    assert "Which answer is better?" in said
    assert re.search(r"You voted: left is better\.\n(Left|Right): ", said)
    assert "The same test questions to both" in said
    assert re.search(r"Tuned model \(job 1, try \d\): \S+", said)
    assert _children_of(home) == []


def test_a_japanese_speaker_tunes_and_talks(tmp_path: Path) -> None:
    (tmp_path / "質問集.csv").write_bytes(sample_path("ja").read_bytes())
    home = tmp_path / "home"
    done = _console(
        home,
        [
            "質問集.csvを使って",
            "学習率を1e-4から1e-3で、2回調整して。確認の再学習はなしで",
            "開始",
            "待つ",
            "比べて",
            "一番いいモデルに「壊れた自転車はどこに置けばいいですか？」って聞いて",
            "学習率って何？",
        ],
        cwd=tmp_path,
    )
    said = done.stdout
    assert done.returncode == 0, done.stderr
    assert "まだ何も始めていません" in said
    assert "ジョブ1の結果" in said
    assert re.search(r"元のモデル：\d+問中\d+問正解", said)
    assert re.search(r"調整したモデル（ジョブ1・試行\d）: \S+", said)
    assert _children_of(home) == []


def test_yes_and_json_serve_programs(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = _console(
        home, [f"use {sample_path('en')}", "just one run with the default settings", "wait"], "--yes", "--json"
    )
    replies = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert any(reply["reply"] == "card" and reply["title"].startswith("Plan") for reply in replies)
    assert any(reply["reply"] == "progress" and reply["done"] == 1.0 for reply in replies)
    assert any(reply["reply"] == "card" and "result" in reply["title"] for reply in replies)


def test_a_second_console_goes_on_with_the_job_that_the_first_left(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = _console(home, [f"use {sample_path('en')}", "tune lr between 1e-4 and 1e-3 with 1 trials", "start"])
    assert "goes on the next time" in first.stdout
    second = _console(home, ["wait"])
    assert "Job 1: the result" in second.stdout


def test_a_model_folder_in_hub_format_is_tuned_like_the_embedded_one(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "my-model", "qwen2")
    rows = [f"What is the code of door {n}?,The code of door {n} is {n * 7}." for n in range(40)]
    (tmp_path / "doors.csv").write_text("question,answer\n" + "\n".join(rows), encoding="utf-8")
    done = _console(
        tmp_path / "home",
        [
            "use doors.csv",
            "tune lr between 1e-4 and 1e-2, 2 epochs, 2 trials",
            "start",
            "wait",
            "ask the best one: What is the code of door 3?",
        ],
        cwd=tmp_path,
        ONSA_MODEL=str(folder),
    )
    assert done.returncode == 0, done.stderr
    assert "Plan: tune my-model on doors.csv" in done.stdout
    assert "Job 1: the result" in done.stdout
    assert re.search(r"Tuned model \(job 1, try \d\): ", done.stdout)
