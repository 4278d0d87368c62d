"""From understood words (Command, Change) to what a plan is built from (Request)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.language.commands import Command
from bot.language.dialogue.followups import Change
from bot.language.options import NO_OPTIONS, Options
from bot.language.unknown import unknown_settings
from bot.phrases import Language, say
from bot.plan_card import spec_words
from tuner.embedded.defaults import GENERAL_CHAT_EXAMPLES
from tuner.plan.build import CONFIRMED, usual_trials
from tuner.plan.plan import Plan
from tuner.plan.request import Request
from tuner.plan.space import Fixed, Spec
from tuner.problems import Problem

_FIELDS = ("method", "pruner", "metric", "trials", "parallel", "time_budget_s", "model")


def request_of(command: Command, known: tuple[str, ...], options: Options) -> Request:
    """Promises the request that a `tune` command says, with the options said beside it, no more.

    `known`: knobs that still lack values are left out.
    """
    space = {name: spec for name, spec in (command.space or {}).items() if name not in known}
    return Request(space=space, **{name: getattr(command, name) for name in _FIELDS}, **_chosen(options))


def _chosen(options: Options) -> dict[str, Any]:
    """The plan's fields that the options set."""
    counts = {"general_chat": GENERAL_CHAT_EXAMPLES, "confirm": CONFIRMED}
    said = {name: getattr(options, name) for name in counts}
    return {name: counts[name] if wanted else 0 for name, wanted in said.items() if wanted is not None}


def request_of_plan(plan: Plan) -> Request:
    """Promises a request with everything that the person said for `plan`, to be said again with a change."""
    said: dict[str, Spec] = {name: spec for name, spec in plan.space.items() if name not in plan.assumed}
    for name, value in plan.defaults.items():
        if name not in plan.assumed and name not in plan.space:
            said[name] = Fixed(value=value)
    fields: dict[str, Any] = {
        name: getattr(plan, name)
        for name in (*_FIELDS, "general_chat", "confirm")
        if name not in plan.assumed
    }
    return Request(space=said, **fields)


def changed(
    request: Request, change: Change, language: Language, options: Options = NO_OPTIONS
) -> tuple[Request, tuple[str, ...]]:
    """Promises the request after the change and the options said beside it, and what changed, one phrase each."""
    space = {name: spec for name, spec in request.space.items() if name not in change.removes}
    said = [
        say("replies.plan.change_removed", language, {"name": name}) for name in change.removes if name in request.space
    ]
    adds = change.adds
    for name, spec in (adds.space or {}).items():
        space[name] = spec
        said.append(
            say("replies.plan.change_knob", language, {"name": name, "words": spec_words(name, spec, language)})
        )
    if change.loose is not None and space:
        name = list(space)[-1]
        space[name] = change.loose
        said.append(
            say("replies.plan.change_knob", language, {"name": name, "words": spec_words(name, change.loose, language)})
        )
    fields = {name: getattr(adds, name) for name in _FIELDS if getattr(adds, name) is not None}
    if change.budget_factor is not None:
        fields |= _budget(request, change.budget_factor)
    fields |= _chosen(change.options.over(options))
    for name, value in fields.items():
        said.append(say(f"replies.plan.change_{name}", language, {"value": value}))
    return replace(request, space=space, **fields), tuple(said)


def _budget(request: Request, factor: float) -> dict[str, int]:
    """More or less of what limits the search: its time where one was said, else its tries."""
    if request.time_budget_s is not None:
        return {"time_budget_s": max(1, round(request.time_budget_s * factor))}
    trials = request.trials or usual_trials(len(request.space))
    return {"trials": max(1, round(trials * factor))}


def doubts_of(command: Command, text: str) -> tuple[Problem, ...]:
    """Problems that only the words show; those that the values show are found again when the plan is built."""
    found = []
    if "unknown_parameter" in command.problems:
        names = list(unknown_settings(text))
        found.append(Problem(key="plan.unknown_parameter", severity="warning", facts={"names": names}))
    if "reversed_bounds" in command.problems:
        for name, spec in (command.space or {}).items():
            low, high = getattr(spec, "low", None), getattr(spec, "high", None)
            if low is not None and high is not None:
                found.append(
                    Problem(
                        key="plan.reversed_bounds", severity="warning", facts={"name": name, "low": low, "high": high}
                    )
                )
                break
    return tuple(found)
