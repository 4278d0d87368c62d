"""What a suggestion might bring, from what the trials so far did. Where no number tells, that is the answer.

Each gain has `by`, the ground that it stands on:

    trend        the runs near the edge got better towards it: so much better again, should that go on (`amount`);
                 `spread`, where settings were run again with other seeds, is what luck alone does to one run
    trend_open   the same, where going on would pass the best possible score: what was gained up to the edge
    chance       the chance that one of the new runs beats the best, were all of them equally good (`share`)
    range        how the middle runs inside and outside the suggested range did
    late_fall    which share of its validation loss the best run lost over its last third
    past_lowest  how far above their lowest validation loss the overfitted runs ended
    lead         how far the best is ahead of the next one: whether that is luck, is what can be learnt
    lost         how many runs were lost for this reason, of all and inside the suggested range
    level        between which values most runs lay: little is left to gain
    test         on how many questions of the sealed test the two models differ
    judgement    nothing but one's own opinion
    untried      no run tells
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from tuner.analysis.ranges import beside_kept
from tuner.analysis.repeats import repeated_groups, spread_of
from tuner.analysis.shape import near_edge
from tuner.analysis.study import Study, broke_down, is_number, median, rounded
from tuner.analysis.trouble import curve_of, late_fall
from tuner.events import Finding, TrialRecord

Gain = dict[str, Any]
BEST_POSSIBLE: Mapping[str, float] = {"perplexity": 1.0}
"""Of metrics of which less is better; 0 for all others. Of those of which more is better it is 1."""


def gain(study: Study, findings: Sequence[Finding], facts: Mapping[str, Any]) -> Gain:
    """Promises `by` and the numbers behind what the suggestion `facts` may bring; `untried` where there are none."""
    found: Gain | None = None
    match facts["action"]:
        case "widen":
            found = _trend(study, facts)
        case "more_trials":
            found = _chance(len(_judged(study)), facts["trials"])
        case "focus":
            found = _chance(len(_inside(_judged(study), facts)), facts["trials"])
        case "higher_rate":
            found = _range(study, facts)
        case "lower_rate" | "narrow":
            found = _lost(study, facts, [trial for trial in study.ended if broke_down(trial)])
        case "smaller_batch" | "shorter":
            found = _out_of_memory(study, facts)
        case "more_epochs":
            found = _late_fall(study)
        case "fewer_epochs":
            found = _past_lowest(findings) or _range(study, facts)
        case "other_seeds":
            found = _lead(study)
        case "stop_tuning" | "stop_search":
            found = _level(findings)
        case "compare":
            found = _test(findings)
    return found or {"by": "untried"}


def _trend(study: Study, facts: Mapping[str, Any]) -> Gain | None:
    """The median slope between the runs near the edge (Theil 1950, Sen 1968), followed beyond it as far as it was seen
    at most."""
    name, side, best = facts["name"], facts["side"], study.best
    places, costs = near_edge(study, name, side)
    runs = zip(places.tolist(), costs.tolist(), strict=True)
    slopes = [(late - early) / (there - here)
              for (here, early), (there, late) in itertools.combinations(runs, 2) if there > here]
    if best is None or not slopes or median(slopes) <= 0:
        return None
    seen = float(places[-1] - places[0])
    beyond = min(abs(study.axis(name, facts["high" if side == "high" else "low"]) - study.axis(name, facts["edge"])),
                 seen)
    amount = rounded(median(slopes) * beyond, 2)
    end = -1.0 if study.maximise else BEST_POSSIBLE.get(study.metric, 0.0)
    if study.cost(best) - amount <= end:
        return {"by": "trend_open", "amount": rounded(median(slopes) * seen, 2)}
    spread, freedom = spread_of(repeated_groups(study))
    return {"by": "trend", "amount": amount, "spread": rounded(spread, 2) if freedom else None}


def _chance(before: int, more: int) -> Gain:
    """Were all runs equally good, the best of all would be among the new ones in `more` of `before + more` cases."""
    return {"by": "chance", "share": rounded(more / (before + more), 2)}


def _range(study: Study, facts: Mapping[str, Any]) -> Gain | None:
    """Middle values of the runs inside and outside the suggested range."""
    inside = [trial.value for trial in _inside(study.complete, facts) if trial.value is not None]
    outside = [trial.value for trial in study.complete if trial.value is not None
               and is_number(trial.settings.get(facts["name"])) and trial not in _inside((trial,), facts)]
    if not inside or not outside:
        return None
    return {"by": "range", "inside": rounded(median(inside)), "outside": rounded(median(outside)),
            "inside_count": len(inside), "outside_count": len(outside)}


def _lost(study: Study, facts: Mapping[str, Any], lost: Sequence[TrialRecord]) -> Gain:
    """How many runs were lost for this reason, of all and inside the suggested range."""
    inside = _inside(study.ended, facts)
    return {"by": "lost", "lost": len(lost), "of": len(study.ended), "inside": len(inside),
            "inside_lost": sum(trial in lost for trial in inside)}


def _out_of_memory(study: Study, facts: Mapping[str, Any]) -> Gain:
    """The same for memory: inside are only runs that used no more of the other knob than the new search keeps."""
    lost = [trial for trial in study.ended if trial.cause == "out_of_memory"]
    other, kept = beside_kept(study, facts["name"])
    inside = _inside(study.ended, facts)
    if kept is None:
        return _lost(study, facts, lost)
    inside = [trial for trial in inside if is_number(used := trial.settings.get(other)) and used <= kept]
    return {"by": "lost", "lost": len(lost), "of": len(study.ended), "inside": len(inside),
            "inside_lost": sum(trial in lost for trial in inside), "beside": other, "at_most": kept}


def _late_fall(study: Study) -> Gain | None:
    """Which share of its validation loss the best run lost over its last third. A share, because as much again as it
    lost in numbers may be more than is left."""
    found = late_fall(curve_of(study.best)) if study.best is not None else None
    if found is None or found[0] <= found[1]:
        return None
    return {"by": "late_fall", "share": rounded((found[0] - found[1]) / found[0], 2)}


def _past_lowest(findings: Sequence[Finding]) -> Gain | None:
    """How far above their lowest validation loss the overfitted runs ended, in the middle."""
    rises = [one.facts["last"] - one.facts["lowest"] for one in findings if one.kind == "overfitted"]
    return {"by": "past_lowest", "amount": rounded(median(rises), 2)} if rises else None


def _lead(study: Study) -> Gain | None:
    """How far the best is ahead of the next one: whether that is luck can be learnt."""
    costs = sorted(study.cost(trial) for trial in study.complete)
    return {"by": "lead", "amount": rounded(costs[1] - costs[0], 2)} if len(costs) > 1 else None


def _level(findings: Sequence[Finding]) -> Gain | None:
    """Between which values most runs lay where nothing mattered."""
    flat = next((one.facts for one in findings if one.kind == "flat"), None)
    return {"by": "level", "low": flat["low"], "high": flat["high"]} if flat else None


def _test(findings: Sequence[Finding]) -> Gain:
    """On how many questions of the sealed test the tuned and the untouched model differ."""
    over = next((one.facts.get("over_base") for one in findings if one.kind == "winner"), None)
    if over is None or over["by"] != "right":
        return {"by": "judgement"}
    return {"by": "test", "better": over["better"], "worse": over["worse"], "count": over["count"]}


def _judged(study: Study) -> list[TrialRecord]:
    """The best and the runs that are known to be behind it, because they came to their end or were stopped early."""
    return [trial for trial in study.ended if trial.state in ("complete", "pruned")]


def _inside(trials: Sequence[TrialRecord], facts: Mapping[str, Any]) -> list[TrialRecord]:
    """The runs whose setting lies in the suggested range."""
    return [trial for trial in trials if is_number(value := trial.settings.get(facts["name"]))
            and facts["low"] <= value <= facts["high"]]
