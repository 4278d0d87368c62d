"""One report in one language: finds facts in it and says a sentence with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.phrases import Language, say
from tuner.events import Finding, Report


class Voice:
    """One report in one language."""

    def __init__(self, report: Report, language: Language) -> None:
        self.report = report
        self.language = language

    def tell(self, key: str, facts: Mapping[str, Any] | None = None) -> str:
        """The sentence `key` of prompts/<language>/report."""
        return say(f"report.{key}", self.language, facts or {})

    def all(self, *kinds: str) -> list[Finding]:
        """Every finding of one of `kinds`, in the report's order."""
        return [finding for finding in self.report.findings if finding.kind in kinds]

    def first(self, kind: str) -> Mapping[str, Any] | None:
        """The facts of the first finding of `kind`."""
        return next((finding.facts for finding in self.report.findings if finding.kind == kind), None)

    def score(self, value: float | None) -> str:
        """A value of the report's metric in words; empty for none."""
        return "" if value is None else self.tell("words.score", {"metric": self.report.metric, "value": value})

    def between(self, low: float, high: float) -> str:
        """Two values of the report's metric as a span, or as one where they are the same."""
        if low == high:
            return self.score(low)
        return self.tell("words.between", {"metric": self.report.metric, "low": low, "high": high})

    def gloss(self) -> str:
        """What the metric means."""
        return self.tell("words.gloss", {"metric": self.report.metric})

    def knob(self, name: str) -> str:
        """A knob's name in the language."""
        return self.tell("words.knob", {"name": name})

    def settings(self, settings: Mapping[str, Any]) -> list[str]:
        """Each setting with its value in words."""
        return [self.tell("words.setting", {"name": name, "value": short(value)}) for name, value in settings.items()]

    def named(self, winner: Mapping[str, Any]) -> dict[str, Any]:
        """The winner's facts with the best try's name and score in words."""
        facts = {"number": winner["best_trial"], "is_default": self.is_default(winner["best_trial"])}
        return {**winner, "best_name": self.tell("words.try", facts),
                "best_score": self.score(winner["best_value"])}

    def is_default(self, number: int | None) -> bool:
        """Whether try `number` ran the default settings. Of a recording nobody knows which these were."""
        return bool(self.report.model) and number == 0

    def joined(self, *sentences: str) -> str:
        """Sentences one after the other, as the language spaces them."""
        return ("" if self.language == "ja" else " ").join(sentences)


def short(value: Any) -> Any:
    """A knob's value to three significant digits."""
    return float(f"{value:.3g}") if isinstance(value, float) else value


def shortened(finding: Finding) -> dict[str, Any]:
    """The finding's facts with short values, and how strong it is."""
    return {**{name: short(value) for name, value in finding.facts.items()}, "strength": finding.strength}
