"""What went wrong over all trials: above which value runs broke down or ran out of memory, and how many overfitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tuner.analysis.chance import split_p
from tuner.analysis.study import BROKEN, Study, is_number, median, neat_between, rounded
from tuner.events import Finding, TrialRecord

CLAIM_P = 0.01
STRONG_P = 0.002
Axis = Callable[[TrialRecord], float | None]


def threshold_findings(study: Study) -> tuple[Finding, ...]:
    """At most one `threshold` finding for break-downs and one for memory, where chance would not do as much."""
    found = []
    for what, causes in (("broke_down", BROKEN), ("out_of_memory", frozenset({"out_of_memory"}))):
        bad = [trial for trial in study.trials if trial.state == "failed" and trial.cause in causes]
        sound = [trial for trial in study.trials if trial.state in ("complete", "pruned")]
        finding = _threshold(study, what, bad, sound) if len(bad) >= 2 and len(sound) >= 2 else None
        if finding is not None:
            found.append(finding)
    return tuple(found)


def _axes(study: Study, what: str) -> dict[str, Axis]:
    """Numbers that may part good from bad: each searched knob, for memory also examples times tokens in one step."""
    axes: dict[str, Axis] = {name: _knob(name) for name in study.searched if study.is_numeric(name) and name != "seed"}
    if what == "out_of_memory" and {"batch_size", "max_length"} <= set(study.searched):
        axes = {"batch_tokens": _batch_tokens} | axes
    return axes


def _knob(name: str) -> Axis:
    def value(trial: TrialRecord) -> float | None:
        found = trial.settings.get(name)
        return float(found) if is_number(found) else None
    return value


def _batch_tokens(trial: TrialRecord) -> float | None:
    batch, length = trial.settings.get("batch_size"), trial.settings.get("max_length")
    return float(batch) * float(length) if is_number(batch) and is_number(length) else None


def _threshold(study: Study, what: str, bad: Sequence[TrialRecord], sound: Sequence[TrialRecord]) -> Finding | None:
    trials = [*bad, *sound]
    names, columns = [], []
    for name, axis in _axes(study, what).items():
        values = [axis(trial) for trial in trials]
        if all(value is not None for value in values):
            names.append(name)
            columns.append(np.asarray(values, dtype=float))
    if not names:
        return None
    broken = np.asarray([True] * len(bad) + [False] * len(sound))
    cuts, chances = split_p(broken, columns)
    place = int(np.argmin(chances))
    if chances[place] > CLAIM_P or math.isnan(cuts[place]):
        return None
    column, cut = columns[place], cuts[place]
    above, below = column > cut, column <= cut
    facts: dict[str, Any] = {
        "what": what, "name": names[place], "value": neat_between(cut, float(column[above].min())),
        "above_bad": int(broken[above].sum()), "above": int(above.sum()),
        "below_bad": int(broken[below].sum()), "below": int(below.sum()),
        "highest_sound": rounded(float(column[~broken].max()), 3), "p": rounded(chances[place]),
    }
    clean = facts["above_bad"] == facts["above"] and facts["below_bad"] == 0
    strong = chances[place] <= STRONG_P and clean and len(bad) >= 3
    return Finding(kind="threshold", strength="strong" if strong else "weak", facts=facts)


def overfitting_findings(study: Study, trials: Sequence[Finding]) -> tuple[Finding, ...]:
    """Promises an `overfitting` finding when at least two and a third of the complete runs overfitted."""
    mine = [finding for finding in trials if finding.kind == "overfitted"]
    complete = len(study.complete)
    if len(mine) < 2 or 3 * len(mine) < complete:
        return ()
    from_epochs = [finding.facts["from_epoch"] for finding in mine if finding.facts["from_epoch"] is not None]
    longest = [finding.facts["epochs"] for finding in mine if finding.facts["epochs"] is not None]
    facts = {
        "count": len(mine), "of": complete, "numbers": [finding.facts["trial"] for finding in mine],
        "from_epoch": round(median(from_epochs)) if from_epochs else None,
        "epochs": max(longest) if longest else None,
    }
    return (Finding(kind="overfitting", strength="strong" if len(mine) >= 3 else "weak", facts=facts),)


def failure_findings(study: Study) -> tuple[Finding, ...]:
    """Promises one `failures` finding that counts the trials that failed, by cause, when there are any."""
    causes: dict[str, int] = {}
    for trial in study.trials:
        if trial.state == "failed":
            causes[trial.cause or "crashed"] = causes.get(trial.cause or "crashed", 0) + 1
    if not causes:
        return ()
    facts = {"failed": sum(causes.values()), "of": len(study.ended), "causes": dict(sorted(causes.items()))}
    return (Finding(kind="failures", strength="strong", facts=facts),)
