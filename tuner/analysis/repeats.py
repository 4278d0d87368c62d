"""The same settings run again with other seeds: how far luck alone goes, and whether the order holds beyond it.

The runs again are those of the job's confirmation (`Study.repeats`), or trials of the search itself.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import Any

from tuner.analysis.study import BROKEN, Study, finite, median, rounded
from tuner.events import Finding, Strength, TrialRecord

CONFIRMS_P = 0.01
LIKELY_P = 0.05
LUCKY_P = 0.01
"""For one run that stands off its own repeats, adjusted for all runs that might have."""
SURE_REPEATS = 3
FINELY = 8
"""Different values from which an equal one is no accident."""

Group = tuple[TrialRecord, ...]


def repeated_groups(study: Study) -> tuple[Group, ...]:
    """Promises the settings that were run again on purpose, each with its runs, in the order of their first run.

    On purpose: the seed differs, or a finely searched knob has the very same value. In a search over a few choices the
    same settings turn up twice by accident.
    """
    values = ({trial.settings.get(name) for trial in study.complete} for name in study.searched if name != "seed")
    fine = any(sum(isinstance(value, float) for value in each) >= FINELY for each in values)
    found: dict[str, list[TrialRecord]] = {}
    for trial in (*study.complete, *_confirming(study)):
        settings = {name: value for name, value in trial.settings.items() if name != "seed"}
        found.setdefault(json.dumps(settings, sort_keys=True, default=str), []).append(trial)
    return tuple(tuple(trials) for trials in found.values() if len(trials) > 1
                 and (fine or len({trial.settings.get("seed") for trial in trials}) > 1))


def merged(study: Study) -> Study:
    """Promises the study with each repeated setting as one run: its first one, with the mean of the values.

    Repeats are no new evidence about settings; counted one by one, they would make any difference look sure.
    """
    stand_in: dict[int, TrialRecord | None] = {repeat.number: None for repeat in study.repeats}
    for group in repeated_groups(study):
        mean = sum(trial.value or 0.0 for trial in group) / len(group)
        stand_in |= {trial.number: None for trial in group}
        number = _number(group[0])
        stand_in[group[0].number] = dataclasses.replace(group[0], value=mean, number=number, repeat_of=None)
    if not stand_in:
        return study
    kept = (stand_in.get(trial.number, trial) for trial in (*study.trials, *study.repeats))
    return dataclasses.replace(study, repeats=(), trials=tuple(trial for trial in kept if trial is not None))


def spread_of(repeated: Sequence[Group]) -> tuple[float, int]:
    """The standard deviation of one run among runs of the same settings, pooled, and its degrees of freedom."""
    squares, freedom = 0.0, 0
    for group in repeated:
        values = [trial.value or 0.0 for trial in group]
        mean = sum(values) / len(values)
        squares += sum((value - mean) * (value - mean) for value in values)
        freedom += len(values) - 1
    return (math.sqrt(squares / freedom) if freedom else 0.0), freedom


def repeat_findings(study: Study) -> tuple[Finding, ...]:
    """Promises one `confirmed` finding where settings were run at least twice: does the best stay the best?

    Compared are means over seeds: the best repeated settings with the repeated default ones, else with the second
    best (Student's t with the pooled spread of all repeats). One repeated setting alone tells the spread only.
    """
    repeated = repeated_groups(study)
    if not repeated:
        return ()
    broke = sorted({_number(run) for run in study.repeats if run.cause in BROKEN})
    ordered = sorted(repeated, key=lambda group: (_number(group[0]) in broke, _mean_cost(study, group),
                                                  group[0].number))
    default = next((group for group in ordered if _is_default(study, group)), None)
    best = ordered[0]
    other = default if default is not None and default is not best else ordered[1] if len(ordered) > 1 else None
    spread, freedom = spread_of(repeated)
    facts: dict[str, Any] = {
        "repeats": sum(len(group) for group in repeated), "spread": rounded(spread, 3),
        "best": _facts(study, best), "other": _facts(study, other) if other else None,
        "groups": [_facts(study, group) for group in ordered], "broke": broke,
        "afterwards": len(study.repeats), "chosen": study.chosen, "overtaken": None,
    }
    single = _best_single(study)
    if study.chosen is not None and single is not None and single.number != study.chosen:
        facts["overtaken"] = single.number
    strength: Strength = "none"
    if other is not None:
        gap = _mean_cost(study, other) - _mean_cost(study, best)
        p = _t_p(gap, spread * math.sqrt(1 / len(best) + 1 / len(other)), freedom)
        facts |= {"difference": rounded(gap), "p": max(0.001, rounded(p))}
        sure = min(len(best), len(other)) >= SURE_REPEATS and p <= CONFIRMS_P
        strength = "strong" if sure else "weak" if p <= LIKELY_P else "none"
    return (Finding(kind="confirmed", strength=strength, facts=facts),)


def _confirming(study: Study) -> tuple[TrialRecord, ...]:
    """The complete runs of the job's confirmation."""
    return tuple(repeat for repeat in study.repeats if repeat.state == "complete" and finite(repeat.value))


def _best_single(study: Study) -> TrialRecord | None:
    """The trial with the best value, whatever its repeats say."""
    return dataclasses.replace(study, chosen=None).best


def _number(trial: TrialRecord) -> int:
    """The number by which people know the settings of a run."""
    return trial.number if trial.repeat_of is None else trial.repeat_of


def lucky_repeat(study: Study) -> Finding | None:
    """The run with the best value where it stands far off other runs of the very same settings."""
    best = _best_single(study)
    repeated = repeated_groups(study)
    mine = next((group for group in repeated if best in group), None)
    if best is None or mine is None or len(mine) < 3:
        return None
    mates = tuple(trial for trial in mine if trial is not best)
    spread, freedom = spread_of([mates, *(group for group in repeated if group is not mine)])
    gap = _mean_cost(study, mates) - study.cost(best)
    p = _t_p(gap, spread * math.sqrt(1 + 1 / len(mates)), freedom)
    if freedom < 3 or p * len(study.complete) > LUCKY_P:
        return None
    facts = {"trial": best.number, "best_value": rounded(best.value or 0.0), "trials": len(study.complete),
             "deviations": rounded(gap / spread, 2) if spread > 0 else None, "repeated": True,
             "mates": [trial.number for trial in mates if trial.repeat_of is None], "times": len(mates),
             "mates_value": rounded(median([trial.value or 0.0 for trial in mates]))}
    return Finding(kind="lucky", strength="strong", facts=facts)


def _mean_cost(study: Study, group: Sequence[TrialRecord]) -> float:
    return sum(study.cost(trial) for trial in group) / len(group)


def _is_default(study: Study, group: Group) -> bool:
    if study.recorded:
        return False
    first = study.trial(0)
    plain = {name: value for name, value in (first.settings if first else study.defaults).items() if name != "seed"}
    return {name: value for name, value in group[0].settings.items() if name != "seed"} == plain


def _facts(study: Study, group: Group) -> dict[str, Any]:
    values = sorted(trial.value or 0.0 for trial in group)
    return {"trial": _number(group[0]), "trials": [_number(trial) for trial in group], "count": len(group),
            "low": rounded(values[0]), "high": rounded(values[-1]), "mean": rounded(sum(values) / len(values)),
            "is_default": _is_default(study, group)}


def _t_p(gap: float, error: float, freedom: int) -> float:
    """Two-sided p of `gap` with standard error `error`."""
    from scipy.stats import t

    if freedom < 1:
        return 1.0
    if not math.isfinite(error) or not math.isfinite(gap):
        return 1.0
    if error <= 0:
        return 0.0 if gap > 0 else 1.0
    return float(2 * t.sf(abs(gap) / error, freedom))
