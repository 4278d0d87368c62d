"""Another process on the same home: `store_child.py HOME ACTION [WORD …]`. Says `ready`, waits for a line, acts."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from pathlib import Path

from store_samples import new_job

from tuner.events import TrialStarted
from tuner.store import Store, StoreUnavailable
from tuner.store.migrate import scripts


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


def ready() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


async def submit(home: Path, count: str) -> None:
    """The same messages as every other child."""
    async with await Store.open(home) as store:
        ready()
        for index in range(int(count)):
            job, queued = await store.submit(new_job(f"m-{index}"))
            say([job.number, queued])


async def claim(home: Path, worker: str) -> None:
    """Claims until nothing waits, and keeps what it claimed."""
    async with await Store.open(home) as store:
        ready()
        while (job := await store.claim(worker, 600)) is not None:
            say(job.number)


async def open_new(home: Path) -> None:
    """All children make the database at the same moment."""
    ready()
    async with await Store.open(home):
        say("opened")


async def write(home: Path) -> None:
    """Appends for ever and says each seq after it was committed."""
    async with await Store.open(home) as store:
        job = await store.claim("writer", 600)
        assert job is not None
        ready()
        step = 0
        while True:
            step += 1
            say(await store.append(job.id, "writer", TrialStarted(number=step, settings={})))


async def hold(home: Path) -> None:
    """Holds the write lock from `ready` until a line comes."""
    connection = sqlite3.connect(home / "onsa.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    ready()
    connection.execute("ROLLBACK")
    connection.close()
    say("let go")


async def open_as_nobody(home: Path) -> None:
    """Opens without the rights of root, says what was wrong."""
    await asyncio.to_thread(scripts)  # whatever is imported late is imported while it may be read
    if os.geteuid() == 0:
        os.setuid(65534)
    ready()
    try:
        store = await Store.open(home)
    except StoreUnavailable as error:
        say(error.problem.to_json())
    else:
        await store.close()
        say("opened")


ACTIONS = {action.__name__: action for action in (submit, claim, open_new, write, hold, open_as_nobody)}

if __name__ == "__main__":
    asyncio.run(ACTIONS[sys.argv[2]](Path(sys.argv[1]), *sys.argv[3:]))
