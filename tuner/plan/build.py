"""build(): a person's words and the measured facts become a complete plan that names every assumption."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tuner.plan.check import problems_of_space
from tuner.plan.estimate import estimate
from tuner.plan.knobs import KNOBS, Knob
from tuner.plan.models import ModelCard
from tuner.plan.plan import SEEDS, Method, Metric, Plan, Pruner
from tuner.plan.request import DataFacts, Draft, Request, Speed
from tuner.plan.space import Choices, Fixed, Range, Settings, Space, Spec, Value
from tuner.problems import Problem

MAX_GRID_POINTS = 10_000
MAX_TRIALS = 10_000
GRID_STEPS = 5
"""Points of a range in a grid search when no step was said."""
CONFIRMED = 3
"""Of the best settings so many are trained again with other seeds, where the search is long enough."""
HALVED_FROM = 6
"""Tries from which on weak ones are ended early when a person says nothing."""
SEARCHED_BY_DEFAULT = ("learning_rate", "lora_rank")
"""What is searched when a person names no knob: the two that matter most for LoRA in the literature."""


def build(request: Request, card: ModelCard, data: DataFacts, speed: Speed) -> Draft:
    """Promises a draft with a complete plan, or with no plan and at least one error among its problems.

    All problems of the request are found, never only the first. The plan spends nothing: a person confirms it first.
    """
    card = card.suited(data.split[0])
    assumed: list[str] = []
    said = dict(request.space)
    if not said and request.trials != 1:
        said = {name: _default_spec(KNOBS[name], card) for name in SEARCHED_BY_DEFAULT}
        assumed += list(said)
    said, turned = _in_order(said)
    problems = [*turned, *problems_of_space(said, card), *_problems_of_counts(request, data)]
    if any(problem.severity == "error" for problem in problems):
        return Draft(plan=None, estimate=None, problems=tuple(problems))
    method = _method(request.method, assumed)
    fixed = {name: _typed(KNOBS[name], spec.value) for name, spec in said.items() if isinstance(spec, Fixed)}
    searched: Space = {
        name: _complete(KNOBS[name], spec, method, card, assumed)
        for name, spec in said.items()
        if not isinstance(spec, Fixed)
    }
    points = _grid_points(searched) if method == "grid" else 0
    if points > MAX_GRID_POINTS:
        problems.append(Problem(key="plan.too_many_grid_points", facts={"points": points, "limit": MAX_GRID_POINTS}))
        return Draft(plan=None, estimate=None, problems=tuple(problems))
    defaults: Settings = {**card.defaults, **fixed}
    assumed += [name for name in KNOBS if name not in said]
    trials = _trials(request, searched, points, assumed)
    plan = Plan(
        model=card.reference,
        dataset=data.id,
        dataset_name=data.name,
        space=searched,
        defaults=defaults,
        method=method,
        pruner=_pruner(request, trials, assumed),
        metric=_metric(request.metric, assumed),
        trials=trials,
        parallel=_said(request.parallel, 0, "parallel", assumed),
        time_budget_s=request.time_budget_s,
        general_chat=_general_chat(request.general_chat, card, assumed),
        seed=_said(request.seed, 0, "search_seed", assumed),
        split=data.split,
        confirm=_confirmed(request, trials, searched, assumed),
        assumed=tuple(assumed if request.model else [*assumed, "model"]),
    )
    cost = estimate(plan, data, speed)
    problems += [*_grid_in_part(plan.trials, points), *_doubts(plan, data, cost.seconds)]
    return Draft(plan=plan, estimate=cost, problems=tuple(problems))


def _said(value: int | None, default: int, name: str, assumed: list[str]) -> int:
    if value is None:
        assumed.append(name)
        return default
    return value


def _general_chat(said: int | None, card: ModelCard, assumed: list[str]) -> int:
    """A person says whether; how many suit the model and the data is the card's business, where it knows."""
    count = _said(said, card.general_chat, "general_chat", assumed)
    return min(count, card.general_chat) if card.general_chat else count


def _in_order(space: Space) -> tuple[dict[str, Spec], list[Problem]]:
    """Bounds said the wrong way round are swapped, and that is said."""
    ordered: dict[str, Spec] = {}
    problems = []
    for name, spec in space.items():
        if isinstance(spec, Range) and spec.low is not None and spec.high is not None and spec.low > spec.high:
            spec = Range(low=spec.high, high=spec.low, log=spec.log, step=spec.step)
            problems.append(
                Problem(
                    key="plan.reversed_bounds",
                    severity="warning",
                    facts={"name": name, "low": spec.low, "high": spec.high},
                )
            )
        ordered[name] = spec
    return ordered, problems


def _problems_of_counts(request: Request, data: DataFacts) -> list[Problem]:
    problems = []
    if request.trials is not None and not 1 <= request.trials <= MAX_TRIALS:
        problems.append(Problem(key="plan.trials_out_of_range", facts={"trials": request.trials, "limit": MAX_TRIALS}))
    if request.parallel is not None and request.parallel < 1:
        problems.append(Problem(key="plan.parallel_out_of_range", facts={"parallel": request.parallel}))
    if request.time_budget_s is not None and request.time_budget_s < 1:
        problems.append(Problem(key="plan.time_out_of_range", facts={"seconds": request.time_budget_s}))
    if data.split[0] < 1 or data.split[1] < 1:
        problems.append(Problem(key="plan.too_few_examples", facts={"examples": data.examples}))
    return problems


def _default_spec(knob: Knob, card: ModelCard) -> Spec:
    if knob.kind == "choice":
        return Choices(values=knob.choices)
    low, high = card.recommended.get(knob.name) or knob.default_range or (knob.usual_low, knob.usual_high)
    if knob.kind == "int":
        low, high = math.ceil(low), math.floor(high)
    return Range(low=low, high=high, log=knob.log)


def default_spec(name: str, card: ModelCard) -> Spec:
    """Promises what is searched when a person names the knob `name` and no values: the model's recommended range."""
    return _default_spec(KNOBS[name], card)


def _typed(knob: Knob, value: Value) -> Value:
    if isinstance(value, str):
        return value
    return int(value) if knob.kind == "int" else float(value)


def _complete(knob: Knob, spec: Spec, method: Method, card: ModelCard, assumed: list[str]) -> Spec:
    """Both bounds, a scale, the knob's type; a range becomes evenly spaced choices for a grid."""
    if isinstance(spec, Choices):
        return Choices(values=tuple(dict.fromkeys(_typed(knob, value) for value in spec.values)))
    if isinstance(spec, Fixed):
        raise TypeError(f"a fixed knob must not be searched, got {knob.name}")
    default = _default_spec(knob, card)
    if not isinstance(default, Range) or default.low is None or default.high is None:
        raise TypeError(f"a knob with a range must have a default range, got {knob.name}")
    low, high = spec.low, spec.high
    if low is None or high is None:
        assumed.append(f"{knob.name}.{'low' if low is None else 'high'}")
        if low is None and high is not None:
            low = min(default.low, high) if not knob.log or default.low < high else max(high / 10, knob.hard_low)
        elif low is not None:
            high = max(default.high, low) if default.high > low else min(low * 10 or default.high, knob.hard_high)
    if low is None or high is None:
        raise ValueError(f"one bound must be said, got none for {knob.name}")
    if spec.log and spec.low is None and low <= 0:  # "up to 1 on a log scale": no such scale begins at zero
        low = max(1, high // 100) if knob.kind == "int" else high / 100
    log = spec.log if spec.log is not None else (knob.log and low > 0 and spec.step is None and high / low >= 8)
    if spec.log is None:
        assumed.append(f"{knob.name}.scale")
    whole = Range(
        low=_number(knob, low),
        high=_number(knob, high),
        log=bool(log),
        step=None if spec.step is None else _number(knob, spec.step),
    )
    return _as_grid(knob, whole) if method == "grid" else whole


def _number(knob: Knob, value: float) -> float | int:
    return int(value) if knob.kind == "int" else float(value)


def _as_grid(knob: Knob, spec: Range) -> Choices:
    low, high = float(spec.low or 0), float(spec.high or 0)
    if spec.step:
        count = math.floor((high - low) / spec.step + 1e-9) + 1
        values = [low + index * spec.step for index in range(min(count, MAX_GRID_POINTS + 1))]
    elif knob.kind == "int" and not spec.log and high - low < GRID_STEPS:
        values = [low + index for index in range(int(high - low) + 1)]
    elif spec.log:
        values = [low * (high / low) ** (index / (GRID_STEPS - 1)) for index in range(GRID_STEPS)]
    else:
        values = [low + (high - low) * index / (GRID_STEPS - 1) for index in range(GRID_STEPS)]
    rounded = [round(value) if knob.kind == "int" else float(f"{value:.6g}") for value in values]
    return Choices(values=tuple(dict.fromkeys(rounded)))


def _grid_points(space: Space) -> int:
    return math.prod(len(spec.values) for spec in space.values() if isinstance(spec, Choices))


def _method(said: str | None, assumed: list[str]) -> Method:
    if said is None:
        assumed.append("method")
    names: Mapping[str | None, Method] = {
        "grid": "grid",
        "random": "random",
        "bayes": "tpe",
        "tpe": "tpe",
        "gp": "gp",
        "cmaes": "cmaes",
        None: "tpe",
    }
    return names[said]


def usual_pruner(trials: int) -> Pruner:
    """Promises how weak tries are treated when a person says nothing: halving ends them early, except where there are
    too few to tell which are weak."""
    return "asha" if trials >= HALVED_FROM else "none"


def _pruner(request: Request, trials: int, assumed: list[str]) -> Pruner:
    said = request.pruner
    if said is None:  # what people will prefer is not seen in a half-trained try's loss
        assumed.append("pruner")
        return usual_pruner(trials) if request.metric != "human" else "none"
    names: Mapping[str, Pruner] = {"none": "none", "median": "median", "hyperband": "hyperband", "asha": "asha"}
    return names[said]


def _metric(said: str | None, assumed: list[str]) -> Metric:
    if said is None:
        assumed.append("metric")
        return "loss"
    names: Mapping[str, Metric] = {
        "loss": "loss",
        "perplexity": "perplexity",
        "accuracy": "accuracy",
        "rouge": "rouge",
        "bleu": "bleu",
        "human": "human",
    }
    return names[said]


def _trials(request: Request, searched: Space, points: int, assumed: list[str]) -> int:
    """Tries in all, trial 0 (the defaults) included."""
    if request.trials is not None:
        return request.trials
    assumed.append("trials")
    return points + 1 if points else usual_trials(len(searched))


def usual_trials(searched: int) -> int:
    """Promises the tries, trial 0 included, for so many searched knobs when a person names no number."""
    return {0: 1, 1: 8, 2: 12}.get(searched, 16)


def usual_confirmed(trials: int) -> int:
    """Promises how many of the best settings are trained again when a person says nothing: three, or as many as leave
    the confirmation no longer than the search itself; none after fewer than four tries."""
    return min(CONFIRMED, max(0, trials // (SEEDS - 1) - 1))


def _confirmed(request: Request, trials: int, searched: Space, assumed: list[str]) -> int:
    """A plan that searches nothing, or makes one try, has nothing to confirm; nor has one that people judge, because
    nobody votes on a seed."""
    said = request.confirm
    if request.metric == "human":
        assumed.append("confirm")
        return 0
    if said is None:
        assumed.append("confirm")
        said = usual_confirmed(trials)
    return min(said, trials) if searched and trials > 1 else 0


def _doubts(plan: Plan, data: DataFacts, seconds: float | None) -> list[Problem]:
    """What deserves a sentence although the plan can run."""
    doubts = []
    if plan.time_budget_s is not None and seconds is not None and seconds > plan.time_budget_s * 1.2:
        doubts.append(
            Problem(
                key="plan.time_ends_first", severity="warning", facts={"budget": plan.time_budget_s, "seconds": seconds}
            )
        )
    largest = max((float(value) for value in _batch_sizes(plan)), default=0)
    if largest > data.split[0]:
        doubts.append(
            Problem(key="plan.batch_over_data", severity="warning", facts={"batch": largest, "examples": data.split[0]})
        )
    return doubts


def _grid_in_part(trials: int, points: int) -> list[Problem]:
    """Trial 0 runs the defaults, so a whole grid takes one try more than it has points."""
    if not points or trials > points:
        return []
    return [Problem(key="plan.grid_in_part", severity="warning",
                    facts={"points": points, "trials": trials, "all": points + 1})]


def _batch_sizes(plan: Plan) -> tuple[float, ...]:
    spec = plan.space.get("batch_size")
    match spec:
        case Range(high=high) if high is not None:
            return (float(high),)
        case Choices(values=values):
            return tuple(float(value) for value in values)
        case _:
            return (float(plan.defaults["batch_size"]),)
