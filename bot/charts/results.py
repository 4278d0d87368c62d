"""The result on the sealed test, and how much each setting mattered: bars."""

from __future__ import annotations

from pathlib import Path

from bot.charts.canvas import BLUE, GREY, INK, SKY, Canvas, number_axis
from bot.charts.reading import done, facts_of
from bot.phrases import Language, say
from bot.replies import Picture
from bot.wording import number, percent
from tuner.events import Report


def sealed_test(report: Report, language: Language, folder: Path) -> Picture | None:
    """Before, default and best side by side; None while the sealed test is closed."""
    winner = facts_of(report, "winner")
    if not winner.get("tested"):
        return None
    by = winner["by"]
    subjects = (("base", GREY), ("default", SKY), ("best", BLUE))
    shown = [(name, colour, winner[f"{name}_{by}"]) for name, colour in subjects
             if winner.get(f"{name}_{by}") is not None and not (name == "default" and winner["best_is_default"])]
    if not shown:
        return None
    labels = [say("charts.test_best_default" if name == "best" and winner["best_is_default"] else f"charts.test_{name}",
                  language) for name, _, _ in shown]
    values = [value for _, _, value in shown]
    widest = winner["test_count"] if by == "right" else max(values)
    canvas = _bars(language, labels, values, [colour for _, colour, _ in shown], [number(value) for value in values],
                   widest)
    number_axis(canvas.axes[0].xaxis, log=False, low=0, high=widest)
    title = "charts.test_title" if by == "right" else "charts.test_title_loss"
    canvas.words(canvas.axes[0], say(title, language, {"count": winner["test_count"]}))
    parts = [say("charts.test_alt_part", language, {"name": label, "value": value})
             for label, value in zip(labels, values, strict=True)]
    return done(canvas, folder, "test", language, {"count": winner["test_count"], "parts": parts}, "test")


def importance(report: Report, language: Language, folder: Path) -> Picture | None:
    """The settings that mattered; None where the report claims none, or where there was only one to compare."""
    claimed = [finding.facts for finding in report.findings if finding.kind == "what_mattered"]
    if not claimed or len(report.searched) < 2:
        return None
    labels = [say("charts.knob", language, {"name": facts["name"]}) for facts in claimed]
    shares = [facts["share"] for facts in claimed]
    canvas = _bars(language, labels, shares, [BLUE] * len(shares), [percent(share) for share in shares], 1.0)
    number_axis(canvas.axes[0].xaxis, log=False, low=0, high=1, words=percent)
    canvas.words(canvas.axes[0], say("charts.importance_title", language), say("charts.importance_x", language))
    parts = [say("charts.importance_alt_part", language, facts) for facts in claimed]
    return done(canvas, folder, "importance", language, {"parts": parts}, "importance")


def _bars(language: Language, labels: list[str], values: list[float], colours: list[str], words: list[str],
          widest: float) -> Canvas:
    """Lying bars, the first on top, each with its value at its end."""
    canvas = Canvas(language, height=1.6 + 0.75 * len(labels))
    axes = canvas.axes[0]
    places = list(range(len(labels)))[::-1]
    axes.barh(places, values, color=colours, height=0.62)
    for place, value, word in zip(places, values, words, strict=True):
        axes.text(value + widest * 0.015, place, word, va="center", color=INK, fontproperties=canvas.font(18))
    axes.set_xlim(0, widest * 1.12)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_yticks(places, labels)
    return canvas
