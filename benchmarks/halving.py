"""What ending weak tries early saves, and whether it costs the winner: `python -m benchmarks.halving [--json FILE]`.

Five sweeps over the sample's English and Japanese questions, each with its own rows, split and search seed, as a job
runs them when a person names no method: TPE, trial 0 the defaults, four tries side by side. Each is run three times:
whole, with every try to its end; same, the same tries with `tuner.plan.build.usual_pruner`; own, with that pruner and
the tries that the search itself then proposes. Time is CPU time, which other programs on the machine disturb least; it
counts training and validation, not loading.

Told of each sweep: the winner's validation loss against the whole run's, the training steps and the seconds saved, and
when there first was a finished try within 0.5% of the whole run's winner.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.sweep import processor
from tuner.checkpoints.parked import forget_parked
from tuner.embedded import sample_path
from tuner.events import TrialRecord
from tuner.plan.plan import Plan, Pruner
from tuner.plan.space import Range, Settings

SWEEPS = (("en", 0), ("ja", 1), ("en", 2), ("ja", 3), ("en", 4))
SIDE_BY_SIDE = 4
TOKENS_AT_ONCE = 512
NEAR = 1.005
"""A try this close to the unpruned winner's loss counts as having found it."""


@dataclass(kw_only=True)
class Run:
    """One sweep as it went."""

    records: list[TrialRecord] = field(default_factory=list)
    ended_s: dict[int, float] = field(default_factory=dict)
    """Trial -> CPU seconds from the sweep's beginning to the trial's end."""
    steps: int = 0
    seconds: float = 0.0

    @property
    def best(self) -> float:
        return min(record.value for record in self.records if record.value is not None and record.state == "complete")

    def found_s(self, loss: float) -> float:
        """When a finished try first had at most this loss; inf when none had."""
        return min((self.ended_s[record.number] for record in self.records
                    if record.state == "complete" and record.value is not None and record.value <= loss),
                   default=math.inf)


def plan_of(seed: int, trials: int, epochs: int, pruner: Pruner, split: tuple[int, int, int]) -> Plan:
    """What a person gets who names two knobs and no method."""
    from tuner.plan.models import embedded

    card = embedded()
    low, high = card.recommended["learning_rate"]
    least, most = card.recommended["lora_rank"]
    return Plan(
        model=card.name, dataset=f"benchmark-{seed}", metric="loss", trials=trials, parallel=0, time_budget_s=None,
        space={"learning_rate": Range(low=low, high=high, log=True),
               "lora_rank": Range(low=int(least), high=int(most), log=True)},
        defaults={**card.defaults, "epochs": epochs}, method="tpe", pruner=pruner, general_chat=0, seed=seed,
        split=split, assumed=())


def bench(folder: Path, language: str, seed: int, examples: int) -> Any:
    """So many rows of the sample, drawn by the seed; losses only."""
    from tuner.data.examples import Example, Message, write
    from tuner.data.split import sizes_for
    from tuner.embedded import model_path
    from tuner.train.bench import Bench, load_splits
    from tuner.train.model import load_base

    with sample_path(language).open(encoding="utf-8", newline="") as file:
        pairs = random.Random(seed).sample(list(csv.reader(file))[1:], examples)
    write(folder / "examples.jsonl", [
        Example(row=row + 2, messages=(Message(role="user", content=asked), Message(role="assistant", content=said)))
        for row, (asked, said) in enumerate(pairs)])
    made = Bench(base=load_base(str(model_path())), metric="loss", checkpoints=folder / "out",
                 splits=load_splits(folder / "examples.jsonl", sizes_for(examples), seed, 0),
                 manifest={"job": 1, "data": "d", "plan": "p"})
    made.__dict__["asked"] = ()
    return made


class Driver:
    """A sweep without a worker: asks, starts, prunes and tells as tuner.worker does."""

    def __init__(self, own: Any, plan: Plan, tries: Mapping[int, Settings] | None = None) -> None:
        """`tries`: their settings; without them the search proposes."""
        from tuner.search import Search
        from tuner.train.packed.sweep import Sweep

        self.search, self.run, self._own = Search(plan), Run(), own
        self._aside: dict[int, Any] = {}
        self.sweep = Sweep(own, SIDE_BY_SIDE, self._progress, self._ended, lambda number: self._wishes.get(number, ""),
                           tokens_at_once=TOKENS_AT_ONCE)
        self._wishes: dict[int, Any] = {}
        self._curves: dict[int, list[tuple[int, float | None, float | None]]] = {}
        self._steps: dict[int, tuple[int, int]] = {}
        self._settings: dict[int, Any] = {}
        self._slots: dict[int, int] = {}
        self._waiting = None if tries is None else sorted(tries.items(), reverse=True)
        self._began = 0.0

    def go(self) -> Run:
        self._began = time.process_time()
        while True:
            self._fill()
            if self.sweep.is_idle and not self._slots:
                break
            self.sweep.turn()
        self.run.seconds = time.process_time() - self._began
        self.run.steps = sum(done for done, _ in self._steps.values())
        return self.run

    def _fill(self) -> None:
        while len(self._slots) < SIDE_BY_SIDE:
            for number in self.search.given_up():
                forget_parked(self._own.checkpoints, number)
                self._record(number, replace(self._aside.pop(number), outcome="pruned", cause="pruned"))
            waited = self.search.promote()
            if (asked := waited or self._ask()) is None:
                return
            number, self._settings[asked[0]] = asked
            slot = next(slot for slot in range(SIDE_BY_SIDE) if slot not in self._slots.values())
            self._slots[number] = slot
            self.sweep.start(slot, number, self._settings[number], parked=waited is not None)

    def _ask(self) -> tuple[int, Settings] | None:
        if self._waiting is None:
            return self.search.ask()
        if not self._waiting:
            return None
        number, settings = self._waiting.pop()
        self.search.tell(TrialRecord(number=number, settings=settings, state="running"))
        return number, settings

    def _progress(self, number: int, at: Any) -> None:
        self._steps[number] = (at.step, at.steps)
        if at.valid_loss is not None:
            self._curves.setdefault(number, []).append((at.step, None, at.valid_loss))
            if verdict := self.search.report(number, at.step, at.steps, at.valid_loss, parks=True):
                self._wishes[number] = verdict

    def _ended(self, number: int, ended: Any) -> None:
        del self._slots[number]
        self._wishes.pop(number, None)
        if ended.outcome != "parked":
            return self._record(number, ended)
        self._aside[number] = ended
        return self.search.park(number)

    def _record(self, number: int, ended: Any) -> None:
        done = time.process_time() - self._began
        record = TrialRecord(
            number=number, settings=self._settings[number], state=ended.outcome, cause=ended.cause,
            value=ended.metrics.get("loss") if ended.outcome == "complete" else None,
            curve=tuple(self._curves.get(number, ())), metrics={"steps": self._steps.get(number, (0, 0))[1]})
        self.run.records.append(record)
        self.run.ended_s[number] = done
        self.search.tell(record)


def compared(whole: Run, pruned: Run) -> dict[str, Any]:
    """Promises what is told of one run against the whole one."""
    near = whole.best * NEAR
    whole_s, pruned_s = whole.found_s(near), pruned.found_s(near)
    was_found = math.isfinite(pruned_s)
    return {
        "best": round(pruned.best, 4), "winner_ratio": round(pruned.best / whole.best, 4),
        "pruned": sum(record.state == "pruned" for record in pruned.records),
        "steps_saved": round(1 - pruned.steps / whole.steps, 3),
        "seconds_saved": round(1 - pruned.seconds / whole.seconds, 3),
        "found_s": round(pruned_s, 1) if was_found else None,
        "sooner": round(whole_s / pruned_s, 2) if was_found else None,
    }


def together(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Promises the figures over all sweeps; `not_found`: sweeps whose winner came nowhere near the whole run's."""
    sooner = [one["sooner"] for one in runs if one["sooner"] is not None]
    return {
        "winner_ratio_worst": max(one["winner_ratio"] for one in runs),
        "winner_ratio": round(statistics.geometric_mean(one["winner_ratio"] for one in runs), 4),
        "steps_saved": round(statistics.mean(one["steps_saved"] for one in runs), 3),
        "seconds_saved": round(statistics.mean(one["seconds_saved"] for one in runs), 3),
        "sooner": round(statistics.geometric_mean(sooner), 2) if sooner else None, "not_found": len(runs) - len(sooner),
    }


def swept(language: str, seed: int, chosen: argparse.Namespace) -> dict[str, Any]:
    from tuner.plan.build import usual_pruner

    with tempfile.TemporaryDirectory() as folder:
        own = bench(Path(folder), language, seed, chosen.examples)
        split = (len(own.splits.train), len(own.splits.valid), len(own.splits.test))
        usual = usual_pruner(chosen.trials)
        whole = Driver(own, plan_of(seed, chosen.trials, chosen.epochs, "none", split)).go()
        tries = {record.number: record.settings for record in whole.records}
        same, free = (Driver(own, plan_of(seed, chosen.trials, chosen.epochs, usual, split), given).go()
                      for given in (tries, None))
    near = round(whole.found_s(whole.best * NEAR), 1)
    told = {"language": language, "seed": seed, "pruner": usual,
            "whole": {"best": round(whole.best, 4), "steps": whole.steps, "seconds": round(whole.seconds, 1),
                      "found_s": near},
            "same": compared(whole, same), "own": compared(whole, free)}
    print(json.dumps(told), flush=True)
    return told


def table(facts: Mapping[str, Any]) -> str:
    """Promises the figures as a Markdown table: a row a sweep, then all together."""
    rows = ["| sweep | winner's loss, whole | with pruning | ratio | steps saved | seconds saved | found sooner |",
            "|---|---|---|---|---|---|---|"]
    for one in facts["sweeps"]:
        for name, said in (("same", "the same tries"), ("own", "its own tries")):
            found = one[name]
            sooner = "not found" if found["sooner"] is None else f"{found['sooner']} times"
            rows.append(f"| {one['language']} {one['seed']}, {said} | {one['whole']['best']} | {found['best']} "
                        f"| {found['winner_ratio']} | {found['steps_saved']:.0%} | {found['seconds_saved']:.0%} "
                        f"| {sooner} |")
    return "\n".join([
        *rows, "",
        f"{facts['processor']}, {facts['cores']} core, torch {facts['torch']}, {facts['date']}; {facts['trials']} "
        f"tries of {facts['epochs']} epochs over {facts['examples']} rows, {facts['side_by_side']} side by side, "
        f"{TOKENS_AT_ONCE} tokens a pass at most."])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--examples", type=int, default=50, help="rows of the sample, of which 70% are trained on")
    parser.add_argument("--json", type=Path, help="write the figures there")
    chosen = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    sweeps = [swept(language, seed, chosen) for language, seed in SWEEPS]
    facts = {
        "processor": processor(), "cores": 1, "torch": torch.__version__, "date": time.strftime("%Y-%m-%d"),
        "trials": chosen.trials, "epochs": chosen.epochs, "examples": chosen.examples, "side_by_side": SIDE_BY_SIDE,
        "same": together([one["same"] for one in sweeps]), "own": together([one["own"] for one in sweeps]),
        "sweeps": sweeps,
    }
    print(json.dumps({**facts, "sweeps": len(sweeps)}, indent=2), table(facts), sep="\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
