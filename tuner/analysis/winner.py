"""Is the best trial really better: against the default settings and the untouched model, on the sealed test."""

from __future__ import annotations

import math
from typing import Any

from tuner.analysis.chance import paired_bootstrap, sign_p
from tuner.analysis.study import Study, finite, rounded
from tuner.events import Finding, Strength, TestResult

STRONG_P = 0.01
WEAK_P = 0.05
FEW_TESTS = 20
"""Sealed examples below which no difference is called strong."""


def winner_findings(study: Study) -> tuple[Finding, ...]:
    """Promises one `winner` finding, whatever there is to compare, as strong as its hardest comparison.

    With fewer sealed examples than would tell, a `thin` finding comes with it.
    """
    best, default, base = study.test("best"), study.test("default"), study.test("base")
    facts = _trials(study)
    facts |= {"tested": best is not None, "tested_trial": best.trial if best is not None else None}
    strength: Strength = "none"
    if best is not None:
        if best.trial is not None:
            facts["best_is_default"] = best.trial == 0
        facts |= _counts(best, default, base)
        opponents = {"default": None if facts["best_is_default"] else default, "base": base}
        for name, other in opponents.items():
            facts[f"over_{name}"] = compare(best, other) if other is not None and other.rows == best.rows else None
        hardest = facts["over_default"] or facts["over_base"]
        strength = hardest["strength"] if hardest else "none"
    found = [Finding(kind="winner", strength=strength, facts=facts)]
    if best is not None and _looks_better(facts):
        found += _thin_test(facts)
    return tuple(found)


def _trials(study: Study) -> dict[str, Any]:
    best, default = study.best, study.trial(0)
    if study.recorded:
        default = None  # Another program's first try need not be its default settings.
    default_value = default.value if default is not None and default.state == "complete" else None
    same = best is not None and default is not None and best.number == 0
    return {
        "metric": study.metric, "maximise": study.maximise,
        "trials": len(study.trials), "ended": len(study.ended), "complete": len(study.complete),
        "planned": study.planned, "state": study.state,
        "best_trial": best.number if best else None,
        "best_value": rounded(best.value) if best and best.value is not None else None,
        "best_settings": {name: best.settings.get(name) for name in study.searched} if best else {},
        "default_value": rounded(default_value) if default_value is not None and finite(default_value) else None,
        "best_is_default": same,
    }


def _counts(best: TestResult, default: TestResult | None, base: TestResult | None) -> dict[str, Any]:
    """Right answers and mean loss of each subject; `by` says which of the two the sentences should go by."""
    facts: dict[str, Any] = {"test_count": len(best.rows)}
    for name, result in (("best", best), ("default", default), ("base", base)):
        known = result is not None and len(result.right) > 0
        facts[f"{name}_right"] = sum(result.right) if result is not None and known else None
        losses = [loss for loss in result.losses if math.isfinite(loss)] if result is not None else []
        facts[f"{name}_loss"] = rounded(sum(losses) / len(losses)) if losses else None
    facts["by"] = "right" if any(facts[f"{name}_right"] for name in ("best", "default", "base")) else "loss"
    return facts


def compare(ours: TestResult, other: TestResult) -> dict[str, Any]:
    """Both on the same examples: right answers (exact sign test, paired bootstrap) and, beside it, the loss."""
    better = sum(1 for mine, theirs in zip(ours.right, other.right, strict=True) if mine and not theirs)
    worse = sum(1 for mine, theirs in zip(ours.right, other.right, strict=True) if theirs and not mine)
    count = len(ours.rows)
    facts: dict[str, Any] = {"better": better, "worse": worse, "same": count - better - worse, "count": count}
    by_right = any(ours.right) or any(other.right)
    if by_right:
        differences = [float(mine) - float(theirs) for mine, theirs in zip(ours.right, other.right, strict=True)]
        p = sign_p(better, worse)
    else:
        pairs = [(theirs, mine) for mine, theirs in zip(ours.losses, other.losses, strict=True)
                 if math.isfinite(mine) and math.isfinite(theirs)]
        differences = [theirs - mine for theirs, mine in pairs]
        up, down = sum(1 for gain in differences if gain > 0), sum(1 for gain in differences if gain < 0)
        facts |= {"better": up, "worse": down, "same": count - up - down}
        p = sign_p(up, down)
    if not differences:
        return facts | {"by": "right" if by_right else "loss", "p": 1.0, "low": 0.0, "high": 0.0, "probability": 0.5,
                        "difference": 0.0, "wins": False, "strength": "none"}
    low, high, probability = paired_bootstrap(differences)
    mean = sum(differences) / len(differences)
    sayable = min(0.99, max(0.01, probability))
    facts |= {"by": "right" if by_right else "loss", "difference": rounded(mean), "low": rounded(low),
              "high": rounded(high), "probability": rounded(sayable), "p": rounded(p), "wins": mean > 0}
    return facts | {"strength": _strength(count, p, low, high)}


def _strength(count: int, p: float, low: float, high: float) -> Strength:
    apart = low > 0 or high < 0
    if apart and p <= STRONG_P and count >= FEW_TESTS:
        return "strong"
    return "weak" if apart and p <= WEAK_P else "none"


def _looks_better(facts: dict[str, Any]) -> bool:
    hardest = facts["over_default"] or facts["over_base"]
    return hardest is not None and hardest["strength"] != "strong" and hardest["better"] > hardest["worse"]


def _thin_test(facts: dict[str, Any]) -> list[Finding]:
    """How many sealed examples would make the seen difference strong, were it real (McNemar, normal approximation)."""
    hardest = facts["over_default"] or facts["over_base"]
    better, worse, count = hardest["better"], hardest["worse"], hardest["count"]
    needed = math.ceil(2.58**2 * (better + worse) * count / (better - worse) ** 2)
    needed = max(FEW_TESTS, int(math.ceil(needed / 10) * 10))
    if needed <= count:
        return []
    against = "default" if facts["over_default"] else "base"
    return [Finding(kind="thin", strength="strong",
                    facts={"what": "test_examples", "have": count, "needed": needed, "against": against})]
