"""While the desk answers, its event loop reads no file, opens no database and never sleeps: an audit hook watches."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from desk_house import a_desk, button

from bot import watch
from bot.warm import warm_up

_WATCHED = ("open", "time.sleep", "sqlite3.connect")
_CODE = (".py", ".pyc", ".so")
_seen: list[str] = []
_watching = threading.Event()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching.is_set() or event not in _WATCHED or threading.current_thread() is not threading.main_thread():
        return
    if event == "open" and str(arguments[0]).endswith(_CODE):
        return  # importing code on first use
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    _seen.append(f"{event} {arguments[0]!r}")


sys.addaudithook(_audit)  # cannot be taken away again; it does nothing unless a test is watching


@contextmanager
def _blocking_calls() -> Iterator[list[str]]:
    _seen.clear()
    _watching.set()
    try:
        yield _seen
    finally:
        _watching.clear()


async def test_the_watch_sees_a_blocking_read(tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("x")
    with _blocking_calls() as blocking:
        (tmp_path / "file.txt").read_text()
    assert len(blocking) == 1


async def test_the_desk_never_blocks_its_event_loop(tmp_path: Path) -> None:
    await asyncio.to_thread(warm_up)
    async with a_desk(tmp_path) as person:
        await person.has_data()
        with _blocking_calls() as blocking:
            for text in (
                "help",
                "tune the dropout please",
                "1",
                "make it 20 trials instead",
                "ヘルプ",
                "status",
                "history",
                "what is a learning rate?",
                "学習率って何？",
                "the weather is nice",
                "best",
                "queue",
                "compare",
            ):
                await person.say(text)
            await person.press(button(await person.say("tune lr between 1e-5 and 1e-3"), "start"))
            await person.say("stop")
            (job,) = await person.store.jobs("team")
            async for _ in watch.follow(person.store, job, "en", tmp_path, clock=person.clock):
                pass
        assert blocking == []
