"""The plan as a card: what was understood, in words and with units; what was assumed, marked; what it will cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.desk.buttons import button
from bot.phrases import Language, problem_sentences, say
from bot.replies import Card
from tuner.judging import rounds
from tuner.plan import models
from tuner.plan.knobs import KNOBS
from tuner.plan.plan import Plan
from tuner.plan.request import Draft, Estimate
from tuner.plan.space import Choices, Range, Spec
from tuner.problems import Problem
from tuner.store.records import DataSet

_OF_COSTS = ("plan.time_ends_first",)
"""Doubts that tell how long a plan takes."""
_UNTOLD = Estimate(seconds=None, memory_bytes=None, tokens=0)


def plan_card(
    draft: Draft,
    dataset: DataSet,
    language: Language,
    *,
    draft_id: str,
    ahead: int,
    changes: Sequence[str] = (),
    doubts: tuple[Problem, ...] = (),
    shows_costs: bool = True,
) -> Card:
    """Promises the card of a draft that can start. Raises ValueError for one that cannot.

    `shows_costs`: False leaves out time and memory; a button then asks for them in private.
    """
    plan, estimate = draft.plan, draft.estimate
    if plan is None or estimate is None:
        raise ValueError("a plan card needs a plan, got a draft without one")
    cost = cost_line(draft, ahead, language) if shows_costs else _hidden_cost(ahead, language)
    shown = [each for each in (*doubts, *draft.problems) if shows_costs or each.key not in _OF_COSTS]
    return Card(
        title=say("replies.plan.title", language, {"model": _called(plan.model), "dataset": dataset.name}),
        fields=(*_changed(changes, language), *_searched(plan, language), *_choices(plan, language),
                *_rest(plan, language)),
        lines=(*_course(plan, estimate if shows_costs else _UNTOLD, language), cost,
               say("replies.plan.confirm", language)),
        notes=problem_sentences(shown, language),
        buttons=(
            button("start", draft_id, language, "primary"),
            button("change", draft_id, language),
            *(() if shows_costs else (button("costs", f"plan:{draft_id}", language),)),
            button("cancel", draft_id, language, "danger"),
        ),
    )


def _course(plan: Plan, estimate: Estimate, language: Language) -> list[str]:
    """What happens to the examples, from the first try to the confirmation."""
    lines = [
        say("replies.plan.first_try", language, {"trials": plan.trials, "fixed": _fixed(plan, language)}),
        say("replies.plan.split", language, _split(plan)),
    ]
    if plan.general_chat:
        facts = {"count": plan.general_chat, "assumed": "general_chat" in plan.assumed}
        lines.append(say("replies.plan.general_chat", language, facts))
    elif "general_chat" not in plan.assumed:
        lines.append(say("replies.plan.no_general_chat", language))
    return lines + _confirmation(plan, estimate, language)


def cost_line(draft: Draft, ahead: int, language: Language) -> str:
    """Promises what the draft will take in time and memory, and who is ahead."""
    estimate = draft.estimate
    facts = {
        "seconds": estimate.seconds if estimate is not None else None,
        "memory": estimate.memory_bytes if estimate is not None else None,
        "ahead": ahead,
        "stops": draft.plan is not None and draft.plan.pruner != "none",
    }
    return say("replies.plan.cost", language, facts)


def _hidden_cost(ahead: int, language: Language) -> str:
    return say("replies.plan.cost_hidden", language, {"ahead": ahead})


def _confirmation(plan: Plan, estimate: Estimate, language: Language) -> list[str]:
    """That the best settings and the defaults are trained again, and what that costs; or that a person said no."""
    if plan.confirm:
        facts = {"best": plan.confirm, "seconds": estimate.confirm_seconds, "limited": plan.time_budget_s is not None}
        return [say("replies.plan.confirmation", language, facts)]
    return [] if "confirm" in plan.assumed else [say("replies.plan.no_confirmation", language)]


def _called(model: str) -> str:
    card = models.find(model)
    return card.name if card is not None else model


def _changed(changes: Sequence[str], language: Language) -> list[tuple[str, str]]:
    if not changes:
        return []
    return [
        (say("replies.plan.name_changed", language), say("replies.plan.changed", language, {"changes": list(changes)}))
    ]


def spec_words(name: str, spec: Spec, language: Language) -> str:
    """Promises a spec in words: "from 0.00001 to 0.001, tried on a logarithmic scale"."""
    unit = KNOBS[name].unit
    match spec:
        case Range():
            facts: dict[str, Any] = {"low": spec.low, "high": spec.high, "log": bool(spec.log), "step": spec.step}
            return say("replies.plan.range", language, {**facts, "unit": unit})
        case Choices():
            return say("replies.plan.choices", language, {"name": name, "values": list(spec.values), "unit": unit})
        case _:
            return say("replies.plan.fixed_value", language, {"name": name, "value": spec.value, "unit": unit})


def _marked(text: str, assumed: bool, language: Language) -> str:
    return say("replies.plan.assumed", language, {"text": text}) if assumed else text


def _searched(plan: Plan, language: Language) -> list[tuple[str, str]]:
    rows = []
    for name, spec in plan.space.items():
        words = _marked(spec_words(name, spec, language), name in plan.assumed, language)
        for bound in ("low", "high"):
            if f"{name}.{bound}" in plan.assumed:
                words = say(f"replies.plan.assumed_{bound}", language, {"text": words})
        rows.append((say("replies.plan.searched", language, {"name": name}), words))
    if not plan.space:
        rows.append(
            (say("replies.plan.nothing_searched_name", language), say("replies.plan.nothing_searched", language))
        )
    return rows


def _choices(plan: Plan, language: Language) -> list[tuple[str, str]]:
    """How is searched; one run with fixed settings searches nothing and compares nothing."""
    options = {"method": plan.method, "pruner": plan.pruner, "metric": plan.metric}
    if not plan.space and plan.trials == 1:
        del options["method"], options["pruner"]
    rows = [("trials", say("replies.plan.trials", language, {"trials": plan.trials, "parallel": plan.parallel}))]
    rows += [(name, say("replies.plan.option", language, {"name": name, "value": value}))
             for name, value in options.items()]
    if plan.metric == "human":
        rows.append(("votes", say("replies.plan.votes", language, {"comparisons": rounds.wanted(plan.trials)})))
    if plan.time_budget_s is not None:
        rows.append(("time_budget_s", say("replies.plan.time_budget", language, {"seconds": plan.time_budget_s})))
    return [
        (say(f"replies.plan.name_{name}", language), _marked(words, name in plan.assumed, language))
        for name, words in rows
    ]


def _rest(plan: Plan, language: Language) -> list[tuple[str, str]]:
    """Every knob that is not searched, with the value it keeps: first what the person fixed, then what was assumed."""
    groups = (("fixed", _fixed(plan, language)), ("rest", _kept(plan, language, assumed=True)))
    return [
        (say(f"replies.plan.name_{group}", language), say("replies.plan.rest", language, {"parts": parts}))
        for group, parts in groups
        if parts
    ]


def _fixed(plan: Plan, language: Language) -> list[str]:
    return _kept(plan, language, assumed=False)


def _kept(plan: Plan, language: Language, *, assumed: bool) -> list[str]:
    return [
        say("replies.plan.kept", language, {"name": name, "value": plan.defaults[name]})
        for name in KNOBS
        if name not in plan.space and (name in plan.assumed) == assumed
    ]


def _split(plan: Plan) -> dict[str, Any]:
    train, validation, test = plan.split
    return {"train": train, "validation": validation, "test": test}
