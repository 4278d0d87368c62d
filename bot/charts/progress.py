"""Progress of the best result, and how each try's loss went while it learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bot.charts.canvas import BLUE, GREY, INK, ORANGE, VERMILION, Canvas, number_axis
from bot.charts.reading import done, facts_of, finite
from bot.phrases import Language, say
from bot.replies import Picture
from bot.wording import number, percent
from tuner.events import Report, TrialRecord
from tuner.plan.plan import SHARES

Points = list[tuple[int, float]]
_CUT_SHORT = {"pruned": "v", "failed": "X"}
"""How the end of a curve is marked that was not to end there."""


def progress(report: Report, language: Language, folder: Path) -> Picture | None:
    """Above the best so far, below the loss curves; None before the first result."""
    complete = [trial for trial in report.trials if trial.state == "complete" and finite(trial.value)]
    if not complete:
        return None
    curves = {trial.number: _curve(trial) for trial in report.trials}
    rows = 2 if any(len(points) > 1 for points in curves.values()) else 1
    canvas = Canvas(language, rows=rows, height=4.4 * rows)
    best = facts_of(report, "winner").get("best_trial")
    _best_so_far(report, language, canvas.axes[0], complete)
    canvas.words(canvas.axes[0], say("charts.progress_title", language), say("charts.progress_x", language),
                 say(f"charts.score_{report.metric}", language))
    canvas.legend(canvas.axes[0])
    if rows == 2:
        _curves(report, language, canvas.axes[1], curves, best)
        canvas.words(canvas.axes[1], say("charts.curves_title", language), say("charts.curves_x", language),
                     say("charts.curves_y", language))
        canvas.legend(canvas.axes[1])
    facts = {"tries": len(report.trials), "best": best, "curves": rows == 2,
             **{state: sum(trial.state == state for trial in report.trials) for state in _CUT_SHORT}}
    return done(canvas, folder, "progress", language, facts, "progress")


def _curve(trial: TrialRecord) -> Points:
    """The validation loss where it was measured, else the training loss."""
    valid = [(step, value) for step, _, value in trial.curve if finite(value)]
    return valid if len(valid) > 1 else [(step, value) for step, value, _ in trial.curve if finite(value)]


def _best_so_far(report: Report, language: Language, axes: Axes, complete: Sequence[TrialRecord]) -> None:
    numbers, values = [trial.number for trial in complete], [float(trial.value or 0.0) for trial in complete]
    best: list[float] = []
    for value in values:
        better = max if report.maximise else min
        best.append(value if not best else better(best[-1], value))
    axes.scatter(numbers, values, s=60, c=GREY, edgecolors="none", zorder=3, label=say("charts.progress_try", language))
    ends = [*numbers, max(trial.number for trial in report.trials)]
    axes.step(ends, [*best, best[-1]], where="post", color=BLUE, lw=3, zorder=4,
              label=say("charts.progress_best", language))
    axes.scatter([numbers[values.index(best[-1])]], [best[-1]], s=420, c=ORANGE, marker="*", edgecolors=INK, zorder=5,
                 label=say("charts.best", language))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    number_axis(axes.yaxis, log=False, low=min(values), high=max(values),
                words=percent if report.metric in SHARES else number)


def _curves(report: Report, language: Language, axes: Axes, curves: dict[int, Points], best: int | None) -> None:
    looks = {"complete": (GREY, 1.6, "-", 2), "running": (GREY, 1.6, "-", 2), "stopped": (GREY, 1.6, ":", 2),
             "pruned": (BLUE, 1.8, "--", 3), "failed": (VERMILION, 2.0, "-", 4)}
    named: set[str] = set()
    sound = [value for trial in report.trials if trial.state != "failed" for _, value in curves[trial.number]]
    low, high = (min(sound), max(sound)) if sound else (0.0, 1.0)
    room = (high - low) or 1.0
    top = high + (0.2 * room if any(trial.state == "failed" for trial in report.trials) else 0.0)
    for trial in report.trials:
        points = [(step, min(value, top)) for step, value in curves[trial.number]]
        if len(points) < 2:
            continue
        group = "best" if trial.number == best else trial.state if trial.state in _CUT_SHORT else "curves_other"
        colour, width, style, order = (ORANGE, 4.0, "-", 6) if group == "best" else looks[trial.state]
        label = None if group in named else say(f"charts.{group}", language)
        named.add(group)
        axes.plot([step for step, _ in points], [value for _, value in points], color=colour, lw=width, ls=style,
                  zorder=order, label=label)
        if trial.state in _CUT_SHORT:
            axes.scatter([points[-1][0]], [points[-1][1]], s=70, c=colour, marker=_CUT_SHORT[trial.state], zorder=order)
    axes.set_ylim(low - 0.06 * room, top + 0.06 * room)
    number_axis(axes.yaxis, log=False, low=low, high=high, words=number)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
