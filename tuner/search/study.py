"""A job's search as a study in a storage of Optuna's, so that optuna-dashboard shows it. Blocking; knows no store."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tuner.events import TestResult, TrialRecord
from tuner.plan.plan import MAXIMISED, Plan
from tuner.plan.space import Value
from tuner.problems import Problem, ProblemError
from tuner.repeats import confirmed_best
from tuner.search.space import Axis, axes
from tuner.store.records import Job

NUMBER = "onsa:trial"
"""User attribute of a trial: its number in Onsa, by which a second writing knows it."""
_STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "stopped": TrialState.PRUNED,
           "failed": TrialState.FAIL}


def study_name(job: Job) -> str:
    """Promises a name that this job has at every writing, and no other job of any home."""
    own = f"{job.plan.dataset}/{job.created_at!r}/{job.team}/{job.number}"
    return f"onsa-job-{job.number}-{hashlib.sha256(own.encode()).hexdigest()[:8]}"


def write_study(
    url: str, job: Job, trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord], tests: Sequence[TestResult]
) -> dict[str, Any]:
    """Promises every ended trial once in the study `study_name(job)` at `url`, with its parameters, distributions,
    value, intermediate values, state and attributes. Writing again adds what has ended since.

    Returns `study`, `trials` (there now) and `added`. Raises ProblemError for a storage that cannot be used.
    """
    try:
        return _write(url, job, trials, repeats, tests)
    except (SQLAlchemyError, StorageInternalError, ImportError, OSError, ValueError) as error:
        bad = isinstance(error, ArgumentError | ImportError | ValueError)
        key = "optuna.bad_url" if bad else "optuna.no_storage"
        said = str(getattr(error, "orig", None) or error).splitlines() or [type(error).__name__]
        raise ProblemError([Problem(key=key, facts={"url": _without_password(url), "said": said[0][:200]})]) from error


def _write(url: str, job: Job, trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord],
           tests: Sequence[TestResult]) -> dict[str, Any]:
    plan, name = job.plan, study_name(job)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study = optuna.create_study(
            storage=url, study_name=name, load_if_exists=True, sampler=optuna.samplers.RandomSampler(seed=plan.seed),
            direction="maximize" if plan.metric in MAXIMISED else "minimize",
        )
        study.set_metric_names([plan.metric])
    known = {trial.user_attrs.get(NUMBER) for trial in study.get_trials(deepcopy=False)}
    ended = sorted((trial for trial in trials if trial.state != "running"), key=lambda trial: trial.number)
    spaces = _distributions(axes(plan.space), ended)
    fresh = [_frozen(trial, plan, spaces) for trial in ended if trial.number not in known]
    if fresh:
        study.add_trials(fresh)
    for key, value in _about(job, trials, repeats, tests).items():
        study.set_user_attr(key, value)
    return {"study": name, "trials": len(known - {None}) + len(fresh), "added": len(fresh)}


def _about(job: Job, trials: Sequence[TrialRecord], repeats: Sequence[TrialRecord],
           tests: Sequence[TestResult]) -> Mapping[str, Any]:
    plan = job.plan
    scored = {result.subject: {"right": sum(result.right), "count": len(result.right)} for result in tests}
    return {"onsa:job": job.number, "onsa:state": job.state, "onsa:metric": plan.metric, "onsa:method": plan.method,
            "onsa:seed": plan.seed, "onsa:planned": plan.trials, "onsa:test": scored,
            "onsa:confirmed_best": confirmed_best(plan, trials, repeats)}


def _distributions(found: Sequence[Axis], trials: Iterable[TrialRecord]) -> dict[str, BaseDistribution]:
    """What was searched; lists hold also what trial 0 tried outside of them, because Optuna wants one list a study."""
    spaces: dict[str, BaseDistribution] = {}
    for axis in found:
        spaces[axis.name] = axis.distribution
        if isinstance(axis.distribution, CategoricalDistribution):
            tried = [trial.settings[axis.name] for trial in trials if axis.name in trial.settings]
            spaces[axis.name] = CategoricalDistribution(tuple(dict.fromkeys([*axis.distribution.choices, *tried])))
    return spaces


def _frozen(trial: TrialRecord, plan: Plan, spaces: Mapping[str, BaseDistribution]) -> FrozenTrial:
    state = _STATES[trial.state]
    value = trial.value if trial.value is not None and math.isfinite(trial.value) else None
    if state is TrialState.COMPLETE and value is None:
        state = TrialState.FAIL
    params = {name: trial.settings[name] for name in spaces if name in trial.settings}
    curve = {step: loss for step, _, loss in trial.curve if loss is not None and math.isfinite(loss)}
    fixed = {name: value for name, value in trial.settings.items() if name not in params}
    attributes = {
        NUMBER: trial.number, "onsa:defaults": trial.number == 0, "onsa:cause": trial.cause, "onsa:state": trial.state,
        "onsa:seconds": trial.seconds, "onsa:fixed": json.dumps(fixed, sort_keys=True),
        **{f"onsa:{name}": measured for name, measured in trial.metrics.items() if _is_plain(measured)},
    }
    return create_trial(
        state=state, value=value if state is TrialState.COMPLETE else None, params=dict(params),
        distributions={name: _holding(spaces[name], value) for name, value in params.items()},
        intermediate_values=curve, user_attrs=attributes,
    )


def _holding(space: BaseDistribution, value: Value) -> BaseDistribution:
    """The distribution, widened where trial 0 (the default settings) lies outside of what was searched."""
    if isinstance(space, FloatDistribution) and not space._contains(value):
        low, high = min(space.low, float(value)), max(space.high, float(value))
        return FloatDistribution(low, high, log=space.log and low > 0)
    if isinstance(space, IntDistribution) and not space._contains(value):
        low, high = min(space.low, int(value)), max(space.high, int(value))
        return IntDistribution(low, high, log=space.log and low > 0)
    return space


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def _without_password(url: str) -> str:
    head, at, rest = url.rpartition("@")
    scheme, slashes, _ = head.partition("://")
    return f"{scheme}{slashes}…@{rest}" if at and slashes else url
