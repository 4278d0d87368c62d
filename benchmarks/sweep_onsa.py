"""Onsa's own ways to run the sweep of benchmarks.sweep: through the worker's runner, as a job does."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.sweep_material import Material
from benchmarks.sweep_told import Told
from tuner.runners.base import Broken, Ready, Setup, StepDone, TrialEnded, TrialSpec, Validated
from tuner.runners.local import LocalRunner
from tuner.search.pruning import is_hopeless, percent_of


def one_by_one(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """One trial at a time."""
    return asyncio.run(_swept(material, chosen, folder, "none", 1))


def packed(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """As many side by side as Onsa chooses here."""
    return asyncio.run(_swept(material, chosen, folder, "none", 0))


def pruned(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """The same with the pruning of the default search: hopeless trials end early and free their slots."""
    return asyncio.run(_swept(material, chosen, folder, "asha", 0))


async def _swept(material: Material, chosen: dict[int, dict[str, Any]], folder: Path, pruner: str,
                 slots: int) -> Told:
    setup = Setup(model=material.shape, examples="", split_seed=0, split=(0, 0, 0), general_chat=0, metric="loss",
                  checkpoints=str(folder), slots=slots, runs=len(chosen))
    command = (sys.executable, "-m", "benchmarks.sweep_child", json.dumps(dataclasses.asdict(material)))
    runner = await LocalRunner.launch(setup, folder / "log", command)
    try:
        return await asyncio.wait_for(_Sweep(runner, chosen, pruner).run(), 7200)
    finally:
        await runner.close()


class _Sweep:
    """Starts a trial in every free slot, prunes, and tells what happened."""

    def __init__(self, runner: LocalRunner, chosen: dict[int, dict[str, Any]], pruner: str) -> None:
        self._runner, self._chosen, self._pruner = runner, chosen, pruner
        self._waiting, self._slot_of, self._steps = list(chosen), dict[int, int](), dict[int, int]()
        self._curves: dict[int, dict[int, float]] = {}
        self._hopeless: set[int] = set()
        self._told = Told()

    async def run(self) -> Told:
        """Raises RuntimeError when a trial fails."""
        told, ready = self._told, 0.0
        async for event in self._runner.events():
            match event:
                case Ready():
                    ready = told.now()
                    await self._fill()
                case StepDone():
                    self._steps[event.number] = event.step
                case Validated():
                    self._steps[event.number] = event.step
                    await self._judge(event)
                case TrialEnded():
                    self._ended(event)
                    await self._fill()
                    if not self._slot_of:
                        break
                case Broken():
                    raise RuntimeError(f"{event.key}: {event.error}")
                case _:
                    pass
        told.timed = (told.tokens, told.now() - ready)
        told.passes = round(sum(self._steps.values()) / min(self._runner.slots, len(self._chosen)))
        told.more = {"slots": self._runner.slots, "pruned": sorted(self._hopeless),
                     "curves": self._curves}
        return told

    async def _fill(self) -> None:
        free = [slot for slot in range(self._runner.slots) if slot not in self._slot_of.values()]
        for slot in free[: len(self._waiting)]:
            number = self._waiting.pop(0)
            self._slot_of[number] = slot
            await self._runner.start(slot, TrialSpec(number=number, settings=self._chosen[number]))

    async def _judge(self, at: Validated) -> None:
        own = self._curves.setdefault(at.number, {})
        own[percent_of(at.step, at.steps)] = at.valid_loss
        others = {other: curve for other, curve in self._curves.items() if other != at.number}
        if is_hopeless(self._pruner, at.number, own, others, self._told.ended, self._chosen[at.number]["warmup_ratio"]):
            self._hopeless.add(at.number)
            await self._runner.stop(at.number, "pruned")

    def _ended(self, event: TrialEnded) -> None:
        if event.outcome == "failed":
            raise RuntimeError(f"trial {event.number} failed: {event.error}")
        del self._slot_of[event.number]
        self._told.tokens += event.tokens
        if event.outcome == "complete":
            self._told.end(event.number, event.metrics["loss"])
