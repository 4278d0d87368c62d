"""The real `onsa bot` as a process in front of the stand-in, and a home whose jobs a test lets happen by hand."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from standin import Standin

from tuner.events import JobStarted, Report, StudyFinished, TestResult, TrialFinished, TrialRecord, TrialStarted
from tuner.plan.knobs import KNOBS
from tuner.store import Store
from tuner.store.records import DataSet, Job

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0

REPORT_CARD = {
    "examples": 150,
    "usable": 150,
    "languages": {"en": 1.0, "ja": 0.0, "other": 0.0},
    "tokens": {"median": 30, "p95": 50, "longest": 60, "total": 4500, "cut": 0},
    "split": [106, 22, 22],
    "findings": [],
    "sample": [],
}


async def eventually(is_so: Callable[[], object], timeout_s: float = 90.0) -> None:
    """Waits until it is so. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not is_so():  # noqa: ASYNC110 - anything in the stand-in may make it so
            await asyncio.sleep(0.05)


@dataclass(slots=True, kw_only=True)
class Bot:
    """The process. `stop` ends it kindly, `kill` as a power cut would; `start` may follow either."""

    standin: Standin
    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("--no-workers",)
    process: asyncio.subprocess.Process | None = None

    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("ONSA_", "DISCORD_"))}
        return {
            **plain,
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "ignore",
            "DISCORD_TOKEN": self.standin.token,
            "ONSA_DISCORD_API": self.standin.api,
            "ONSA_HOME": str(self.home),
            **self.extra,
        }

    async def start(self, *, waits: bool = True) -> None:
        """Promises a bot that is connected and has registered its commands."""
        known = set(self.standin.gateway.sessions)
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "bot", *self.arguments,
            env=self.environment(), cwd=self.home, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(START_S):
            while waits and not self._is_ready(known):
                assert self.process.returncode is None, await self.output()
                await asyncio.sleep(0.05)

    def _is_ready(self, known: set[str]) -> bool:
        fresh = [one for name, one in self.standin.gateway.sessions.items() if name not in known]
        return any(one.connection is not None and one.log for one in fresh) and bool(self.standin.commands.of[None])

    async def output(self) -> str:
        """What it said until its end."""
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(START_S):
            said = await self.process.stdout.read()
            await self.process.wait()
        return said.decode("utf-8", "replace")

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def _end(self, number: int) -> None:
        process, self.process = self.process, None
        if process is not None and process.returncode is None:
            process.send_signal(number)
            await asyncio.wait_for(process.communicate(), 20)


@asynccontextmanager
async def running(standin: Standin, home: Path, **given: object) -> AsyncIterator[Bot]:
    """A connected bot, ended with the block."""
    bot = Bot(standin=standin, home=home, **given)  # type: ignore[arg-type]
    try:
        await bot.start()
        yield bot
    finally:
        await bot.stop()


@dataclass(slots=True, kw_only=True)
class House:
    """The store beside the bot: data that was posted, and a worker's part of a job."""

    store: Store

    async def has_data(self, team: str, channel: int | None = None, name: str = "faq.csv") -> DataSet:
        dataset = await self.store.add_dataset(
            DataSet(id=f"{name}-{team}".encode().hex().ljust(64, "0")[:64], team=team, name=name, folder="data",
                    report=REPORT_CARD, added_at=1.0)
        )
        if channel is not None:
            await self.store.prefer(team, None, f"dataset:{channel}", dataset.id)
        await self.store.measure("seconds_per_token:onsa-tiny", 0.0001)
        return dataset

    async def begin(self, team: str) -> Job:
        """A worker takes the team's job up."""
        job = await self.store.claim("w", 600)
        assert job is not None
        assert job.team == team
        await self.store.append(job.id, "w", JobStarted(device="cpu", again=False))
        return job

    async def run_trial(self, job: Job, number: int, value: float) -> None:
        settings = {name: knob.default for name, knob in KNOBS.items()}
        await self.store.start_trial(job.id, "w", number, settings, TrialStarted(number=number, settings=settings))
        record = TrialRecord(number=number, settings=settings, state="complete", value=value, seconds=2.0,
                             metrics={"loss": value})
        event = TrialFinished(number=number, state="complete", value=value, cause="", best=True)
        await self.store.record_trial(job.id, "w", record, event)

    async def finish(self, job: Job) -> None:
        """The worker's last step: the report, in one transaction with the job's end."""
        trials = tuple(await self.store.trials(job.id))
        test = tuple(
            TestResult(subject=subject, trial=trial, rows=(1, 2, 3, 4), right=right, losses=(1.0,) * 4,
                       answers=("a", "b", "c", "d"), questions=("q",) * 4, references=("a", "b", "c", "x"),
                       metrics={"loss": 1.0, "accuracy": sum(right) / 4})
            for subject, trial, right in (("base", None, (False,) * 4), ("best", 0, (True, True, True, False)))
        )
        for result in test:
            await self.store.save_test(job.id, "w", result)
        report = Report(job=job.number, model=job.plan.model, metric="loss", maximise=False, findings=(),
                        trials=trials, test=test, searched=tuple(job.plan.space))
        await self.store.release(job.id, "w", "finished", event=StudyFinished(reason="done", report=report))

    async def done(self, team: str) -> Job:
        """A whole job, from claim to report."""
        job = await self.begin(team)
        await self.run_trial(job, 0, 1.5)
        await self.run_trial(job, 1, 1.2)
        await self.finish(dataclasses.replace(job))
        return job
