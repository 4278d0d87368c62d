"""What to do next: at most three suggestions, each following from a finding, each with its estimated cost and gain."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tuner.analysis import ranges
from tuner.analysis.gains import gain
from tuner.analysis.study import Study, broke_down, is_number, median, rounded
from tuner.analysis.trouble import curve_of, is_falling
from tuner.events import Finding
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Choices, Range

MOST = 3
MEMORY_SHARE = 0.2
"""Share of the tries that ran out of memory from which smaller batches are suggested."""
FOCUS_FEWEST = 12
"""Complete trials from which the range of the good ones is worth a search of its own."""

_NOT_FLAT = frozenset({"overfitting", "learnt_too_little", "learning_rate_too_low", "threshold", "nothing_learnt",
                       "contradictory"})
"""Findings beside which nobody is told to stop because nothing mattered."""


def next_findings(study: Study, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Promises at most three `next` findings, the most useful first, no two of the same action on the same knob.

    Each names its `action`, the finding it follows from (`because`), what it may bring (`gain`) and everything that its
    command sentence needs. A new search leaves the other searched settings as the best trial had them (`keep`).
    """
    chosen: list[Finding] = []
    seen: set[tuple[str, object]] = set()
    for facts in _wishes(study, findings):
        key = (str(facts["action"]), facts.get("name"))
        if key in seen or (facts.get("name") is not None and any(facts["name"] == other for _, other in seen)):
            continue
        seen.add(key)
        strength = facts.pop("strength")
        facts |= {"cost_s": _cost(study, facts), "job": study.number, "gain": gain(study, findings, facts)}
        if "name" in facts:
            facts |= {"keep": _kept(study, facts["name"]), "keep_trial": study.best.number if study.best else None}
        chosen.append(Finding(kind="next", strength=strength, facts=facts))
        if len(chosen) == MOST:
            break
    return tuple(chosen)


def _kept(study: Study, name: str) -> dict[str, Any]:
    """The best trial's other searched settings."""
    best = study.best.settings if study.best is not None else {}
    return {other: best[other] for other in study.searched if other in best and other not in (name, "seed")}


def _cost(study: Study, facts: dict[str, Any]) -> float | None:
    """Seconds, as long as tries took so far, more for more epochs; None where nothing is to be trained."""
    took = [trial.seconds for trial in study.complete if trial.seconds > 0]
    if not took or not isinstance(facts.get("trials"), int):
        return None
    longer = 1.0
    epochs = [float(value) for trial in study.complete if is_number(value := trial.settings.get("epochs"))]
    if facts.get("name") == "epochs" and epochs:
        longer = (facts["low"] + facts["high"]) / 2 / median(epochs)
    return rounded(median(took) * facts["trials"] * longer, 2)


def _wishes(study: Study, findings: Sequence[Finding]) -> Iterable[dict[str, Any]]:
    """Every suggestion in the order of its worth."""
    of = {finding.kind: finding for finding in reversed(findings)}
    if study.state == "running" or _hopeless(of):
        return
    wrong_rates = _rates(study, findings, of)
    yield from wrong_rates
    edge = next((finding for finding in findings if _leads_on(finding)), None)
    if edge is not None:
        facts = edge.facts
        yield {"action": "widen", "because": "edge", "name": facts["name"], "side": facts["side"],
               "edge": facts[facts["side"]], "low": facts["new_low"], "high": facts["new_high"], "trials": 12,
               "strength": edge.strength}
    yield from _memory(study, findings, of)
    lengths = list(_lengths(study, findings, of))
    yield from lengths
    thin = next((finding for finding in findings if finding.kind == "thin" and finding.facts["what"] == "trials"), None)
    if thin is not None and study.complete and not wrong_rates:
        yield {"action": "more_trials", "because": "thin", "trials": max(2, thin.facts["more"]), "strength": "strong",
               "space": _searched_again(study) if study.recorded else None}
    unsure = "lucky" in of and not of["lucky"].facts["repeated"]
    if unsure:
        yield {"action": "other_seeds", "because": "lucky", "name": "seed", "low": 1, "high": 5, "trials": 6,
               "trial": of["lucky"].facts["trial"], "strength": "weak"}
    yield from _below_threshold(study, of)
    if not unsure and not wrong_rates:
        yield from _focus(study, findings)
    if "flat" in of and not unsure and not lengths and not _NOT_FLAT & set(of):
        action = "stop_search" if study.recorded else "stop_tuning"
        yield {"action": action, "because": "flat", "strength": of["flat"].strength}
    if study.complete and "winner" in of and not study.recorded:
        yield {"action": "compare", "because": "winner", "trial": of["winner"].facts["best_trial"],
               "strength": of["winner"].strength}


def _leads_on(finding: Finding) -> bool:
    """True for an edge with room beyond it."""
    return finding.kind == "edge" and finding.facts["new_low"] is not None


def _hopeless(of: dict[str, Finding]) -> bool:
    """True where most examples contradict each other: no search makes up for that."""
    facts = of["contradictory"].facts if "contradictory" in of else None
    return facts is not None and 2 * facts["rows"] >= facts["of"]


def _rates(study: Study, findings: Sequence[Finding], of: dict[str, Finding]) -> list[dict[str, Any]]:
    """Other learning rates, where most runs broke at theirs or learnt next to nothing with them."""
    broken = sum(broke_down(trial) for trial in study.trials)
    if broken and (not study.complete or ("threshold" not in of and broken >= 3 and broken > len(study.complete))):
        found, action, because = ranges.below_broken(study), "lower_rate", "failures"
    elif low := [one.facts["learnt_from"] for one in findings if one.kind == "learning_rate_too_low"]:
        few = 2 * len(low) < len(study.complete)
        found = None if few else ranges.above_too_low(study, min(low))
        action, because = "higher_rate", "learning_rate_too_low"
    elif "nothing_learnt" in of:
        found, action, because = ranges.above_all(study), "higher_rate", "nothing_learnt"
    else:
        return []
    if found is None:
        return []
    return [{"action": action, "because": because, "name": "learning_rate", "low": found[0], "high": found[1],
             "trials": 8, "strength": "weak"}]


def _memory(study: Study, findings: Sequence[Finding], of: dict[str, Finding]) -> Iterable[dict[str, Any]]:
    """Smaller batches, and where there are none, shorter examples."""
    ran_out = of["failures"].facts["causes"].get("out_of_memory", 0) if "failures" in of else 0
    if not ran_out or (study.complete and ran_out < MEMORY_SHARE * len(study.ended)):
        return
    cuts = (one.facts for one in findings if one.kind == "threshold")
    cut = next((facts for facts in cuts if facts["what"] == "out_of_memory"), None)
    for action, name in (("smaller_batch", "batch_size"), ("shorter", "max_length")):
        if found := ranges.within_memory(study, name, cut):
            yield {"action": action, "because": "threshold" if cut else "failures", "name": name, "low": found[0],
                   "high": found[1], "trials": 6, "strength": "strong" if study.complete else "weak"}
            return


def _lengths(study: Study, findings: Sequence[Finding], of: dict[str, Finding]) -> Iterable[dict[str, Any]]:
    """More passes where the best run was still learning, fewer where runs overfitted."""
    best = study.best
    overfitted = {finding.facts["trial"] for finding in findings if finding.kind == "overfitted"}
    if best is not None and best.number not in overfitted and not broke_down(best) and is_falling(curve_of(best)):
        epochs = best.settings.get("epochs")
        if is_number(epochs):
            high = min(2 * math.ceil(float(epochs)), int(KNOBS["epochs"].usual_high))
            if high > epochs:
                because = "learnt_too_little" if "learnt_too_little" in of else "winner"
                yield {"action": "more_epochs", "because": because, "name": "epochs", "low": int(epochs),
                       "high": high, "trials": 6, "strength": "weak"}
    if "overfitting" in of:
        start, longest = of["overfitting"].facts["from_epoch"], of["overfitting"].facts["epochs"]
        if start is None and best is not None and is_number(best.settings.get("epochs")):
            start = float(best.settings["epochs"])
        if start is not None and longest is not None and start < longest:
            yield {"action": "fewer_epochs", "because": "overfitting", "name": "epochs", "low": 1,
                   "high": max(2, int(start)), "trials": 6, "strength": of["overfitting"].strength}


def _below_threshold(study: Study, of: dict[str, Finding]) -> Iterable[dict[str, Any]]:
    """Search on below a value above which runs break, when the space reaches beyond it."""
    if "threshold" not in of or of["threshold"].facts["name"] not in study.space:
        return
    facts = of["threshold"].facts
    spec = study.space[facts["name"]]
    if not isinstance(spec, Range) or spec.low is None or facts["highest_sound"] <= spec.low:
        return
    if found := ranges.sound(spec.low, facts["highest_sound"], whole=ranges.is_whole(facts["name"])):
        yield {"action": "narrow", "because": "threshold", "name": facts["name"], "low": found[0], "high": found[1],
               "trials": 12, "strength": of["threshold"].strength}


def _focus(study: Study, findings: Sequence[Finding]) -> Iterable[dict[str, Any]]:
    """Search on where the good runs lie, when the range reaches farther and nothing else is to be said of the knob."""
    edges = {one.facts["name"] for one in findings if one.kind == "threshold" or _leads_on(one)}
    for one in findings:
        if one.kind != "direction" or one.facts.get("good_low") is None or one.facts["name"] in edges:
            continue
        name, low, high = one.facts["name"], one.facts["good_low"], one.facts["good_high"]
        broken = [float(value) for trial in study.trials
                  if broke_down(trial) and is_number(value := trial.settings.get(name))]
        found = ranges.sound(low, high, whole=ranges.is_whole(name))
        if found and len(study.complete) >= FOCUS_FEWEST and found[1] < min(broken, default=math.inf):
            yield {"action": "focus", "because": "direction", "name": name, "low": found[0], "high": found[1],
                   "trials": 8, "strength": one.strength}
            return


def _neat(bound: float | None) -> float | None:
    """A bound that can be typed: three significant digits; whole numbers stay."""
    return rounded(bound, 3) if isinstance(bound, float) else bound


def _searched_again(study: Study) -> dict[str, Any]:
    """The space of a recording: two bounds, or a list of values."""
    bounds = {name: {"low": _neat(spec.low), "high": _neat(spec.high)} for name, spec in study.space.items()
              if isinstance(spec, Range)}
    return bounds | {name: {"choices": list(spec.values)} for name, spec in study.space.items()
                     if isinstance(spec, Choices)}
