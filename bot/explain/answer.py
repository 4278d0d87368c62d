"""The answer in two sentences: the result, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.explain.voice import Voice


def headline(voice: Voice) -> str:
    """Two sentences."""
    winner = voice.first("winner")
    if winner is None or winner["best_trial"] is None:
        key = "all_failed" if winner is not None and winner["ended"] else "nothing"
        if winner is not None and winner["state"] == "running":
            key = "running_nothing"
        return voice.tell(f"headline.{key}", winner)
    facts = {**voice.named(winner), "gloss": voice.gloss(), "default_score": voice.score(winner["default_value"])}
    if not winner["tested"]:
        key = "running" if winner["state"] == "running" else "untested"
        verdict = key if voice.report.model else "recorded"
        return voice.joined(voice.tell(f"headline.{key}", facts), voice.tell(f"headline.verdict_{verdict}"))
    return voice.joined(voice.tell(f"headline.{winner['by']}", facts), voice.tell(f"headline.{_verdict(winner)}"))


def _verdict(winner: Mapping[str, Any]) -> str:
    """Which sentence says how sure the result on the sealed test is."""
    base, default = winner.get("over_base"), winner.get("over_default")
    if base is None and default is None:
        return "verdict_alone"
    if base is not None and _loses(base):
        return "verdict_worse"
    surest = base or default
    assert surest is not None
    if surest["strength"] != "strong":
        return "verdict_likely" if surest["strength"] == "weak" else "verdict_same"
    if winner["best_is_default"]:
        return "verdict_default_is_best"
    if default is None or base is None:
        return "verdict_clear"
    if _loses(default):
        return "verdict_base_clear_default_worse"
    sure = {"strong": "verdict_both_clear", "weak": "verdict_base_clear_default_likely"}
    return sure.get(default["strength"], "verdict_base_clear_default_same")


def _loses(compared: Mapping[str, Any]) -> bool:
    return not compared["wins"] and compared["strength"] != "none"
