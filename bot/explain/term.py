"""What a word of the glossary meant in one job: "in your last job …"."""

from __future__ import annotations

from collections.abc import Iterable

from bot.explain.questions import about_knob
from bot.explain.reasons import threshold
from bot.explain.voice import Voice

_SCORES = ("loss", "accuracy", "perplexity", "rouge", "bleu")
_LONGEST = 3
"""Sentences about one setting."""


def about_term(voice: Voice, term: str) -> Iterable[str]:
    """What was seen of it; nothing where the job tells nothing about the word."""
    if term in voice.report.searched:
        return list(about_knob(voice, term))[:_LONGEST]
    winner = voice.first("winner")
    if winner is None or not winner["complete"]:
        return []
    match term:
        case "overfitting" | "underfitting" | "divergence":
            return _trouble(voice, term)
        case "pruning":
            cost = voice.first("cost")
            return [voice.tell("details.pruned" if cost["pruned"] else "details.pruning_none", cost)] if cost else []
        case "test_set" if winner["tested"]:
            return [voice.tell("term.test_set", winner)]
        case "validation_set":
            return [voice.tell("term.validation_set", voice.named(winner))]
        case _ if term in _SCORES and term == voice.report.metric:
            default = voice.score(None if winner["best_is_default"] else winner["default_value"])
            return [voice.tell("term.score", {**voice.named(winner), "default_score": default})]
        case _:
            return []


def _trouble(voice: Voice, term: str) -> list[str]:
    kinds = {"overfitting": ("overfitted",), "underfitting": ("learnt_too_little", "learning_rate_too_low"),
             "divergence": ("diverged", "learning_rate_too_high")}
    numbers = [finding.facts["trial"] for finding in voice.all(*kinds[term])]
    cuts = [cut for cut in voice.all("threshold") if cut.facts["what"] == "broke_down"] if term == "divergence" else []
    return [voice.tell(f"term.{term}", {"numbers": numbers}), *(threshold(voice, cut) for cut in cuts)]
