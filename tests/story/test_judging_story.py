"""Judging at the console, as a person at a pipe: blind questions, votes, leaderboard, a thumb, a correction, data."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))  # a prepared team
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "discord"))  # a chat server for tests

from chat_server import chatting
from desk_house import Clock, Person
from judging_house import with_data, with_job

from bot.console.session import CHANNEL, PERSON, TEAM
from bot.desk.context import Services
from bot.desk.door import Desk
from tuner.data.examples import read
from tuner.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    lines: tuple[str, ...]
    sees: tuple[str, ...]
    """In this order."""
    right: str


ENGLISH = Story(
    lines=("compare 2", "left", "the right one is better", "names", "leaderboard", "show me the leaderboard",
           "ask the best one: Where is the violin?", "👎 it should name the room", "correct the bad answers", "write",
           "The violin is in room 200.", "make", "tune it"),
    sees=("2 questions that nobody trained on", "Question 1 of 2: which answer is better?", "Left: ", "You voted",
          "Left: ", "Question 2 of 2", "Your vote is kept: right is better", "Leaderboard: 2 votes of 1 person",
          "All these votes are one person's", "it should name the room", "What should it have said?",
          "Where is the violin?", "1 corrected answer is ready", "faq-v2.jsonl is ready",
          "Plan: tune onsa-tiny on faq-v2.jsonl"),
    right="The violin is in room 200.",
)
JAPANESE = Story(
    lines=("2問で比べて", "左", "右がいい", "名前", "順位表を見せて",
           "一番いいモデルに「バイオリンはどこですか」って聞いて", "👎 部屋の名前がない", "悪い回答を直したい", "書く",
           "バイオリンは200号室です。", "作る", "調整して"),
    sees=("訓練に使っていない質問2問です", "2問中1問目", "あなたの投票：左が良い", "2問中2問目",
          "投票を受け付けました：右が良い", "順位表（2問、1人、2票）", "どれも一人の票です", "部屋の名前がない",
          "正しくは、どう答えるべきでしたか？", "直した回答が1件あります", "faq-v2.jsonlができました", "faq-v2.jsonl"),
    right="バイオリンは200号室です。",
)


@pytest.mark.parametrize(("story", "language"), [(ENGLISH, "en"), (JAPANESE, "ja")], ids=["english", "japanese"])
async def test_a_person_judges_rates_corrects_and_tunes_again(tmp_path: Path, story: Story, language: str) -> None:
    async with await Store.open(tmp_path) as store:
        clock = Clock()
        services = Services(store=store, home=tmp_path, chat=None, clock=clock)  # type: ignore[arg-type]
        person = Person(desk=Desk(services), store=store, clock=clock, team=TEAM, name=PERSON, channel=CHANNEL)
        await with_job(person, await with_data(person))
        await store.measure("seconds_per_token:onsa-tiny", 1e-5)
    async with chatting() as chat:
        chat.says = {"-trial-1": "In the blue shed.", "-base": "I cannot say."}
        said = await _console(tmp_path, story.lines, language, chat.url)
    at = 0
    for words in story.sees:
        assert words in said[at:], f"{words!r} must follow, got:\n{said[at:]}\n--- all:\n{said}"
        at = said.index(words, at)
    first = said[: said.index("[left]" if language == "en" else "[左]")]
    assert not [name for name in ("untouched", "try 1", "調整前", "試行1") if name in first]
    async with await Store.open(tmp_path) as store:
        assert len(await store.opinions.votes(TEAM)) == 2
        fresh = await store.dataset(TEAM, "faq-v2.jsonl")
        assert fresh is not None
        rows = await asyncio.to_thread(read, tmp_path / fresh.folder / "examples.jsonl")
        assert story.right in {row.answer for row in rows}
        assert len(await store.jobs(TEAM)) == 1, "nothing starts before it was confirmed"


async def _console(home: Path, lines: tuple[str, ...], language: str, chat_url: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "console", "--home", str(home), "--language", language,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ONSA_CHAT_URL": chat_url, "PYTHONPATH": str(ROOT)},
    )
    try:
        typed = ("\n".join(lines) + "\n").encode()
        out, err = await asyncio.wait_for(process.communicate(typed), LIMIT_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, err.decode()
    return out.decode()
