"""The best settings and the defaults trained again with other seeds: which, under which numbers, and which of them win.

A repeat is no trial of the search: nobody counts it among the tries, and the sampler never hears of it. Its number says
what it repeats: 1,000,003 is try 3 with its second seed, 2,000,003 with its third. Of the seeds of some settings the
search's own run is one. Pure: knows no store, no runner and no clock.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuner.events import TrialRecord
from tuner.plan.plan import MAXIMISED, SEEDS, Plan
from tuner.plan.space import Settings

FIRST_REPEAT = 1_000_000
"""From this number on a stored run is a repeat; no search has so many trials."""
HIGHEST_SEED = 2**31 - 1
BROKEN = frozenset({"diverged", "nan"})
"""A repeat that ends so speaks against its settings; one that crashed or ran out of memory says nothing about them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One more run of a trial's settings."""

    number: int
    trial: int
    settings: Settings
    """Those of the trial, with another seed."""


def planned_repeats(plan: Plan, trials: Iterable[TrialRecord]) -> tuple[Repeat, ...]:
    """Promises every repeat that `plan` wants after these trials, the same ones at every call: first one more seed for
    each of the settings, the best first, then the next. None where there are not two settings to compare.
    """
    trials = tuple(trials)
    chosen = contenders(plan, trials)
    if len(chosen) < 2:
        return ()
    rows = [_repeats_of(trial, trials) for trial in chosen]
    return tuple(row[place] for place in range(SEEDS - 1) for row in rows if place < len(row))


def contenders(plan: Plan, trials: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Promises the trials whose settings are trained again, the best first: the `plan.confirm` best different settings
    and the defaults, where they ran to their end. Where that is one and the same, the second best comes with it."""
    found: dict[str, TrialRecord] = {}
    complete = _complete(trials)
    for trial in sorted(complete, key=lambda one: (_cost(plan, one), one.number)):
        found.setdefault(_key(trial), trial)
    if not plan.confirm:
        return ()
    ranked = list(found.values())
    best = ranked[:plan.confirm]
    default = next((trial for trial in complete if trial.number == 0), None)
    if default is not None and _key(default) not in {_key(trial) for trial in best}:
        best.append(default)
    return tuple(best if len(best) > 1 else ranked[:2])


def confirmed_best(plan: Plan, trials: Iterable[TrialRecord], repeats: Iterable[TrialRecord]) -> int | None:
    """Promises the number of the trial whose settings have the best mean over their seeds, the earlier one of equals;
    None until each of the contenders was trained again.

    Settings of which a run broke down come after all that never did. Repeats of settings that have meanwhile been
    overtaken (more tries were added) still count.
    """
    trials, again = tuple(trials), _by_trial(repeats)
    wanted = contenders(plan, trials)
    if len(wanted) < 2 or any(trial.number not in again for trial in wanted):
        return None
    ranked = []
    for trial in _complete(trials):
        if trial.number in again:
            runs = (trial, *_complete(again[trial.number]))
            mean = sum(_cost(plan, run) for run in runs) / len(runs)
            ranked.append((any(run.cause in BROKEN for run in again[trial.number]), mean, trial.number))
    return min(ranked)[2]


def best_trial(plan: Plan, trials: Iterable[TrialRecord], repeats: Iterable[TrialRecord] = ()) -> TrialRecord | None:
    """Promises the trial that people get: the confirmed best, before that the complete trial with the best value, the
    earlier one of equals; None when none came to its end."""
    trials = tuple(trials)
    chosen = confirmed_best(plan, trials, repeats)
    complete = [trial for trial in _complete(trials) if chosen is None or trial.number == chosen]
    return min(complete, key=lambda trial: (_cost(plan, trial), trial.number), default=None)


def _repeats_of(trial: TrialRecord, trials: Sequence[TrialRecord]) -> list[Repeat]:
    """Seeds that the search itself ran with these settings are not run again."""
    mine = [other for other in _complete(trials) if _key(other) == _key(trial)]
    used = {_seed(other) for other in mine}
    found: list[Repeat] = []
    seed = _seed(trial)
    while len(used) < SEEDS:
        seed = (seed + 1) % HIGHEST_SEED
        if seed in used:
            continue
        used.add(seed)
        number = FIRST_REPEAT * (len(found) + 1) + trial.number
        found.append(Repeat(number=number, trial=trial.number, settings={**trial.settings, "seed": seed}))
    return found


def _by_trial(repeats: Iterable[TrialRecord]) -> dict[int, list[TrialRecord]]:
    """Ended repeats by the trial that they repeat."""
    found: dict[int, list[TrialRecord]] = {}
    for record in repeats:
        if record.repeat_of is not None and record.state in ("complete", "failed"):
            found.setdefault(record.repeat_of, []).append(record)
    return found


def _complete(runs: Iterable[TrialRecord]) -> list[TrialRecord]:
    return [run for run in runs if run.state == "complete" and run.value is not None and math.isfinite(run.value)]


def _cost(plan: Plan, run: TrialRecord) -> float:
    """Less is better."""
    assert run.value is not None
    return -run.value if plan.metric in MAXIMISED else run.value


def _seed(trial: TrialRecord) -> int:
    return int(trial.settings.get("seed", 0))


def _key(trial: TrialRecord) -> str:
    """Equal for equal settings, whatever the seed."""
    return json.dumps({name: value for name, value in trial.settings.items() if name != "seed"}, sort_keys=True)
