"""A stored report in words: which sentence to say and with which facts. Holds no sentence and computes no finding."""

from __future__ import annotations

from bot.explain.answer import headline
from bot.explain.asked import Asked, Part, asked
from bot.explain.explanation import Explanation, Suggestion
from bot.explain.more import costs, details, suggestions
from bot.explain.questions import about_knob, about_part, about_trial
from bot.explain.reasons import what_mattered, what_went_wrong
from bot.explain.term import about_term
from bot.explain.voice import Voice
from bot.phrases import Language
from tuner.events import Report

__all__ = [
    "Asked",
    "Explanation",
    "Part",
    "Suggestion",
    "asked",
    "explain",
    "explain_costs",
    "explain_knob",
    "explain_part",
    "explain_term",
    "explain_trial",
]


def explain(report: Report, language: Language) -> Explanation:
    """Promises the whole report in `language`. Every number said is one of the report's, rounded."""
    voice = Voice(report, language)
    return Explanation(
        headline=headline(voice), what_mattered=tuple(what_mattered(voice)),
        what_went_wrong=tuple(what_went_wrong(voice)), next=tuple(suggestions(voice)), details=tuple(details(voice)),
    )


def explain_costs(report: Report, language: Language) -> tuple[str, ...]:
    """Promises what the job took in time, which the details say too."""
    return tuple(costs(Voice(report, language)))


def explain_trial(report: Report, number: int, language: Language, *, failed: bool = False,
                  waits: bool = False) -> tuple[str, ...]:
    """Promises how try `number` ended and why, and first that it did not fail where the question takes it as `failed`.
    `waits`: it is under way, and waits for others at a rung.

    Raises KeyError when the report has no such try.
    """
    trial = next((trial for trial in report.trials if trial.number == number), None)
    if trial is None:
        raise KeyError(f"the try must be one of the report's, got {number}")
    voice = Voice(report, language)
    denied = (voice.tell("asked.not_failed", {"number": number}),) if failed and trial.state == "complete" else ()
    return (*denied, *about_trial(voice, trial, waits=waits))


def explain_part(report: Report, part: Part, language: Language) -> tuple[str, ...]:
    """Promises one part of the report; where it has nothing to say, that. What to try next comes numbered."""
    return tuple(about_part(Voice(report, language), part))


def explain_knob(report: Report, name: str, language: Language) -> tuple[str, ...]:
    """Promises what the knob `name` did in this job, or why the job cannot tell."""
    return tuple(about_knob(Voice(report, language), name))


def explain_term(report: Report, term: str, language: Language) -> str:
    """Promises what the glossary's word `term` meant in this job; empty where the job tells nothing about it."""
    voice = Voice(report, language)
    sentences = list(about_term(voice, term))
    running = (voice.first("winner") or {}).get("state") == "running"
    facts = {"job": report.job, "sentences": sentences, "running": running}
    return voice.tell("term.in_job", facts) if sentences else ""
