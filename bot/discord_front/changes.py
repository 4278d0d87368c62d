"""A plan's request as the fields of a form, and the form's fields as a change. Knows nothing of Discord."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.language.commands import Command
from bot.language.dialogue.followups import Change, parse_followup
from bot.language.options import Options, read_options
from bot.phrases import Language, say
from tuner.plan.request import Request
from tuner.plan.space import Choices, Range, Spec

FIELDS = ("space", "trials", "time", "other")
_OTHER = ("method", "pruner", "metric", "model")


def field_texts(request: Request, language: Language) -> dict[str, str]:
    """Promises the fields as a person would type them, so that they can be read back."""
    lines = [_line(name, spec, language) for name, spec in request.space.items()]
    seconds = request.time_budget_s
    time = "" if seconds is None else say("discord.form.time", language, {"seconds": seconds})
    return {
        "space": "\n".join(lines),
        "trials": "" if request.trials is None else str(request.trials),
        "time": time,
        "other": "",
    }


def _line(name: str, spec: Spec, language: Language) -> str:
    facts: dict[str, Any]
    match spec:
        case Range():
            key, facts = "range", {"low": spec.low, "high": spec.high}
            if spec.low is None or spec.high is None:
                key, facts = "bare", {}
        case Choices():
            key, facts = "choices", {"values": list(spec.values)}
        case _:
            key, facts = "fixed", {"value": spec.value}
    return say(f"discord.form.{key}", language, {"name": name, **facts})


def read_changes(
    request: Request, texts: Mapping[str, str], language: Language
) -> tuple[Change | None, list[str]]:
    """Promises what is different from `request`, or None for nothing, and the lines that were not understood."""
    before = field_texts(request, language)
    old_lines = set(before["space"].splitlines())
    new_lines = [line.strip() for line in texts.get("space", "").splitlines() if line.strip()]
    phrases = [line for line in new_lines if line not in old_lines]
    found: dict[str, Any] = {"space": {}}
    lost: list[str] = []
    options = Options()
    for phrase in (*phrases, *_short_fields(before, texts, language)):
        said, phrase = read_options(phrase)
        options = said.over(options)
        if not phrase:
            continue
        change = parse_followup(phrase)
        if change is None or not _add(found, change.adds):
            lost.append(phrase)
    removes = tuple(
        name
        for name, spec in request.space.items()
        if _line(name, spec, language) not in new_lines and name not in found["space"]
    )
    space = found.pop("space")
    if lost or (options.is_empty and not (space or removes or found)):
        return None, lost
    adds = replace(Command(intent="tune", space=space), **found)
    return Change(adds=adds, removes=removes, options=options), []


def _short_fields(before: Mapping[str, str], texts: Mapping[str, str], language: Language) -> list[str]:
    phrases = []
    trials = texts.get("trials", "").strip()
    if trials and trials != before["trials"]:
        phrases.append(say("discord.form.trials", language, {"trials": trials}) if trials.isdigit() else trials)
    time = texts.get("time", "").strip()
    if time and time != before["time"]:
        phrases.append(time)
    phrases += [line.strip() for line in texts.get("other", "").splitlines() if line.strip()]
    return phrases


def _add(found: dict[str, Any], adds: Command) -> bool:
    """Notes what a phrase says. False when it says nothing that a plan holds."""
    found["space"] |= dict(adds.space or {})
    said = {
        name: getattr(adds, name)
        for name in (*_OTHER, "trials", "time_budget_s", "parallel", "dataset")
        if getattr(adds, name) is not None
    }
    found |= said
    return bool(adds.space) or bool(said)
