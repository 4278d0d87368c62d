"""What to do next: at most three suggestions, each following from a finding, each with its estimated cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tuner.analysis.study import Study, broke_down, is_number, median, rounded
from tuner.events import Finding
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Range

MOST = 3


def next_findings(study: Study, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Promises at most three `next` findings, the most useful first, no two of the same action on the same knob.

    Each names its `action`, the finding it follows from (`because`) and everything that its command sentence needs.
    """
    usual = [trial.seconds for trial in study.complete if trial.seconds > 0]
    seconds = median(usual) if usual else None
    chosen: list[Finding] = []
    seen: set[tuple[str, object]] = set()
    for facts in _wishes(study, findings):
        key = (str(facts["action"]), facts.get("name"))
        if key in seen or (facts.get("name") is not None and any(facts["name"] == other for _, other in seen)):
            continue
        seen.add(key)
        trials = facts.get("trials")
        cost = rounded(seconds * trials, 2) if seconds is not None and isinstance(trials, int) else None
        strength = facts.pop("strength")
        chosen.append(Finding(kind="next", strength=strength, facts=facts | {"cost_s": cost, "job": study.number}))
        if len(chosen) == MOST:
            break
    return tuple(chosen)


def _wishes(study: Study, findings: Sequence[Finding]) -> Iterable[dict[str, Any]]:
    """Every suggestion in the order of its worth."""
    of = {finding.kind: finding for finding in reversed(findings)}
    if study.state == "running":
        return
    broken = sum(broke_down(trial) for trial in study.trials)
    mostly_broken = "threshold" not in of and broken >= 3 and broken > len(study.complete)
    if not study.complete or mostly_broken:
        yield from _rescue(study, of)
    if "edge" in of:
        facts = of["edge"].facts
        yield {"action": "widen", "because": "edge", "name": facts["name"], "side": facts["side"],
               "low": facts["new_low"], "high": facts["new_high"], "trials": 12, "strength": of["edge"].strength}
    yield from _lengths(study, findings, of)
    thin = next((finding for finding in findings if finding.kind == "thin" and finding.facts["what"] == "trials"), None)
    if thin is not None and study.complete and not mostly_broken:
        yield {"action": "more_trials", "because": "thin", "trials": max(2, thin.facts["more"]), "strength": "strong"}
    if "lucky" in of and not of["lucky"].facts["repeated"]:
        yield {"action": "other_seeds", "because": "lucky", "name": "seed", "low": 1, "high": 5, "trials": 6,
               "trial": of["lucky"].facts["trial"], "settings": of["winner"].facts["best_settings"], "strength": "weak"}
    yield from _below_threshold(study, of)
    if "flat" in of and not {"overfitting", "learnt_too_little", "learning_rate_too_low", "threshold"} & set(of):
        action = "stop_search" if study.recorded else "stop_tuning"
        yield {"action": action, "because": "flat", "strength": of["flat"].strength}
    if study.complete and "winner" in of and not study.recorded:
        yield {"action": "compare", "because": "winner", "trial": of["winner"].facts["best_trial"],
               "strength": of["winner"].strength}


def _rescue(study: Study, of: dict[str, Finding]) -> Iterable[dict[str, Any]]:
    """No run came through: the one knob that is known to help against what happened."""
    causes = of["failures"].facts["causes"] if "failures" in of else {}
    rates = [value for trial in study.trials if trial not in study.complete
             and is_number(value := trial.settings.get("learning_rate"))]
    if causes.get("out_of_memory"):
        batch = [int(value) for trial in study.trials if is_number(value := trial.settings.get("batch_size"))]
        if batch and min(batch) > 1:
            yield {"action": "smaller_batch", "because": "failures", "name": "batch_size", "low": 1,
                   "high": max(2, min(batch) // 2), "trials": 6, "strength": "strong"}
    if (causes.get("diverged") or causes.get("nan")) and rates:
        low = min(rates)
        yield {"action": "lower_rate", "because": "failures", "name": "learning_rate", "low": rounded(low / 100, 1),
               "high": rounded(low / 3, 1), "trials": 8, "strength": "weak"}


def _lengths(study: Study, findings: Sequence[Finding], of: dict[str, Finding]) -> Iterable[dict[str, Any]]:
    """More passes where the best run was still learning, fewer where runs overfitted."""
    best = study.best
    still = {finding.facts["trial"] for finding in findings
             if finding.kind == "learnt_too_little" and finding.facts["still_falling"]}
    if best is not None and best.number in still:
        epochs = best.settings.get("epochs")
        if is_number(epochs):
            high = min(2 * math.ceil(float(epochs)), int(KNOBS["epochs"].usual_high))
            if high > epochs:
                yield {"action": "more_epochs", "because": "learnt_too_little", "name": "epochs", "low": int(epochs),
                       "high": high, "trials": 6, "strength": "weak"}
    if "overfitting" in of:
        start, longest = of["overfitting"].facts["from_epoch"], of["overfitting"].facts["epochs"]
        if start is not None and longest is not None and start < longest:
            yield {"action": "fewer_epochs", "because": "overfitting", "name": "epochs", "low": 1,
                   "high": max(2, int(start)), "trials": 6, "strength": of["overfitting"].strength}


def _below_threshold(study: Study, of: dict[str, Finding]) -> Iterable[dict[str, Any]]:
    """Search on below a value above which runs break, when the space reaches beyond it."""
    if "threshold" not in of or of["threshold"].facts["name"] not in study.space:
        return
    facts = of["threshold"].facts
    spec = study.space[facts["name"]]
    if isinstance(spec, Range) and spec.low is not None and spec.low < facts["highest_sound"]:
        low = rounded(spec.low, 3) if isinstance(spec.low, float) else spec.low
        yield {"action": "narrow", "because": "threshold", "name": facts["name"], "low": low,
               "high": facts["value"], "trials": 12, "strength": of["threshold"].strength}
