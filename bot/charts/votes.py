"""The leaderboard as a picture: each model's share against the reference with its interval, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.ticker import FixedLocator

from bot.charts.canvas import BLUE, GREY, INK, ORANGE, PAPER, Canvas, number_axis
from bot.charts.reading import done
from bot.phrases import Language, say
from bot.replies import Picture
from bot.wording import clip, percent

MOST = 10
_LABEL = 46
"""Characters of a model's name that fit on a phone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One model on the board."""

    name: str
    place: int
    share: float
    low: float
    high: float
    is_reference: bool


def votes(lines: Sequence[Line], cast: int, language: Language, folder: Path) -> Picture:
    """Promises the picture of a board, its best models first, the reference always among them. `cast`: its votes."""
    reference = next(line for line in lines if line.is_reference)
    shown = list(lines[:MOST])
    if reference not in shown:
        shown[-1] = reference
    canvas = Canvas(language, height=1.9 + 0.85 * len(shown))
    axes = canvas.axes[0]
    axes.axvline(0.5, color=GREY, lw=1.5, ls="--", zorder=1)
    for at, line in zip(range(len(shown))[::-1], shown, strict=True):
        colour = GREY if line.is_reference else ORANGE if line.place == 1 else BLUE
        axes.plot([line.low, line.high], [at, at], color=colour, lw=5, solid_capstyle="round", alpha=0.55, zorder=2)
        axes.scatter([line.share], [at], s=170, c=colour, edgecolors=INK, linewidths=0.8, zorder=3)
        facts = {"place": line.place, "name": clip(line.name, _LABEL)}
        axes.text(0.0, at + 0.3, say("charts.votes_model", language, facts), va="center", color=INK,
                  fontproperties=canvas.font(14), bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0})
        if not line.is_reference:
            axes.text(1.0, at + 0.3, percent(line.share), va="center", ha="right", color=INK,
                      fontproperties=canvas.font(15), bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0})
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.5, len(shown) - 0.4)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    number_axis(axes.xaxis, log=False, low=0.0, high=1.0, words=percent)
    axes.xaxis.set_major_locator(FixedLocator([0.0, 0.25, 0.5, 0.75, 1.0]))
    named = {"reference": clip(reference.name, _LABEL), "votes": cast}
    canvas.words(axes, say("charts.votes_title", language, named), say("charts.votes_x", language, named))
    parts = [say("charts.votes_alt_part", language, {"name": line.name, "share": line.share, "low": line.low,
                                                     "high": line.high})
             for line in shown if not line.is_reference]
    return done(canvas, folder, "votes", language, {**named, "parts": parts}, "votes")
