"""The `onsa` command answers at once, loads nothing heavy, and says clearly when a home cannot be used."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bot.language.parser import parse

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "transformers", "peft", "optuna", "matplotlib", "discord", "aiohttp", "numpy")


def _python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, cwd=ROOT
    ).stdout


@pytest.mark.parametrize("arguments", [["--help"], ["parse", "tune lr between 1e-5 and 1e-3"]])
def test_light_commands_load_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys, bot.__main__ as m\n"
        f"try: m.app({arguments!r})\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert _python(code).strip().splitlines()[-1] == "[]"


def test_the_desk_loads_no_heavy_library() -> None:
    code = f"import sys, bot.desk, bot.watch, bot.console.run\nprint([n for n in {HEAVY[:4]!r} if n in sys.modules])"
    assert _python(code).strip() == "[]"


def test_parse_prints_one_object() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "parse", "tune lr between 1e-5 and 1e-3"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == {"intent": "tune", "space": {"learning_rate": {"low": 1e-5, "high": 1e-3}}}


def test_parse_reads_lines_of_json_and_answers_each_in_order() -> None:
    lines = ['"tune lr between 1e-5 and 1e-3"', '{"text": "ヘルプ"}', "no json at all", '"stop the job"']
    done = subprocess.run(
        [sys.executable, "-m", "bot", "parse", "--jsonl"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [json.loads(line)["intent"] for line in done.stdout.splitlines()] == ["tune", "help", "unknown", "stop"]


def _readme_sentences() -> list[str]:
    blocks = re.findall(r"```onsa\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    own_words = {"start", "wait", "開始", "待つ"}
    follow_ups = {"make it 20 trials", "and dropout 0 to 0.2 too"}
    return [line for block in blocks for line in block.splitlines() if line and line not in own_words | follow_ups]


@pytest.mark.parametrize("sentence", _readme_sentences())
def test_every_sentence_of_the_readme_is_understood(sentence: str) -> None:
    assert parse(sentence).intent != "unknown"


@pytest.mark.skipif(
    os.geteuid() != 0 and not os.access("/proc", os.R_OK), reason="needs /proc as a folder nobody can write"
)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_an_unusable_home_gives_a_clear_message(language: str, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a folder")
    for home in ("/proc/onsa", str(blocker)):
        done = subprocess.run(
            [sys.executable, "-m", "bot", "console", "--home", home, "--language", language],
            input="help\n",
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert home in done.stdout
        assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0", "--no-token"), "--host 127.0.0.1"),
        (("--port", "{taken}"), "Choose another one with `--port`"),
        (("--host=203.0.113.9",), "cannot listen on 203.0.113.9"),
    ],
)
def test_a_server_that_cannot_serve_as_asked_says_what_to_change(
    options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "bot", "serve", "--home", str(tmp_path),
             *(option.format(taken=port) for option in options)],
            capture_output=True, text=True, timeout=120, check=False,
        )
    assert (done.returncode, done.stderr) == (1, "")
    assert words in done.stdout
