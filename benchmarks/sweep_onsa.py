"""Onsa's own ways to run the sweep of benchmarks.sweep: through the worker's runner, as a job does."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, Literal

from benchmarks.sweep_material import Material
from benchmarks.sweep_told import Told
from tuner.checkpoints.parked import forget_parked
from tuner.embedded.defaults import DEFAULTS
from tuner.events import TrialRecord
from tuner.plan.plan import Plan, Pruner
from tuner.runners.base import Broken, Ready, Setup, StepDone, TrialEnded, TrialSpec, Validated
from tuner.runners.local import LocalRunner


def one_by_one(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """One trial at a time."""
    return asyncio.run(_swept(material, chosen, folder, "none", 1))


def packed(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """As many side by side as Onsa chooses here."""
    return asyncio.run(_swept(material, chosen, folder, "none", 0))


def pruned(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """The same with the pruning of the default search: hopeless trials end early and free their slots."""
    return asyncio.run(_swept(material, chosen, folder, "asha", 0))


async def _swept(material: Material, chosen: dict[int, dict[str, Any]], folder: Path, pruner: Pruner,
                 slots: int) -> Told:
    setup = Setup(model=material.shape, examples="", split_seed=0, split=(0, 0, 0), general_chat=0, metric="loss",
                  checkpoints=str(folder), slots=slots, runs=len(chosen))
    command = (sys.executable, "-m", "benchmarks.sweep_child", json.dumps(dataclasses.asdict(material)))
    runner = await LocalRunner.launch(setup, folder / "log", command)
    try:
        return await asyncio.wait_for(_Sweep(runner, chosen, pruner, folder).run(), 7200)
    finally:
        await runner.close()


class _Sweep:
    """Starts a trial in every free slot, has weak ones wait or end, and tells what happened."""

    def __init__(self, runner: LocalRunner, chosen: dict[int, dict[str, Any]], pruner: Pruner, folder: Path) -> None:
        from tuner.search import Search  # while the runner loads

        self._runner, self._chosen, self._folder = runner, chosen, folder
        self._search = Search(_plan(len(chosen), pruner))
        self._new, self._slot_of, self._steps = list(chosen), dict[int, int](), dict[int, int]()
        self._curves: dict[int, list[tuple[int, float | None, float | None]]] = {}
        self._of_all: dict[int, int] = {}
        self._aside: dict[int, TrialEnded] = {}
        self._given_up: set[int] = set()
        self._parks = False
        self._told = Told()

    async def run(self) -> Told:
        """Raises RuntimeError when a trial fails."""
        told, ready = self._told, 0.0
        async for event in self._runner.events():
            match event:
                case Ready():
                    ready, self._parks = told.now(), event.parks
                    await self._fill()
                case StepDone():
                    self._steps[event.number] = event.step
                case Validated():
                    self._steps[event.number] = event.step
                    await self._judge(event)
                    await self._fill()  # those that waited for it may go on
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
        told.more = {"slots": self._runner.slots, "pruned": sorted(self._given_up), "curves": self._curves}
        return told

    async def _fill(self) -> None:
        while True:
            for number in self._search.given_up():
                forget_parked(self._folder, number)
                self._end(self._aside.pop(number), "pruned")
            free = [slot for slot in range(self._runner.slots) if slot not in self._slot_of.values()]
            if not free or (spec := self._next()) is None:
                return
            self._slot_of[spec.number] = free[0]
            await self._runner.start(free[0], spec)

    def _next(self) -> TrialSpec | None:
        if (waited := self._search.promote()) is not None:
            return TrialSpec(number=waited[0], settings=waited[1], parked=True)
        if not self._new:
            return None
        number = self._new.pop(0)
        self._search.tell(TrialRecord(number=number, settings=self._chosen[number], state="running"))
        return TrialSpec(number=number, settings=self._chosen[number])

    async def _judge(self, at: Validated) -> None:
        self._of_all[at.number] = at.steps
        self._curves.setdefault(at.number, []).append((at.step, None, at.valid_loss))
        verdict = self._search.report(at.number, at.step, at.steps, at.valid_loss, parks=self._parks)
        if verdict:
            await self._runner.stop(at.number, verdict)

    def _ended(self, event: TrialEnded) -> None:
        if event.outcome == "failed":
            raise RuntimeError(f"trial {event.number} failed: {event.error}")
        del self._slot_of[event.number]
        if event.outcome == "parked":
            self._aside[event.number] = event
            self._search.park(event.number)
        else:
            self._end(event, event.outcome)

    def _end(self, event: TrialEnded, state: Literal["complete", "pruned", "stopped"]) -> None:
        """The last word: what it had trained counts, and its loss if it came to its end."""
        self._told.tokens += event.tokens
        if state == "complete":
            self._told.end(event.number, event.metrics["loss"])
        else:
            self._given_up.add(event.number)
        self._search.tell(TrialRecord(
            number=event.number, settings=self._chosen[event.number], state=state,
            metrics={**event.metrics, "steps": self._of_all.get(event.number, 0)},
            value=event.metrics["loss"] if state == "complete" else None,
            curve=tuple(self._curves.get(event.number, ()))))


def _plan(trials: int, pruner: Pruner) -> Plan:
    return Plan(model="benchmark", dataset="benchmark", metric="loss", trials=trials, parallel=0, time_budget_s=None,
                space={}, defaults=DEFAULTS, method="random", pruner=pruner, general_chat=0, seed=0, split=(0, 0, 0),
                assumed=())
