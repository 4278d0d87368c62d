"""What went wrong over all trials: above which value runs broke down or ran out of memory, and how many overfitted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tuner.analysis.chance import Array, Question, permutation_p, ranks, split_p
from tuner.analysis.study import Study, broke_down, is_number, median, neat_between, rounded
from tuner.analysis.trouble import fall, fall_of_training, untouched_loss
from tuner.events import Finding, TrialRecord

CLAIM_P = 0.01
LAST_LOSSES_FEWEST = 10
"""Complete runs below which the last losses say nothing about overfitting."""
STRONG_P = 0.002
NOTHING = 0.05
"""Share of the loss at the start below which a run learnt almost nothing."""
NOTHING_FEWEST = 3
USUAL = {"broke_down": "learning_rate", "out_of_memory": "batch_tokens"}
"""What is to blame as a rule, asked by itself where all knobs asked at once leave it open."""
PRODUCT_SURE = 2
"""Runs on the wrong side of one knob's best cut from which a product that parts all is surely what decides. Of 597
drawn studies in which one knob decided, some product parted all in 6 of 86 with no such run, in 2 of 86 with one, in
none of the rest.
"""
Axis = Callable[[TrialRecord], float | None]


def threshold_findings(study: Study) -> tuple[Finding, ...]:
    """At most one `threshold` finding for break-downs and one for memory, where chance would not do as much."""
    found = []
    broken = [trial for trial in study.trials if broke_down(trial)]
    memory = [trial for trial in study.trials if trial.state == "failed" and trial.cause == "out_of_memory"]
    sound = [trial for trial in study.trials if trial.state in ("complete", "pruned") and not broke_down(trial)]
    for what, bad in (("broke_down", broken), ("out_of_memory", memory)):
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


def _products(broken: Array, names: Sequence[str], columns: Sequence[Array]) -> list[tuple[int, int, float]]:
    """The pairs of knobs whose product parts those that ran out of memory without exception, and p: memory goes by what
    is multiplied, whatever the knobs are called."""
    usable = [place for place, name in enumerate(names) if name != "batch_tokens" and columns[place].min() > 0]
    pairs = list(itertools.combinations(usable, 2))
    parting = [pair for pair in pairs if _exceptions(broken, columns[pair[0]] * columns[pair[1]]) == 0]
    if not parting:
        return []
    chances = split_p(broken, [*columns, *(columns[first] * columns[second] for first, second in pairs)])[1]
    found = [(*pair, chances[len(columns) + pairs.index(pair)]) for pair in parting]
    return [pair for pair in found if pair[2] <= CLAIM_P]


def _exceptions(broken: Array, column: Array, cut: float | None = None) -> int:
    """Runs on the wrong side of `cut`, by itself the highest sound value."""
    above = column > (float(column[~broken].max()) if cut is None else cut)
    return int((above != broken).sum())


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
    if min(chances) > CLAIM_P and USUAL[what] in names:
        usual = names.index(USUAL[what])
        chances[usual] = split_p(broken, [columns[usual]])[1][0]
    place = int(np.argmin(chances))
    column, cut, p = columns[place], cuts[place], chances[place]
    named: dict[str, Any] = {"name": names[place]}
    wrong = len(trials) if math.isnan(cut) else _exceptions(broken, column, cut)
    alone = what != "out_of_memory" or names[place] == "batch_tokens"
    products = [] if alone else _products(broken, names, columns)
    if len(products) == 1 and wrong:
        first, second, p = products[0]
        column, named = columns[first] * columns[second], {"name": "product", "names": [names[first], names[second]]}
        cut = float(column[~broken].max())
    if p > CLAIM_P or math.isnan(cut):
        return None
    clean = _exceptions(broken, column, cut) == 0 and not (products and wrong < PRODUCT_SURE)
    facts = _cut_facts(what, named, broken, column, cut) | {"p": rounded(p)}
    return Finding(kind="threshold", strength="strong" if p <= STRONG_P and clean and len(bad) >= 3 else "weak",
                   facts=facts)


def _cut_facts(what: str, named: dict[str, Any], broken: Array, column: Array, cut: float) -> dict[str, Any]:
    above, below = column > cut, column <= cut
    return {"what": what, **named, "value": neat_between(cut, float(column[above].min())),
            "above_bad": int(broken[above].sum()), "above": int(above.sum()),
            "below_bad": int(broken[below].sum()), "below": int(below.sum()),
            "highest_sound": rounded(float(column[~broken].max()), 3)}


def overfitting_findings(study: Study, trials: Sequence[Finding]) -> tuple[Finding, ...]:
    """Promises an `overfitting` finding when three complete runs overfitted, or two of at most six.

    Where no curves were kept, the last losses may tell: `_by_last_losses`.
    """
    mine = [finding for finding in trials if finding.kind == "overfitted"]
    complete = len(study.complete)
    if not mine:
        return _by_last_losses(study)
    if len(mine) < 2 or (len(mine) < 3 and complete > 6):
        return ()
    from_epochs = [finding.facts["from_epoch"] for finding in mine if finding.facts["from_epoch"] is not None]
    longest = [finding.facts["epochs"] for finding in mine if finding.facts["epochs"] is not None]
    facts = {
        "by": "curves", "count": len(mine), "of": complete, "numbers": [finding.facts["trial"] for finding in mine],
        "from_epoch": round(median(from_epochs)) if from_epochs else None,
        "epochs": max(longest) if longest else None,
    }
    return (Finding(kind="overfitting", strength="strong" if len(mine) >= 3 else "weak", facts=facts),)


def _by_last_losses(study: Study) -> tuple[Finding, ...]:
    """The more epochs, the lower the training loss and the higher the validation loss, each beyond chance."""
    trials = [trial for trial in study.complete if is_number(trial.settings.get("epochs"))
              and is_number(trial.metrics.get("train_loss"))]
    if "epochs" not in study.searched or len(trials) < LAST_LOSSES_FEWEST:
        return ()
    epochs = ranks([float(trial.settings["epochs"]) for trial in trials])
    train = ranks([float(trial.metrics["train_loss"]) for trial in trials])
    valid = ranks([float(trial.value or 0.0) for trial in trials])
    questions = [Question(design=epochs[:, None], target=target) for target in (train, valid)]
    shares, chances = permutation_p(questions, [np.zeros((len(trials), 0))] * 2)
    apart = float(epochs @ train) < 0 < float(epochs @ valid)
    if max(chances) > CLAIM_P or not apart or study.metric not in ("loss", "perplexity"):
        return ()
    facts = {"by": "losses", "count": None, "of": len(trials), "numbers": [], "from_epoch": None,
             "epochs": max(trial.settings["epochs"] for trial in trials),
             "train_share": rounded(shares[0]), "valid_share": rounded(shares[1]),
             "p": max(0.001, rounded(max(chances)))}
    return (Finding(kind="overfitting", strength="weak", facts=facts),)


def nothing_learnt_findings(study: Study) -> tuple[Finding, ...]:
    """Promises a `nothing_learnt` finding when no run of at least three lost a twentieth of its loss at the start, on
    the practice questions or on the training ones."""
    start = untouched_loss(study)
    falls = [(fall(trial, start), fall_of_training(trial)) for trial in study.complete]
    known = [max(valid, train or 0.0) for valid, train in falls if valid is not None]
    if len(known) < NOTHING_FEWEST or len(known) < len(falls) or max(known) >= NOTHING:
        return ()
    rates = [float(value) for trial in study.complete if is_number(value := trial.settings.get("learning_rate"))]
    facts = {"fall": rounded(max(0.0, *known), 2), "of": len(known), "highest_rate": max(rates) if rates else None}
    return (Finding(kind="nothing_learnt", strength="strong", facts=facts),)


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
