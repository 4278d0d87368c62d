"""One study's search: which settings next, is this trial hopeless, what is best. Rebuilt from stored trials.

Knows no store, no runner and no clock: the worker tells it what happened, in any order. Calls that propose take up to a
second (Optuna, NumPy): a coroutine hands them to a thread. One thread at a time.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from tuner.events import TrialRecord
from tuner.plan.knobs import KNOBS
from tuner.plan.plan import MAXIMISED, Plan
from tuner.plan.space import Settings, Value
from tuner.search.grid import grid
from tuner.search.halving import crosses, goes_on, loss_at, may_come, rung_of
from tuner.search.pruning import is_hopeless, percent_of
from tuner.search.sampling import Past, propose, seed_of
from tuner.search.space import Axis, axes, count_points, points
from tuner.search.spread import spread

Verdict = Literal["", "pruned", "parked"]
"""Of a trial under way: it goes on, ends, or waits."""
EVEN_START = 6
"""Searched points that are spread evenly before a model of the results is asked (measured: see spread.py)."""
ATTEMPTS = 12
"""Fresh proposals before a point that was run already is taken again."""


class Search:
    """Ask, report, tell. Trial 0 is always the plan's defaults. A proposal depends on the plan, the seed, the number
    and what was told, and on nothing else.
    """

    def __init__(self, plan: Plan, seed: int | None = None, records: Iterable[TrialRecord] = ()) -> None:
        """Promises a search that goes on where `records` end; running ones among them are known as running."""
        self.plan = plan
        self._seed = plan.seed if seed is None else seed
        self._axes: tuple[Axis, ...] = axes(plan.space)
        self._sign = -1.0 if plan.metric in MAXIMISED else 1.0
        self._records: dict[int, TrialRecord] = {}
        self._running: dict[int, Settings] = {}
        self._curves: dict[int, dict[int, float]] = {}
        self._parked: set[int] = set()
        self._has_more = True
        """There may be trials that have not begun."""
        for record in records:
            self.tell(record)

    def ask(self) -> tuple[int, dict[str, Value]] | None:
        """Promises the lowest free number with every knob set, known as running from now on; None when the plan's
        trials are used up or every point of a finite space was tried.
        """
        number = next(n for n in range(len(self._records) + len(self._running) + 1)
                      if n not in self._records and n not in self._running)
        values = None if number >= self.plan.trials else {} if number == 0 else self._values(number)
        self._has_more = values is not None
        if values is None:
            return None
        settings = self._complete(values)
        self._running[number] = settings
        return number, settings

    @property
    def is_done(self) -> bool:
        """True when every trial of the plan has ended."""
        return len(self._records) >= self.plan.trials

    def report(self, number: int, step: int, steps: int, loss: float, *, parks: bool = False) -> Verdict:
        """Promises what to do with the trial after its validation loss at `step` of `steps`. `parks`: it may be put
        aside and go on later."""
        if math.isfinite(loss):
            self._curves.setdefault(number, {})[percent_of(step, steps)] = loss
        curve, others = self._curves.get(number, {}), self._others(number)
        warmup = self._warmup(number)
        if parks and self.plan.pruner == "asha":
            waits = number and crosses(curve, warmup) and not self._goes_on(number)
            return "parked" if waits else ""
        finished = [other for other, record in self._records.items() if record.state == "complete"]
        return "pruned" if is_hopeless(self.plan.pruner, number, curve, others, finished, warmup) else ""

    @property
    def parked(self) -> frozenset[int]:
        """Trials that wait at a rung."""
        return frozenset(self._parked)

    def park(self, number: int) -> None:
        """Promises that the trial under way is known as one that waits."""
        self._parked.add(number)

    def promote(self) -> tuple[int, Settings] | None:
        """Promises the best of those that wait and may go on, known as under way again: from the highest rung first."""
        able = [(-rung, loss_at(self._curves[number], rung), number) for number in self._parked
                if (rung := self._rung(number)) is not None and self._goes_on(number)]
        if not able:
            return None
        number = min(able)[2]
        self._parked.remove(number)
        return number, self._running[number]

    def given_up(self) -> list[int]:
        """Promises those that wait for nothing any more: nobody can come to their rung, and they do not go on."""
        gone: set[int] = set()
        while late := {number for number in self._parked - gone
                       if (rung := self._rung(number)) is None
                       or not (self._may_come(rung, gone) or self._goes_on(number, gone))}:
            gone |= late  # who waits for one of them waits for nothing either
        return sorted(gone)

    def _rung(self, number: int) -> int | None:
        return rung_of(self._curves.get(number, {}), self._warmup(number))

    def _goes_on(self, number: int, gone: Collection[int] = ()) -> bool:
        rung = self._rung(number)
        return rung is not None and goes_on(rung, self._curves[number], list(self._others(number).values()),
                                            may_come=self._may_come(rung, gone))

    def _may_come(self, rung: int, gone: Collection[int] = ()) -> bool:
        under_way = {number: self._curves.get(number, {}) for number in self._running if number not in gone}
        more = self._has_more and len(self._records) + len(self._running) < self.plan.trials
        return may_come(rung, under_way, more=more)

    def _others(self, number: int) -> dict[int, dict[int, float]]:
        return {other: curve for other, curve in self._curves.items() if other != number}

    def _warmup(self, number: int) -> float:
        return float(self._running.get(number, self.plan.defaults).get("warmup_ratio", 0.0))

    def tell(self, record: TrialRecord) -> None:
        """Promises that the trial's ending (or, for a stored running one, its being under way) is known."""
        if record.state == "running":
            self._running[record.number] = record.settings
            return
        self._running.pop(record.number, None)
        self._parked.discard(record.number)
        self._records[record.number] = record
        curve = _curve(record)
        if curve:
            self._curves[record.number] = curve

    def forget(self, number: int) -> None:
        """Promises that a trial under way that left no ending (a pause, a lost worker) gives its number back."""
        self._running.pop(number, None)
        self._parked.discard(number)
        self._curves.pop(number, None)

    def extend(self, plan: Plan) -> None:
        """Promises that the search goes on as if it had had `plan`, the same one with more trials, from the start."""
        if plan.space != self.plan.space:
            raise ValueError(f"an extended plan keeps its space, got {sorted(plan.space)}")
        self.plan, self._has_more = plan, True

    def best(self) -> TrialRecord | None:
        """Promises the trial with the best value, the earlier one of equals; one that a person stopped only when none
        ran to its end. None when none has a value.
        """
        ranked = [(record.state != "complete", cost, record.number) for record in self._records.values()
                  if (cost := self._cost(record)) is not None]
        return self._records[min(ranked)[2]] if ranked else None

    def is_best(self, record: TrialRecord) -> bool:
        """Promises whether no told trial is better than `record`."""
        cost, best = self._cost(record), self.best()
        if cost is None or best is None or best.number == record.number:
            return cost is not None
        best_cost = self._cost(best)
        return record.state == "complete" and (best.state != "complete" or best_cost is None or cost <= best_cost)

    def _values(self, number: int) -> dict[str, Value] | None:
        """The searched knobs of a trial after the first; None when there is nothing left to try."""
        if self.plan.method == "grid":
            return self._next_of_grid()
        tried = self._tried()
        if len(tried) >= count_points(self._axes):
            return None
        for attempt in range(ATTEMPTS):
            values = self._proposal(number, attempt)
            if _key(values) not in tried:
                return values
        left = [point for point in self._all_points() if _key(point) not in tried]
        return left[seed_of(self._seed, number) % len(left)] if left else values

    def _proposal(self, number: int, attempt: int) -> dict[str, Value]:
        # A second attempt at an even point takes one from beyond the first ones of the sequence.
        if self.plan.method != "random" and number <= EVEN_START:
            return spread(self._axes, self._seed, number - 1 + attempt * EVEN_START)
        return propose(self.plan.method, self._axes, self._past(), seed=self._seed, number=number, attempt=attempt)

    def _next_of_grid(self) -> dict[str, Value] | None:
        """Trial 0 stands for the point that equals the defaults, if the grid holds it."""
        tried = self._tried()
        return next((point for point in grid(self._axes) if _key(point) not in tried), None)

    def _all_points(self) -> Iterable[dict[str, Value]]:
        if count_points(self._axes) > 100_000:
            return ()
        return points({axis.name: axis.values for axis in self._axes if axis.values is not None})

    def _tried(self) -> set[tuple[tuple[str, Value], ...]]:
        """Points of every trial told or running: training is seeded, so the same point gives the same result."""
        all_settings = [record.settings for record in self._records.values()] + list(self._running.values())
        inside = (self._searched(settings) for settings in all_settings)
        return {_key(values) for values in inside if self._is_a_point(values)}

    def _is_a_point(self, values: Mapping[str, Value]) -> bool:
        return all(axis.values is None or values[axis.name] in axis.values for axis in self._axes)

    def _past(self) -> list[Past]:
        """Every trial that says something, by number. A trial that a person stopped says nothing about its settings."""
        known = [self._past_of(record) for record in self._records.values() if record.state != "stopped"]
        known += [Past(number=number, values=self._searched(settings), state="pruned", curve=self._curves[number])
                  if number in self._parked else
                  Past(number=number, values=self._searched(settings), state="running")
                  for number, settings in self._running.items()]
        return sorted(known, key=lambda past: past.number)

    def _past_of(self, record: TrialRecord) -> Past:
        values, cost = self._searched(record.settings), self._cost(record)
        if record.state == "complete" and cost is not None:
            return Past(number=record.number, values=values, state="complete", cost=cost)
        if record.state == "pruned":
            return Past(number=record.number, values=values, state="pruned", curve=_curve(record))
        return Past(number=record.number, values=values, state="failed")

    def _cost(self, record: TrialRecord) -> float | None:
        """Less is better; None unless the trial was trained to the end, or stopped by a person, and was measured."""
        if record.state not in ("complete", "stopped") or record.value is None or not math.isfinite(record.value):
            return None
        return self._sign * record.value

    def _searched(self, settings: Settings) -> dict[str, Value]:
        return {axis.name: settings[axis.name] for axis in self._axes}

    def _complete(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Every knob, in the catalogue's order."""
        merged = {**self.plan.defaults, **values}
        return {name: merged[name] for name in KNOBS if name in merged}


def _key(values: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    return tuple(sorted(values.items()))


def _curve(record: TrialRecord) -> dict[int, float]:
    """Percent -> validation loss; `metrics["steps"]` holds how many steps the trial would have had."""
    steps: Any = record.metrics.get("steps") or max((step for step, _, _ in record.curve), default=0)
    measured = ((step, loss) for step, _, loss in record.curve if loss is not None and math.isfinite(loss))
    return {percent_of(step, int(steps)): loss for step, loss in measured if steps}
