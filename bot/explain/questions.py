"""Answers about one try or one setting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from bot.explain.answer import headline
from bot.explain.asked import Part
from bot.explain.more import costs, over_others, suggestions
from bot.explain.reasons import importance, luck, threshold, what_mattered, what_went_wrong
from bot.explain.voice import Voice, short, shortened
from tuner.events import Finding, TrialRecord


def about_trial(voice: Voice, trial: TrialRecord, *, waits: bool = False) -> Iterable[str]:
    """Its settings, how it ended and why, and the best one beside it."""
    names = voice.report.searched or tuple(trial.settings)
    settings = voice.settings({name: trial.settings[name] for name in names if name in trial.settings})
    if trial.state == "running":
        yield voice.tell("trial.waiting" if waits else "trial.running", {"number": trial.number, "settings": settings})
        return
    if settings:
        yield voice.tell("trial.settings", {"number": trial.number, "is_default": voice.is_default(trial.number),
                                            "settings": settings})
    finding = next(
        (
            one
            for one in voice.report.findings
            if one.kind not in ("lucky", "next") and one.facts.get("trial") == trial.number and one.kind != "edge"
        ),
        None,
    )
    if trial.state == "complete" and trial.value is not None:
        facts = {"score": voice.score(trial.value), "gloss": voice.gloss()}
        yield voice.tell("trial.result" if finding else "trial.fine", facts)
    if finding is not None:
        yield voice.tell(f"trial.{_trial_key(finding)}", {**finding.facts, "strength": finding.strength})
    winner = voice.first("winner")
    if winner is not None and winner["best_trial"] is not None:
        mine = winner["best_trial"] == trial.number
        yield voice.tell("trial.best" if mine else "trial.not_best", voice.named(winner))
        if not mine:
            yield from _differences(voice, trial, winner["best_settings"])


def _differences(voice: Voice, trial: TrialRecord, best: Mapping[str, Any]) -> Iterable[str]:
    """Where the settings of `trial` and of the best one part."""
    parts = [
        voice.tell("trial.differs_part", {"name": name, "mine": short(trial.settings[name]), "best": short(value)})
        for name, value in best.items()
        if name in trial.settings and short(trial.settings[name]) != short(value)
    ]
    if parts:
        yield voice.tell("trial.differs", {"parts": parts})


def about_part(voice: Voice, part: Part) -> Iterable[str]:
    """One part of the report as the answer to a question."""
    winner = voice.first("winner")
    match part:
        case "mattered":
            yield from list(what_mattered(voice)) or [voice.tell("asked.nothing_mattered")]
            yield from (threshold(voice, cut) for cut in voice.all("threshold"))
        case "cost":
            yield from list(costs(voice)) or [headline(voice)]
        case "wrong":
            yield from list(what_went_wrong(voice)) or [voice.tell("asked.nothing_wrong")]
        case "next":
            running = winner is not None and winner["state"] == "running"
            nothing = voice.tell("asked.next_running" if running else "asked.nothing_next")
            steps = [f"{place}. {one.sentence}" for place, one in enumerate(suggestions(voice), 1)]
            yield from steps or [nothing]
        case "better":
            yield headline(voice)
            yield from luck(voice)
            yield from over_others(voice)
        case "":
            yield headline(voice)
        case _:
            assert_never(part)


def about_knob(voice: Voice, name: str) -> Iterable[str]:
    """What it did in this job; that nothing was seen is said too."""
    winner = voice.first("winner")
    complete = winner["complete"] if winner is not None else 0
    if name not in voice.report.searched:
        used = {trial.settings[name] for trial in voice.report.trials if name in trial.settings}
        yield voice.tell(
            "knob.not_searched",
            {
                "name": name,
                "value": short(used.pop()) if len(used) == 1 else None,
                "command": voice.tell("knob.not_searched_command", {"name": name}),
            },
        )
        return
    claimed = [finding for finding in voice.all("what_mattered") if finding.facts["name"] == name]
    for finding in claimed:
        yield from importance(voice, finding)
        yield voice.tell("details.importance", finding.facts)
    shown = [
        finding
        for finding in voice.all("edge", "interaction", "threshold")
        if name in (finding.facts.get("name"), *finding.facts.get("names", ()))
    ]
    for finding in shown:
        yield (
            threshold(voice, finding)
            if finding.kind == "threshold"
            else voice.tell(f"mattered.{finding.kind}", shortened(finding))
        )
    if not claimed and not shown:
        thin = next((one.facts for one in voice.all("thin") if one.facts["what"] == "trials"), None)
        facts = {"name": name, "trials": complete, **(thin or {})}
        yield voice.tell("knob.too_few" if thin is not None else "knob.not_seen", facts)
    if winner is not None and name in winner["best_settings"]:
        yield voice.tell("knob.best_value", {"name": name, "value": short(winner["best_settings"][name])})


def _trial_key(finding: Finding) -> str:
    if finding.kind == "learnt_too_little":
        return "still_falling" if finding.facts["still_falling"] else "learnt_little"
    return finding.kind
