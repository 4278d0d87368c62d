"""How a knob that mattered did its work: direction, the range of the good runs, whether the best sits at the edge."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from tuner.analysis.chance import bootstrap_rho, ranks
from tuner.analysis.importance import CLAIM_P, FEWEST, Claim, effects
from tuner.analysis.study import Study, is_number, median, rounded
from tuner.events import Finding, TrialRecord
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Range, Value

Shape = Literal[
    "lower_better", "higher_better", "high_worse", "low_worse", "sweet_spot", "choice", "unclear", "depends"
]
EDGE = 0.2
"""Share of the searched range (on its own scale) that counts as its edge."""
EXTREME = 0.05
"""A best run so near to an end of the range speaks against a sweet spot inside."""
NEAR = 1 / 3
"""Part of the range beside an edge in which the runs must still get better towards it."""
FEWEST_NEAR = 8
NEAR_P = 0.05
FEWEST_ON_ARM = 4
ARM_P = 0.02
"""Of one side of a sweet spot alone."""
LEAST_ROOM = 0.05
"""Part of the range that must be left beyond an edge, to be worth a search."""
WELL_INSIDE = 0.7
"""A lowest point nearer to the middle than this share of the half range is a sweet spot."""


def direction_findings(study: Study, claimed: Sequence[Claim], pairs: Sequence[Finding]) -> tuple[Finding, ...]:
    """Promises one `direction` finding for each claimed knob, from the complete trials alone.

    A knob whose effect depends on another (`pairs`) has no direction of its own.
    """
    return tuple(_direction(study, claim, claimed, pairs) for claim in claimed)


def _direction(study: Study, claim: Claim, claimed: Sequence[Claim], pairs: Sequence[Finding]) -> Finding:
    trials, name = study.complete, claim.name
    facts: dict[str, object] = {"name": name, "log": study.is_log(name), "trials": len(trials)}
    if any(name in pair.facts["names"] for pair in pairs):
        return Finding(kind="direction", strength="none", facts=facts | {"shape": "depends"})
    if not _shown_by_complete(study, claim, claimed):
        return Finding(kind="direction", strength="none", facts=facts | {"shape": "unclear"})
    if not (study.is_numeric(name) and all(is_number(trial.settings[name]) for trial in trials)):
        return Finding(kind="direction", strength=claim.strength, facts=facts | _levels(study, name, trials))
    shape, rho, turn = _shape(study, name, trials)
    facts |= {"shape": shape, "rho": rounded(rho), "turns": turn, **_good_range(study, name, trials)}
    return Finding(kind="direction", strength=claim.strength if shape != "unclear" else "none", facts=facts)


def _shown_by_complete(study: Study, claim: Claim, claimed: Sequence[Claim]) -> bool:
    """True when the runs that came through show the knob's effect by themselves, and not only which runs broke."""
    trials = study.complete
    if len(trials) < FEWEST or len({trial.settings[claim.name] for trial in trials}) < 2:
        return False
    costs = np.asarray([study.cost(trial) for trial in trials])
    others = [other.name for other in claimed if other.name != claim.name]
    return effects(study, [claim.name], others, trials, costs)[0].p <= CLAIM_P


def _levels(study: Study, name: str, trials: Sequence[TrialRecord]) -> dict[str, object]:
    groups: dict[str, list[float]] = {}
    for trial in trials:
        groups.setdefault(str(trial.settings[name]), []).append(study.cost(trial))
    middle = {level: median(costs) for level, costs in groups.items()}
    best = min(sorted(middle), key=lambda level: middle[level])
    worst = max(sorted(middle), key=lambda level: middle[level])
    sign = -1 if study.maximise else 1
    return {"shape": "choice", "best_choice": best, "worst_choice": worst,
            "best_median": rounded(sign * middle[best]), "worst_median": rounded(sign * middle[worst]),
            "best_count": len(groups[best]), "worst_count": len(groups[worst])}


def _shape(study: Study, name: str, trials: Sequence[TrialRecord]) -> tuple[Shape, float, bool]:
    """The shape, Spearman's rho of the knob with the cost (positive: lower was better), and whether it turns."""
    values = np.asarray([float(trial.settings[name]) for trial in trials])
    costs = np.asarray([study.cost(trial) for trial in trials])
    rho, low, high = bootstrap_rho(values, costs)
    turn = _turn(values, costs) if len(set(values.tolist())) >= 4 else None
    turns = turn is not None and abs(turn) < 1
    place = _best_place(study, name, trials)
    if turn is not None and abs(turn) <= WELL_INSIDE:
        return _arms(values, costs, turn, EXTREME <= place <= 1 - EXTREME), rho, True
    if low > 0:
        return "lower_better" if place <= EDGE else "high_worse", rho, turns
    if high < 0:
        return "higher_better" if place >= 1 - EDGE else "low_worse", rho, turns
    return "unclear", rho, turns


def _arms(values: np.ndarray, costs: np.ndarray, turn: float, inside: bool) -> Shape:
    """Which side of the lowest point is truly worse: both make a sweet spot, one alone only its own side."""
    place = ranks(values) / np.abs(ranks(values)).max()
    low_worse = _rises(-values[place <= turn], costs[place <= turn])
    high_worse = _rises(values[place >= turn], costs[place >= turn])
    if low_worse and high_worse:
        return "sweet_spot" if inside else "unclear"
    return "low_worse" if low_worse else "high_worse" if high_worse else "unclear"


def _rises(values: np.ndarray, costs: np.ndarray, p: float = ARM_P) -> bool:
    """True when the cost rises with the values beyond chance (Spearman, one side)."""
    from scipy.stats import spearmanr

    if len(values) < FEWEST_ON_ARM or len(set(values.tolist())) < 2 or len(set(costs.tolist())) < 2:
        return False
    found = spearmanr(values, costs, alternative="greater")
    return bool(found.pvalue <= p)


def _best_place(study: Study, name: str, trials: Sequence[TrialRecord]) -> float:
    """Where the best run lies among the values tried, from 0 to 1 on the knob's own scale.

    "Higher was better" beside a best one in the middle would contradict itself: then low values were merely worse.
    """
    places = [study.axis(name, trial.settings[name]) for trial in trials]
    best = min(range(len(trials)), key=lambda index: (study.cost(trials[index]), trials[index].number))
    width = max(places) - min(places)
    return (places[best] - min(places)) / width if width > 0 else 0.5


def _turn(values: np.ndarray, costs: np.ndarray) -> float | None:
    """Where, from -1 to 1 over the ranks, a parabola has its lowest point; None when it fits no better than a line."""
    place, target = ranks(values), ranks(costs)
    place = place / np.abs(place).max()
    line, parabola = np.polyfit(place, target, 1), np.polyfit(place, target, 2)
    whole = float(target @ target)
    if whole <= 0 or parabola[0] <= 0:
        return None
    left = [float(np.square(target - np.polyval(fit, place)).sum()) for fit in (line, parabola)]
    gain = left[0] - left[1]
    return float(-parabola[1] / (2 * parabola[0])) if gain / whole >= 0.1 else None


def _good_range(study: Study, name: str, trials: Sequence[TrialRecord]) -> dict[str, object]:
    """Where the best quarter of the runs lies (at least three), and how the runs inside and outside it did."""
    good = sorted(trials, key=lambda trial: (study.cost(trial), trial.number))[: max(3, math.ceil(len(trials) / 4))]
    low = min(float(trial.settings[name]) for trial in good)
    high = max(float(trial.settings[name]) for trial in good)
    inside = [trial for trial in trials if low <= float(trial.settings[name]) <= high]
    outside = [trial for trial in trials if trial not in inside]
    everything = [study.axis(name, trial.settings[name]) for trial in trials]
    width = study.axis(name, high) - study.axis(name, low)
    if not outside or width > 0.8 * (max(everything) - min(everything)):
        return {"good_low": None, "good_high": None}
    sign = -1 if study.maximise else 1
    return {
        "good_low": rounded(low, 2), "good_high": rounded(high, 2), "good_count": len(good),
        "inside_count": len(inside), "outside_count": len(outside),
        "inside_median": rounded(sign * median([study.cost(trial) for trial in inside])),
        "outside_median": rounded(sign * median([study.cost(trial) for trial in outside])),
    }


def edge_findings(study: Study, directions: Sequence[Finding], cuts: Sequence[Finding]) -> tuple[Finding, ...]:
    """Promises an `edge` finding where the best run sits at a bound of the range and the runs get better towards it.

    There is none where runs broke beyond one of `cuts` on the same knob. Where nothing lies beyond the bound, the best
    run must be twice as near to it.
    """
    found = []
    for direction in directions:
        name = direction.facts["name"]
        if any(cut.facts["name"] == name for cut in cuts):
            continue
        spec = study.space.get(name)
        if not isinstance(spec, Range) or spec.low is None or spec.high is None or direction.facts.get("turns"):
            continue
        side = _edge_side(study, name, (spec.low, spec.high), str(direction.facts.get("shape")))
        if side is not None:
            wider = _wider(study, name, (spec.low, spec.high), side)
            assert study.best is not None
            place = _place(study, name, study.best.settings[name], (spec.low, spec.high))
            if wider[0] is None and EDGE / 2 < place < 1 - EDGE / 2:
                continue
            facts = {"name": name, "side": side, "best_value": study.best.settings[name], "low": spec.low,
                     "high": spec.high, "new_low": wider[0], "new_high": wider[1], "trial": study.best.number}
            found.append(Finding(kind="edge", strength=direction.strength, facts=facts))
    return tuple(found)


def _edge_side(study: Study, name: str, bounds: tuple[float, float], shape: str) -> Literal["low", "high"] | None:
    value = study.best.settings.get(name) if study.best is not None else None
    if not is_number(value) or not bounds[0] <= float(value) <= bounds[1]:
        return None
    place = _place(study, name, value, bounds)
    if place <= EDGE and shape == "lower_better" and _gains(study, name, "low"):
        return "low"
    if place >= 1 - EDGE and shape == "higher_better" and _gains(study, name, "high"):
        return "high"
    return None


def _place(study: Study, name: str, value: Value, bounds: tuple[float, float]) -> float:
    """Where `value` lies between the bounds, from 0 to 1 on the knob's own scale."""
    low, high = study.axis(name, bounds[0]), study.axis(name, bounds[1])
    return (study.axis(name, value) - low) / (high - low) if high > low else 0.5


def _gains(study: Study, name: str, side: Literal["low", "high"]) -> bool:
    """True where the runs near the edge still get better towards it: beyond a level stretch nothing is to be found."""
    return _rises(*near_edge(study, name, side), NEAR_P)


def near_edge(study: Study, name: str, side: Literal["low", "high"]) -> tuple[np.ndarray, np.ndarray]:
    """Promises the complete runs in the third of the range at `side`, and more where they are few: how far each lies
    from the edge inwards on the knob's own scale, in that order, and its cost. Two arrays (n,)."""
    sign = 1 if side == "low" else -1
    runs = sorted((sign * study.axis(name, trial.settings[name]), study.cost(trial)) for trial in study.complete)
    places, costs = np.asarray([place for place, _ in runs]), np.asarray([cost for _, cost in runs])
    near = max(FEWEST_NEAR, int((places <= places[0] + (places[-1] - places[0]) * NEAR).sum()))
    near = near if len(set(places[:near].tolist())) >= 3 else len(runs)
    return places[:near], costs[:near]


def _wider(
    study: Study, name: str, bounds: tuple[float, float], side: Literal["low", "high"]
) -> tuple[Value, Value] | tuple[None, None]:
    """New bounds beyond `side`, inside what the knob allows and people use; none when there is nowhere to go."""
    knob = KNOBS.get(name)
    low, high = bounds
    whole = knob is not None and knob.kind == "int"
    if study.is_log(name):
        factor = 2.0 if whole else 3.0
        new = (low / factor, low * factor) if side == "low" else (high / factor, high * factor)
    else:
        step = (high - low) / 2
        new = (low - step, (low + high) / 2) if side == "low" else ((low + high) / 2, high + step)
    if knob is not None:
        new = max(new[0], knob.usual_low, knob.hard_low), min(new[1], knob.usual_high, knob.hard_high)
    neat = tuple(round(value) if whole else rounded(value, 1 if study.is_log(name) else 2) for value in new)
    ends = (low, neat[0]) if side == "low" else (neat[1], high)
    room = study.axis(name, ends[0]) - study.axis(name, ends[1])
    if neat[0] >= neat[1] or room < LEAST_ROOM * (study.axis(name, high) - study.axis(name, low)):
        return None, None
    return neat[0], neat[1]
