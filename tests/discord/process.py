"""The real `onsa bot` process against the stand-in: started as an admin would, ended by its id."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from standin import Standin

ROOT = Path(__file__).resolve().parents[2]
STARTS_S = 150.0
ENDS_S = 20.0


@dataclass(slots=True, kw_only=True)
class OnsaBot:
    """One process. `log` is what it wrote to the terminal."""

    process: asyncio.subprocess.Process
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8")

    async def ends(self, timeout: float = ENDS_S) -> int:
        """SIGTERM, and its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), timeout)

    async def is_killed(self) -> None:
        """SIGKILL, as by a power cut."""
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await asyncio.wait_for(self.process.wait(), 5)


async def start(standin: Standin, home: Path, *options: str, **environment: str) -> OnsaBot:
    """The process, not waited for. Its own variables only: nothing of the caller's ONSA_ names."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    log_path = home.with_name(f"{home.name}-bot.log")
    log = await asyncio.to_thread(log_path.open, "ab")
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "bot", "--home", str(home), *options, cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            env=kept | {"HOME": str(home.parent), "DISCORD_TOKEN": standin.token, "ONSA_DISCORD_API": standin.api,
                        "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"} | environment)
    finally:
        log.close()
    return OnsaBot(process=process, log_path=log_path)


@contextlib.asynccontextmanager
async def onsa_bot(standin: Standin, home: Path, *options: str, **environment: str) -> AsyncIterator[OnsaBot]:
    """The process, connected and with its commands registered; ended at the end if it still runs."""
    identified, puts = len(standin.portal.identifies), standin.commands.puts
    bot = await start(standin, home, *options, **environment)
    try:
        async with asyncio.timeout(STARTS_S):
            while len(standin.portal.identifies) == identified or standin.commands.puts == puts:
                assert bot.process.returncode is None, f"the bot ended:\n{bot.log}"
                await asyncio.sleep(0.05)
        yield bot
    except BaseException:
        print(f"---- what the bot wrote ----\n{bot.log[-6000:]}")
        raise
    finally:
        if bot.process.returncode is None:
            try:
                await bot.ends()
            except TimeoutError:
                await bot.is_killed()
