"""What to do next, and the numbers behind the report."""

from __future__ import annotations

from collections.abc import Iterable

from bot.explain.explanation import Suggestion
from bot.explain.voice import Voice, short


def suggestions(voice: Voice) -> Iterable[Suggestion]:
    """What to do next, with what it would take."""
    for finding in voice.all("next"):
        facts = {**finding.facts}
        if "settings" in facts:
            facts["settings"] = {name: short(value) for name, value in facts["settings"].items()}
        sentence = voice.tell(f"next.{facts['action']}", facts)
        if facts["cost_s"] is not None:
            sentence = voice.joined(sentence, voice.tell("next.cost", {"seconds": facts["cost_s"]}))
        yield Suggestion(sentence=sentence, command_text=voice.tell(f"next.{facts['action']}_command", facts))


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
