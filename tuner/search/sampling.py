"""One proposal from one history: Optuna's samplers as pure functions of (seed, number, what is known).

Every proposal builds a fresh study in memory and a sampler seeded for that trial's number: nothing is kept between two
proposals, so a search rebuilt from the store proposes what the uninterrupted one would have proposed. It has to be
so because a sampler's random state, CMA-ES's distribution (which Optuna keeps in trials' attributes) and the GP's warm
start are in no store.

How endings are told:
- finished: its cost. Costs are minimised; a metric of which more is better is negated.
- failed (diverged, out of memory, crashed): finished, at a cost clearly worse than the worst seen, so that every
  sampler avoids the neighbourhood. Optuna's own FAIL would be ignored and the region tried again; `set_constraint` is
  understood by TPE and GP, but CMA-ES only warns about it.
- pruned: TPE knows the state and ranks it by how far it came. GP and CMA-ES know only finished ones: the third quartile
  of the costs, worse than most and better than a failure.
- running: TPE counts it among the bad ones (constant liar), GP reckons with its outcome.
"""

from __future__ import annotations

import hashlib
import logging
import statistics
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from tuner.plan.plan import Method
from tuner.plan.space import Value
from tuner.search.space import Axis

optuna.logging.set_verbosity(logging.ERROR)
"""Nobody reads Optuna's own words; the worker logs each proposal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One trial as a sampler sees it."""

    number: int
    values: Mapping[str, Value]
    """Searched knobs only."""
    state: Literal["complete", "pruned", "failed", "running"]
    cost: float | None = None
    """Set when complete; less is better."""
    curve: Mapping[int, float] | None = None
    """Percent of the trial -> validation loss; of pruned trials."""


def seed_of(seed: int, number: int, attempt: int = 0) -> int:
    """Promises 32 bits that depend on all three and on nothing else."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}/{attempt}".encode()).digest()[:4], "big")


def propose(method: Method, axes: Sequence[Axis], past: Sequence[Past], *, seed: int, number: int,
            attempt: int = 0) -> dict[str, Value]:
    """Promises a value for each axis, inside it. `past` holds every other trial, in order of number."""
    distributions = {axis.name: axis.distribution for axis in axes}
    known = _told(past, distributions, pruned_as_such=method == "tpe")
    seeded = seed_of(seed, number, attempt)
    if method == "cmaes":
        found = _propose_cmaes(distributions, known, seed, seeded)
    else:
        study = _study(_sampler(method, seeded))
        study.add_trials([_frozen(trial, distributions) for trial in known])
        found = study.ask(distributions).params
    return {axis.name: axis.tidy(found[axis.name]) for axis in axes}


def _sampler(method: Method, seeded: int) -> optuna.samplers.BaseSampler:
    match method:
        case "tpe":
            return optuna.samplers.TPESampler(seed=seeded, n_startup_trials=1)
        case "gp":
            # The only way by which torch comes into the worker's process: Optuna's GP is written with it.
            return optuna.samplers.GPSampler(seed=seeded, n_startup_trials=1, warn_independent_sampling=False)
        case "cmaes":
            # CMA-ES moves along numbers only; choices are drawn one by one by TPE.
            choices = optuna.samplers.TPESampler(seed=seeded, n_startup_trials=1, constant_liar=False)
            return optuna.samplers.CmaEsSampler(seed=seeded, independent_sampler=choices,
                                                warn_independent_sampling=False)
        case _:
            return optuna.samplers.RandomSampler(seed=seeded)


def _propose_cmaes(distributions: dict[str, BaseDistribution], known: Sequence[Past], seed: int,
                   seeded: int) -> dict[str, Any]:
    """CMA-ES walks in generations: its walk is gone over again, trial by trial, with the values that were run."""
    study = _study(_sampler("cmaes", seeded))
    for trial in known:
        study.sampler = _sampler("cmaes", seed_of(seed, trial.number))
        study.enqueue_trial(dict(trial.values))
        asked = study.ask(distributions)
        if trial.cost is not None:
            study.tell(asked, trial.cost)
    study.sampler = _sampler("cmaes", seeded)
    return study.ask(distributions).params


def _study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    return optuna.create_study(sampler=sampler, pruner=optuna.pruners.NopPruner(), direction="minimize")


def _told(past: Sequence[Past], distributions: Mapping[str, BaseDistribution], *, pruned_as_such: bool) -> list[Past]:
    """What the sampler is told: nothing outside the space, and a cost wherever a state alone says too little."""
    inside = [trial for trial in past if _is_inside(trial, distributions)]
    costs = sorted(trial.cost for trial in past if trial.state == "complete" and trial.cost is not None)
    told = []
    for trial in inside:
        if trial.state == "failed":
            if not costs:
                continue  # Nothing to be worse than.
            margin = max(costs[-1] - costs[0], 0.1 * abs(costs[-1]), 1e-3)
            trial = Past(number=trial.number, values=trial.values, state="complete", cost=costs[-1] + margin)
        elif trial.state == "pruned" and not pruned_as_such:
            if not costs:
                continue
            cost = statistics.quantiles(costs, n=4)[2] if len(costs) > 1 else costs[0]
            trial = Past(number=trial.number, values=trial.values, state="complete", cost=cost)
        told.append(trial)
    return told


def _is_inside(trial: Past, distributions: Mapping[str, BaseDistribution]) -> bool:
    try:
        _frozen(Past(number=trial.number, values=trial.values, state="running"), distributions)
    except (ValueError, KeyError):
        return False
    return True


def _frozen(trial: Past, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """Raises ValueError or KeyError for a trial whose values are not all inside `distributions`."""
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "running": TrialState.RUNNING}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return optuna.create_trial(
                state=states[trial.state],
                value=trial.cost if trial.state == "complete" else None,
                params={name: trial.values[name] for name in distributions},
                distributions=dict(distributions),
                intermediate_values=dict(trial.curve or {}) if trial.state == "pruned" else None,
            )
        except UserWarning as warning:
            raise ValueError(str(warning)) from warning
