"""Which knobs mattered, and which pairs. Two ways must agree before a knob is named; see the table in __init__.py."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tuner.analysis.chance import Array, Question, basis, explained_share, permutation_p, ranks, resamples, squeezed
from tuner.analysis.standing import counted, ranked_trials
from tuner.analysis.study import Study, finite, is_number, rounded
from tuner.events import Finding, Strength, TrialRecord
from tuner.plan.space import Choices

FEWEST = 8
"""Complete trials below which nothing is said about knobs."""
PLENTY = 50
"""Trials from which PED-ANOVA is on firm ground; below, evidence is weak at most."""
CLAIM_P = 0.002
STRONG_P = 0.001
FLAT_P = 0.01
"""Below this something may be there after all: more trials are wanted before nothing is called flat."""
FLAT_PAIR_P = 0.05
"""The same for pairs, of which fewer are seen."""
RESAMPLES = 300
SURE_SHARE = 0.5
"""Where the whole bootstrap interval of the share lies above this, PED-ANOVA need not agree: in a search that went to
the good values at once it finds nothing to compare."""
PED_WIDER = (0.65, 0.8)
"""Parts of all trials, from the best, that PED-ANOVA compares with the rest beside the very best ones."""
PAIR_FEWEST = 30
PAIR_P = 0.001
PAIR_STRONG_P = 0.0005
PAIR_AGREES_P = 0.05
"""For the pair that one way names, by the other way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One knob that mattered."""

    name: str
    share: float
    """Of the variance of the ranks, beyond the knobs named before it."""
    p: float
    low: float
    high: float
    """95% bootstrap interval of the share."""
    ped_share: float
    """PED-ANOVA's share of all searched knobs."""
    strength: Strength


def knobs_that_vary(study: Study, trials: Sequence[TrialRecord]) -> tuple[str, ...]:
    """Searched knobs with at least two values among `trials`; the seed is luck, not a knob."""
    return tuple(
        name for name in study.searched
        if name != "seed" and len({trial.settings.get(name) for trial in trials} - {None}) >= 2
        and all(trial.settings.get(name) is not None for trial in trials)
    )


def design(study: Study, name: str, trials: Sequence[TrialRecord], by: Literal["rank", "scale"] = "rank") -> Array:
    """Columns (n, k) that can follow a rise, a fall and a sweet spot of a number, or one level for each word.

    `rank` spreads the runs evenly, which suits a random search; `scale` keeps their distances, which suits a search
    that soon stays near the best and leaves few runs far out.
    """
    values = [trial.settings[name] for trial in trials]
    if study.is_numeric(name) and all(is_number(value) for value in values):
        place = ranks(values) if by == "rank" else np.asarray([study.axis(name, value) for value in values])
        if len(set(values)) < 3:
            return place[:, None]
        place = place - place.mean()
        place = place / np.abs(place).max()
        return np.stack([place, place**2], axis=1)
    levels = sorted({str(value) for value in values})
    return np.stack([np.asarray([str(value) == level for value in values], dtype=float) for level in levels], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One knob's effect beyond others: the share it explains, and the chance of so much by accident."""

    name: str
    share: float
    p: float


def effects(study: Study, names: Sequence[str], beyond: Sequence[str], trials: Sequence[TrialRecord],
            costs: Array) -> tuple[Seen, ...]:
    """Promises the effect of each of `names` beyond `beyond`, p adjusted for all of them, the surest first."""
    questions, bases, ways = [], [], (("rank", ranks(costs)), ("scale", squeezed(costs)))
    for by, target in ways:
        known = [design(study, name, trials, by) for name in beyond]  # type: ignore[arg-type]
        base = basis(np.concatenate(known, axis=1)) if known else np.zeros((len(trials), 0))
        questions += [Question(design=design(study, name, trials, by), target=target) for name in names]  # type: ignore[arg-type]
        bases += [base] * len(names)
    shares, chances = permutation_p(questions, bases)
    seen = []
    for place, name in enumerate(names):
        p, share = min((chances[way], -shares[way]) for way in (place, place + len(names)))
        seen.append(Seen(name=name, share=-share, p=p))
    return tuple(sorted(seen, key=lambda one: (one.p, -one.share, one.name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    claims: tuple[Claim, ...]
    """The strongest first."""
    lowest_p: float
    """Of all knobs, before anything is known: how near to a claim the nearest came."""


def importance(study: Study) -> Importance:
    """Promises the knobs that mattered; none at all where chance could have done it."""
    trials, costs = ranked_trials(study)
    names = list(knobs_that_vary(study, trials)) if counted(study) >= FEWEST else []
    if not names:
        return Importance(claims=(), lowest_p=1.0)
    count, ped = len(names), ped_anova(study, trials, costs, names)
    found: list[Claim] = []
    known: list[str] = []
    lowest_p = 1.0
    while names and 2 * len(known) + 4 < len(trials):
        first = effects(study, names, known, trials, costs)[0]
        lowest_p = first.p if not known else lowest_p
        if first.p > CLAIM_P:
            break
        known.append(first.name)
        names.remove(first.name)
        low, high = _interval(study, first, known[:-1], trials, costs)
        if count > 1 and ped[first.name] < 0.5 / count and low < SURE_SHARE:
            continue
        leading = sorted(ped.values(), reverse=True)[: len(found) + 1]
        strong = len(trials) >= PLENTY and first.p <= STRONG_P and ped[first.name] >= leading[-1]
        found.append(Claim(name=first.name, share=first.share, p=first.p, low=low, high=high, ped_share=ped[first.name],
                           strength="strong" if strong else "weak"))
    return Importance(claims=tuple(found), lowest_p=lowest_p)


def _interval(
    study: Study, seen: Seen, beyond: Sequence[str], trials: Sequence[TrialRecord], costs: Array
) -> tuple[float, float]:
    """The 95% interval of the share over resampled trials (percentile bootstrap), in the way that gave the share."""
    found = []
    for by, target in (("rank", ranks(costs)), ("scale", squeezed(costs))):
        own = design(study, seen.name, trials, by)  # type: ignore[arg-type]
        others = (design(study, name, trials, by) for name in beyond)  # type: ignore[arg-type]
        known = np.concatenate([np.zeros((len(trials), 1)), *others], axis=1)
        point = explained_share(own, known, target)
        draws = resamples(len(trials), RESAMPLES)
        shares = [explained_share(own[rows], known[rows], target[rows]) for rows in draws]
        found.append((abs(point - seen.share), shares))
    low, high = np.quantile(min(found, key=lambda one: one[0])[1], [0.025, 0.975])
    return min(float(low), seen.share), max(float(high), seen.share)


def ped_anova(study: Study, trials: Sequence[TrialRecord], costs: Array, names: Sequence[str]) -> dict[str, float]:
    """PED-ANOVA's shares (Watanabe et al. 2023), summing to at most 1: the mean over the best and two wider parts.

    Below 50 trials the best are the top third. The wider parts tell where a search went to the good values so soon that
    the best trials look like all the others.
    """
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.importance import PedAnovaImportanceEvaluator

    dists: dict[str, object] = {}
    for name in names:
        values = [trial.settings[name] for trial in trials]
        spread = not isinstance(study.space[name], Choices) and len(set(values)) > 6
        if spread and all(is_number(value) for value in values):
            dists[name] = FloatDistribution(min(map(float, values)), max(map(float, values)),
                                            log=study.is_log(name) and min(map(float, values)) > 0)
        else:
            dists[name] = CategoricalDistribution(sorted({str(value) for value in values}))
    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            copy = optuna.create_study(direction="minimize")
            for trial, cost in zip(trials, costs, strict=True):
                params = {name: (float(trial.settings[name]) if isinstance(dist, FloatDistribution)
                                 else str(trial.settings[name])) for name, dist in dists.items()}
                copy.add_trial(optuna.trial.create_trial(params=params, distributions=dists, value=float(cost)))
            quantile = 0.1 if len(trials) >= 2 * PLENTY else 0.2 if len(trials) >= PLENTY else 0.35
            parts = [PedAnovaImportanceEvaluator(target_quantile=one).evaluate(copy) for one in (quantile, *PED_WIDER)]
        finally:
            optuna.logging.set_verbosity(before)
    wholes = [sum(part.values()) or 1.0 for part in parts]
    shares = {name: [part.get(name, 0.0) / whole for part, whole in zip(parts, wholes, strict=True)] for name in names}
    return {name: sum(each) / len(each) for name, each in shares.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    findings: tuple[Finding, ...]
    """The surest pair, where the data carry one."""
    lowest_p: float
    """Of all pairs: how near to a claim the nearest came."""


def interactions(study: Study) -> Pairs:
    """The pair of numbers whose effect is more than the sum of their own: by ranks or by values, and by both at least
    a little, since a mere change of scale can make one out of two knobs that do their work apart.
    """
    trials, costs = ranked_trials(study)
    names = [name for name in knobs_that_vary(study, trials) if study.is_numeric(name)]
    pairs = list(itertools.combinations(names, 2))
    if len(trials) < max(PAIR_FEWEST, 4 * len(names) + 10) or not pairs:
        return Pairs(findings=(), lowest_p=1.0)
    place = {name: ranks([float(trial.settings[name]) for trial in trials]) for name in names}
    base = basis(np.concatenate([design(study, name, trials) for name in names], axis=1))
    products = [(place[left] * place[right])[:, None] for left, right in pairs]
    ways = (ranks(costs), squeezed(costs))
    questions = [Question(design=one, target=target) for target in ways for one in products]
    shares, chances = permutation_p(questions, [base] * len(questions))
    p, share, at = min(zip(chances, (-share for share in shares), range(len(questions)), strict=True))
    way, pair = divmod(at, len(pairs))
    other = Question(design=products[pair], target=ways[1 - way])
    if p > PAIR_P or permutation_p([other], [base])[1][0] > PAIR_AGREES_P:
        return Pairs(findings=(), lowest_p=p)
    left, right = pairs[pair]
    together = float(products[pair][:, 0] @ ways[way]) < 0
    found = Finding(
        kind="interaction", strength="strong" if len(trials) >= PLENTY and p <= PAIR_STRONG_P else "weak",
        facts={"names": [left, right], "together": together, "share": rounded(-share), "p": rounded(p),
               "trials": len(trials)},
    )
    return Pairs(findings=(found,), lowest_p=p)


def importance_findings(study: Study, claimed: Sequence[Claim]) -> tuple[Finding, ...]:
    """One `what_mattered` finding for each claim, the strongest first."""
    trials, _ = ranked_trials(study)
    return tuple(
        Finding(
            kind="what_mattered", strength=claim.strength,
            facts={"name": claim.name, "place": place, "share": rounded(claim.share),
                   "share_low": rounded(claim.low), "share_high": rounded(claim.high),
                   "p": max(0.001, rounded(claim.p)),
                   "ped_share": rounded(claim.ped_share), "trials": len(trials), "complete": len(study.complete),
                   "searched": len(study.searched)},
        )
        for place, claim in enumerate(claimed, start=1)
    )


def thin_and_flat(study: Study, seen: Importance, pairs: Pairs, other: bool, whole: Study) -> tuple[Finding, ...]:
    """`thin`: too few trials to say which knob mattered, and how many would do. `flat`: enough, and nothing mattered.

    `other` is True when something else (a threshold, or how long it learnt) was found to matter: then nothing is called
    flat, as where a pair was found. `study` has each repeated setting once and no lucky run; `whole` has every run.
    """
    nearly = seen.lowest_p < FLAT_P or pairs.lowest_p < FLAT_PAIR_P
    found = _thin_or_flat(study, nearly, bool(seen.claims or pairs.findings or other))
    fewer = len(study.complete) < len(whole.complete)
    return tuple(dataclasses.replace(one, facts={**one.facts, "fewer_than_tried": fewer}) for one in found)


def _thin_or_flat(study: Study, nearly: bool, found: bool) -> tuple[Finding, ...]:
    complete = len(study.complete)
    varied = knobs_that_vary(study, study.ended)
    enough = max(12, 4 * len(varied))
    if study.searched and not set(study.searched) - {"seed"}:
        return ()
    if counted(study) < FEWEST:
        return (_thin(study, complete, max(12, 4 * len(varied))),)
    if found or not varied:
        return ()
    if complete < enough:  # those stopped early are the worse ones: what is left is flat by choice
        return (_thin(study, complete, enough),)
    if nearly:
        return (_thin(study, complete, 2 * complete),)
    values = sorted(trial.value for trial in study.complete if finite(trial.value) and trial.value is not None)
    low, high = values[len(values) // 10], values[-1 - len(values) // 10]
    facts = {"trials": complete, "names": list(varied), "low": rounded(low), "high": rounded(high),
             "best": rounded(min(values) if not study.maximise else max(values))}
    return (Finding(kind="flat", strength="strong" if complete >= PLENTY else "weak", facts=facts),)


def _thin(study: Study, have: int, needed: int) -> Finding:
    """`more`: tries that bring so many finished ones, where the search stops as many early as it did so far."""
    stopped = sum(trial.state == "pruned" for trial in study.trials)
    more = -(-(needed - have) * (have + stopped) // have) if have else needed
    facts = {"what": "trials", "have": have, "needed": needed, "planned": study.planned, "more": more,
             "running": study.state == "running"}
    return Finding(kind="thin", strength="strong", facts=facts)
