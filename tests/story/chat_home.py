"""A home with one finished job of a tiny random model, and the chat server as a process on it. For tests only."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "unit"), str(ROOT / "tests" / "contracts")]

from store_samples import new_job, trial  # noqa: E402
from tiny_adapters import save_adapter  # noqa: E402
from tiny_models import save_model  # noqa: E402

from tuner.chat.address import Address, read_address, read_token  # noqa: E402
from tuner.store import Store  # noqa: E402


async def fill(home: Path, model: Path, team: str, trials: int) -> None:
    """One job of `team` on the model, with a checkpoint a trial; the last trial is the best."""
    async with await Store.open(home) as store:
        job, _ = await store.submit(new_job(message=f"m-{team}", team=team, model=str(model)))
        while (claimed := await store.claim("w", 60.0)) is not None and claimed.id != job.id:
            await store.release(claimed.id, "w", "finished")
        for number in range(trials):
            folder = f"teams/{team}/jobs/{job.number}/trial-{number}"
            seed = number + 1 + sum(map(ord, team))
            await asyncio.to_thread(save_adapter, model, home / folder, seed=seed)
            await store.start_trial(job.id, "w", number, {"learning_rate": 1e-4})
            await store.record_trial(job.id, "w", dataclasses.replace(trial(number), value=1.0 - 0.1 * number))
            await store.add_checkpoint(job.id, "w", number, folder, f"{seed:064x}", 1.0 - 0.1 * number)
        await store.release(job.id, "w", "finished")


def build(folder: Path) -> Path:
    """Promises a home with two teams, red and blue, each with one job on the same tiny random model."""
    model = save_model(folder / "tiny-llama", max_position_embeddings=512)
    for team, trials in {"red": 2, "blue": 1}.items():
        asyncio.run(fill(folder / "home", model, team, trials))
    return folder / "home"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    process: subprocess.Popen[bytes]
    address: Address
    token: str


@contextlib.contextmanager
def served(home: Path, *options: str) -> Iterator[Served]:
    """The server as a process; ends with the block, by force if need be."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "chat.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tuner.chat", "--home", str(home), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    try:
        yield Served(process=process, address=_wait_for_address(home, process), token=read_token(home) or "")
    finally:
        process.kill()
        process.communicate(timeout=30)


def _wait_for_address(home: Path, process: subprocess.Popen[bytes], timeout_s: float = 60.0) -> Address:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        address = read_address(home)
        if address is not None and address.pid == process.pid:
            return address
        if process.poll() is not None:
            raise AssertionError(f"the server must stay up, it ended with {process.returncode}: {_log(home)}")
        time.sleep(0.05)
    raise AssertionError(f"the server must listen within {timeout_s} s: {_log(home)}")


def _log(home: Path) -> str:
    return (home / "chat.log").read_text(encoding="utf-8")[-3000:]
