"""How every picture looks: paper, colours that colour-blind people tell apart, big type, Japanese glyphs, number axes.

Uses Figure objects only: pyplot's global state is never touched, so pictures may be drawn in any thread.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from bot.phrases import Language
from bot.wording import plain

# Okabe & Ito's palette (2008), told apart with every common kind of colour blindness.
BLUE, ORANGE, VERMILION, GREEN, SKY, GREY, INK, PAPER = (
    "#0072B2", "#E69F00", "#D55E00", "#009E73", "#56B4E9", "#8C8C8C", "#202020", "#FBFBFB")
_DPI = 150
_SMALL, _NORMAL, _LARGE = 13, 15, 18
_MARGIN = 0.12
"""Inches between the words and the edge: on a dark page the paper ends there."""


@cache
def font_path(language: Language) -> Path | None:
    """The font file that holds every glyph of the language; None: matplotlib's own font does."""
    if language != "ja":
        return None
    package = importlib.util.find_spec("matplotlib_fontja")  # only found, not imported: its import changes global state
    if package is None or package.origin is None:
        raise RuntimeError("matplotlib-fontja must be installed for Japanese pictures, got no such package")
    return Path(package.origin).parent / "fonts" / "ipaexg.ttf"


class Canvas:
    """One picture under way."""

    def __init__(self, language: Language, *, rows: int = 1, height: float = 4.8) -> None:
        self._font = font_path(language)
        self.figure = Figure(figsize=(6.6, height), dpi=_DPI, facecolor=PAPER)
        self.figure.set_layout_engine("constrained", w_pad=_MARGIN, h_pad=_MARGIN)
        FigureCanvasAgg(self.figure)
        self.axes: list[Axes] = [self._axes(rows, row) for row in range(rows)]

    def _axes(self, rows: int, row: int) -> Axes:
        axes = self.figure.add_subplot(rows, 1, row + 1)
        axes.set_facecolor(PAPER)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color(GREY)
        axes.tick_params(colors=INK, labelsize=_SMALL, length=4)
        return axes

    def font(self, size: int = _NORMAL) -> FontProperties:
        return FontProperties(fname=str(self._font), size=size) if self._font else FontProperties(size=size)

    def words(self, axes: Axes, title: str, x: str = "", y: str = "") -> None:
        axes.set_title(title, fontproperties=self.font(_LARGE), color=INK, loc="left", pad=12)
        axes.set_xlabel(x, fontproperties=self.font(), color=INK)
        axes.set_ylabel(y, fontproperties=self.font(), color=INK)

    def legend(self, axes: Axes, columns: int = 3) -> None:
        """Below the axes, so that it hides no point."""
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            axes.legend(handles, labels, prop=self.font(_SMALL), frameon=False, loc="upper center", ncols=columns,
                        bbox_to_anchor=(0.5, -0.2), handletextpad=0.3, columnspacing=1.0, labelcolor=INK)

    def save(self, path: Path) -> None:
        """Writes the PNG without a date or a version, so that the same report gives the same bytes."""
        for axes in self.axes:
            for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
                label.set_fontproperties(self.font(_SMALL))
        self.figure.savefig(path, format="png", facecolor=PAPER, metadata={"Software": None})


def number_axis(axis: Any, *, log: bool, low: float, high: float, words: Callable[[float], str] = plain) -> None:
    """Ticks at round numbers, written out as people write them, on a linear or logarithmic axis."""
    if log:
        axis.set_major_locator(FixedLocator(log_ticks(low, high)))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator(5))
    axis.set_major_formatter(FuncFormatter(lambda value, _: words(float(f"{value:.6g}"))))


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, with 3s between them, or 2s and 5s, when there is room for more; at most seven."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    best: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5)):
        ticks = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
        ticks = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if not best or len(ticks) <= 5:
            best = ticks
    return best[:: math.ceil(len(best) / 7)] if best else [low, high]
