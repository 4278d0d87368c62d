"""build(): a person's words and the measured facts become a complete plan that names every assumption."""

from __future__ import annotations

from collections.abc import Mapping

from tuner.plan.check import problems_of_space
from tuner.plan.estimate import estimate
from tuner.plan.knobs import KNOBS
from tuner.plan.models import ModelCard
from tuner.plan.plan import SEEDS, Method, Metric, Plan, Pruner
from tuner.plan.ranges import MAX_GRID_POINTS, complete, default_spec, grid_points, in_order, typed
from tuner.plan.request import DataFacts, Draft, Request, Speed
from tuner.plan.space import Choices, Fixed, Range, Settings, Space
from tuner.problems import Problem

MAX_TRIALS = 10_000
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
    said, turned = in_order(_named(request, card, assumed))
    problems = [*turned, *problems_of_space(said, card), *_problems_of_counts(request, data)]
    if any(problem.severity == "error" for problem in problems):
        return Draft(plan=None, estimate=None, problems=tuple(problems))
    method = _method(request.method, assumed)
    searched: Space = {
        name: complete(KNOBS[name], spec, method, card, assumed)
        for name, spec in said.items()
        if not isinstance(spec, Fixed)
    }
    points = grid_points(searched) if method == "grid" else 0
    if points > MAX_GRID_POINTS:
        problems.append(Problem(key="plan.too_many_grid_points", facts={"points": points, "limit": MAX_GRID_POINTS}))
        return Draft(plan=None, estimate=None, problems=tuple(problems))
    assumed += [name for name in KNOBS if name not in said]
    fixed = {name: typed(KNOBS[name], spec.value) for name, spec in said.items() if isinstance(spec, Fixed)}
    plan = _plan(request, card, data, searched, {**card.defaults, **fixed}, method, points, assumed)
    cost = estimate(plan, data, speed)
    problems += [*_grid_in_part(plan.trials, points), *_doubts(plan, data, cost.seconds)]
    return Draft(plan=plan, estimate=cost, problems=tuple(problems))


def _named(request: Request, card: ModelCard, assumed: list[str]) -> Space:
    """The knobs that a person named, or those that are searched when none was."""
    if request.space or request.trials == 1:
        return request.space
    assumed += SEARCHED_BY_DEFAULT
    return {name: default_spec(name, card) for name in SEARCHED_BY_DEFAULT}


def _plan(request: Request, card: ModelCard, data: DataFacts, searched: Space, defaults: Settings, method: Method,
          points: int, assumed: list[str]) -> Plan:
    """All that was said, and a usual answer for the rest."""
    trials = _trials(request, searched, points, assumed)
    return Plan(
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


def _said(value: int | None, default: int, name: str, assumed: list[str]) -> int:
    if value is None:
        assumed.append(name)
        return default
    return value


def _general_chat(said: int | None, card: ModelCard, assumed: list[str]) -> int:
    """A person says whether; how many suit the model and the data is the card's business, where it knows."""
    count = _said(said, card.general_chat, "general_chat", assumed)
    return min(count, card.general_chat) if card.general_chat else count


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
