"""What to do next, and the numbers behind the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.explain.explanation import Suggestion
from bot.explain.voice import Voice, short
from tuner.plan.knobs import KNOBS

_SCORES = ("inside", "outside")
_AMOUNTS = ("amount", "spread")

def suggestions(voice: Voice) -> Iterable[Suggestion]:
    """What to do next, with what it would take and what it may bring."""
    for finding in voice.all("next"):
        facts = finding.facts
        sentences = [voice.tell(f"next.{facts['action']}", facts)]
        if facts.get("keep") and facts["action"] != "other_seeds":
            sentences.append(voice.tell("next.keep", facts))
        yield Suggestion(sentence=voice.joined(*sentences, _cost(voice, facts), *_gain(voice, facts)),
                         command_text=_command(voice, facts), label=_command(voice, {**facts, "keep": {}}))


def _cost(voice: Voice, facts: Mapping[str, Any]) -> str:
    if facts["cost_s"] is not None:
        return voice.tell("next.cost", {"seconds": facts["cost_s"]})
    return voice.tell("next.cost_tries" if "trials" in facts else "next.cost_nothing", facts)


def _gain(voice: Voice, facts: Mapping[str, Any]) -> Iterable[str]:
    """What it may bring; a report of an earlier version does not say."""
    gain = dict(facts.get("gain") or {})
    if not gain:
        return
    metric = voice.report.metric
    for name in _AMOUNTS:
        if gain.get(name) is not None:
            gain[f"{name}_words"] = voice.tell("next.amount", {"metric": metric, "value": gain[name]})
            gain[f"{name}_gap"] = voice.tell("next.gap", {"metric": metric, "value": gain[name]})
    gain |= {f"{name}_score": voice.score(gain[name]) for name in _SCORES if gain["by"] == "range"}
    if gain["by"] == "level":
        gain["between"] = voice.between(gain["low"], gain["high"])
    yield voice.tell(f"next.gain_{gain['by']}", gain)


def _command(voice: Voice, facts: Mapping[str, Any]) -> str:
    """The suggestion in the command language; empty where there is no job to do it in, or no such setting here."""
    recorded, action = not voice.report.model, facts["action"]
    if facts.get("name", "seed") not in KNOBS or action == "stop_search":
        return ""
    if recorded and action == "more_trials":
        space = facts["space"]
        return voice.tell("next.again_command", facts) if space and not set(space) - set(KNOBS) else ""
    kept = {name: short(value) for name, value in (facts.get("keep") or {}).items()
            if name in KNOBS and (not KNOBS[name].choices or value in KNOBS[name].choices)}
    return voice.tell(f"next.{action}_command", facts) + voice.tell("next.keep_command", {"keep": kept})


def details(voice: Voice) -> Iterable[str]:
    """The numbers behind the report."""
    winner = voice.first("winner")
    if winner is not None and winner["best_trial"] is not None and winner["best_settings"]:
        yield voice.tell(
            "details.best_settings", {**voice.named(winner), "settings": voice.settings(winner["best_settings"])}
        )
    if winner is not None and winner.get("tested_trial") not in (None, winner["best_trial"]):
        yield voice.tell("details.tested_other", winner)
    yield from over_others(voice)
    for finding in voice.all("what_mattered"):
        yield voice.tell("details.importance", finding.facts)
    forgetting = voice.first("forgetting")
    if forgetting is not None and not forgetting["forgot"]:
        yield voice.tell("details.general_kept", forgetting)
    yield from costs(voice)


def over_others(voice: Voice) -> Iterable[str]:
    """The best against the default settings and the untouched model, on the sealed test."""
    winner = voice.first("winner")
    for other in ("default", "base"):
        compared = winner.get(f"over_{other}") if winner is not None else None
        if compared is not None:
            yield voice.tell(f"details.over_{other}", compared)
            spread = compared["low"] < compared["high"]  # None where every question changed in the same way.
            if compared["strength"] != "none" and spread:  # Alone it would sound surer than both rules together.
                yield voice.tell(f"details.interval_{'' if compared['wins'] else 'lost_'}{compared['by']}", compared)
    confirmed = voice.first("confirmed")
    if confirmed is not None and confirmed.get("chosen") is not None:
        yield voice.tell("details.own_run", confirmed)


def costs(voice: Voice) -> Iterable[str]:
    """What the job took in time and on the GPU, and what stopping early saved."""
    cost = voice.first("cost")
    if cost is not None:
        yield voice.tell("details.cost", cost)
        if cost.get("gpu_seconds") is not None:
            yield voice.tell("details.cost_gpu", cost)
        yield voice.tell("details.pruned" if cost["pruned"] else "details.pruning_none", cost)
        if "at_once" in cost:
            yield voice.tell("details.narrowed", cost)
