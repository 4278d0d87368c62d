"""While the best ones are trained again, every front says so, and counts none of it among the tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from worker_jobs import Launches, plan, submit

from bot import watch
from bot.phrases import Language
from bot.replies import Progress, Text
from bot.tally import Tally
from tuner.events import RepeatFinished, RepeatStarted, TestScored, TrialFinished, TrialStarted
from tuner.store import Store
from tuner.worker import run


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path) as opened:
        yield opened


async def heard(store: Store, language: Language) -> list[Any]:
    """What a front says of a whole job with four tries and four repeats."""
    job = await submit(store, plan(trials=4, confirm=1))
    async with asyncio.timeout(60):
        await run(store.home, once=True, runner_factory=Launches())
        return [reply async for reply in watch.follow(store, job, language, store.home, clock=lambda: 0.0, poll_s=0.01)]


@pytest.mark.parametrize(("language", "checking", "again"), [
    ("en", "All 4 done; now checking the best ones again ({} of 4)", "with another seed had loss"),
    ("ja", "全4回終了・良かった設定をもう一度確かめています（4回中{}回目）", "別のシード値では"),
])
async def test_the_live_line_tells_what_is_checked_and_how_it_went(
    store: Store, language: Language, checking: str, again: str
) -> None:
    replies = await heard(store, language)
    lines = [reply.text for reply in replies if isinstance(reply, Progress)]
    for place in (1, 2, 3, 4):
        assert any(line.startswith(checking.format(place)) for line in lines)
    told = [reply.text for reply in replies if isinstance(reply, Text) and again in reply.text]
    assert len(told) == 4
    parts = [reply.done for reply in replies if isinstance(reply, Progress)]
    assert parts == sorted(parts), "the bar never goes back"


async def test_repeats_move_the_bar_and_count_as_no_tries(store: Store) -> None:
    job = await submit(store, plan(trials=2, confirm=1))
    live = Tally(job=job)
    for number in (0, 1):
        live.take(TrialStarted(number=number, settings={}), 10.0 * number)
        live.take(TrialFinished(number=number, state="complete", value=1.0, cause="", best=False), 10.0 * number + 10)
    assert (live.done, live.left_s) == (2, 40.0), "four repeats are still to come"
    live.take(RepeatStarted(number=1_000_001, repeat_of=1, done=0, repeats=4), 20.0)
    ended = RepeatFinished(number=1_000_001, repeat_of=1, state="complete", value=0.5, cause="", done=1, repeats=4)
    live.take(ended, 30.0)
    assert (live.done, live.best, live.left_s) == (2, 1.0, 30.0)
    live.take(TestScored(subject="base", right=0, count=1), 70.0)
    assert live.is_testing
    assert not live.is_confirming
