"""The result on the sealed test, how much each setting mattered, and the best tries in their order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.charts.canvas import BLUE, GREY, INK, ORANGE, SKY, Canvas, number_axis
from bot.charts.reading import done, facts_of, finite, is_default
from bot.phrases import Language, say
from bot.replies import Picture
from bot.wording import number, percent
from tuner.events import Report
from tuner.plan.plan import SHARES

BOARD = 8
"""Tries on the leaderboard at most; the default settings come on top of them."""


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
    ends = [(facts.get("share_low", share), facts.get("share_high", share))
            for facts, share in zip(claimed, shares, strict=True)]
    canvas = _bars(language, labels, shares, [BLUE] * len(shares), [percent(share) for share in shares], 1.0, ends)
    number_axis(canvas.axes[0].xaxis, log=False, low=0, high=1, words=percent)
    canvas.words(canvas.axes[0], say("charts.importance_title", language), say("charts.importance_x", language))
    parts = [say("charts.importance_alt_part", language, facts) for facts in claimed]
    return done(canvas, folder, "importance", language, {"parts": parts}, "importance")


def leaderboard(report: Report, language: Language, folder: Path) -> Picture | None:
    """The best tries in their order, the default settings among them where these are known; None below three."""
    sign = -1 if report.maximise else 1
    complete = [trial for trial in report.trials if trial.state == "complete" and finite(trial.value)]
    ordered = sorted(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    if len(ordered) < 3:
        return None
    shown = ordered[:BOARD]
    shown += [trial for trial in ordered[BOARD:] if is_default(report, trial.number)]
    words = percent if report.metric in SHARES else number
    labels = [say("charts.board_try", language, {"place": ordered.index(trial) + 1, "number": trial.number,
                                                 "is_default": is_default(report, trial.number)}) for trial in shown]
    values = [trial.value or 0.0 for trial in shown]
    canvas = Canvas(language, height=1.9 + 0.55 * len(shown))
    axes, places = canvas.axes[0], list(range(len(shown)))[::-1]
    low, high = min(values), max(values)
    room = (high - low) or abs(high) * 0.1 or 1.0
    axes.hlines(places, low - 0.1 * room, values, color=GREY, lw=1.5)
    colours = [ORANGE if place == 0 else SKY if is_default(report, trial.number) else BLUE
               for place, trial in enumerate(shown)]
    axes.scatter(values, places, s=160, c=colours, edgecolors=INK, linewidths=0.8, zorder=3)
    for place, value in zip(places, values, strict=True):
        axes.text(value + 0.06 * room, place, words(value), va="center", color=INK, fontproperties=canvas.font(15))
    axes.set_xlim(low - 0.1 * room, high + 0.35 * room)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_yticks(places, labels)
    number_axis(axes.xaxis, log=False, low=low, high=high, words=words)
    canvas.words(axes, say("charts.board_title", language), say(f"charts.score_{report.metric}", language))
    parts = [say("charts.board_alt_part", language, {"number": trial.number, "score": words(value),
                                                     "is_default": is_default(report, trial.number)})
             for trial, value in zip(shown, values, strict=True)]
    return done(canvas, folder, "leaderboard", language, {"parts": parts, "tries": len(complete)}, "board")


def _bars(language: Language, labels: list[str], values: list[float], colours: list[str], words: list[str],
          widest: float, ends: Sequence[tuple[float, float]] = ()) -> Canvas:
    """Lying bars, the first on top, each with its value at its end; `ends`: the interval of each, as a line."""
    canvas = Canvas(language, height=1.6 + 0.75 * len(labels))
    axes = canvas.axes[0]
    places = list(range(len(labels)))[::-1]
    axes.barh(places, values, color=colours, height=0.62)
    for place, (low, high) in zip(places, ends, strict=False):
        axes.plot([low, high], [place, place], color=INK, lw=2.5, marker="|", ms=14, mew=2.5)
    rights = [high for _, high in ends] or values
    for place, value, word in zip(places, rights, words, strict=True):
        axes.text(value + widest * 0.015, place, word, va="center", color=INK, fontproperties=canvas.font(18))
    axes.set_xlim(0, widest * (1.2 if ends else 1.12))
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_yticks(places, labels)
    return canvas
