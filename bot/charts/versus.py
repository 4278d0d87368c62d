"""One try beside the best: how the loss of both went while they learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bot.charts.canvas import BLUE, GREY, ORANGE, VERMILION, Canvas, number_axis
from bot.charts.reading import done, facts_of, finite
from bot.phrases import Language, say
from bot.replies import Picture
from bot.wording import number as in_words
from tuner.events import Report, TrialRecord

Points = list[tuple[int, float]]
PRACTICE, TRAINING = "practice", "training"
_PLACES = {TRAINING: 1, PRACTICE: 2}
"""Where a point of a curve holds each loss."""
_LOOKS = {PRACTICE: (3.0, "-"), TRAINING: (1.6, "--")}
_BROADER = 2.0
_ENDS = {"pruned": "v", "failed": "X"}
"""How an end is marked that came too soon."""
_ROOM = 0.3
"""How far beyond the first losses a curve that broke down is followed, as a share of their span."""


def versus(report: Report, number: int, language: Language, folder: Path) -> Picture | None:
    """Promises the curves of try `number` and of the best one; None where either has none, or both are the same try."""
    best = facts_of(report, "winner").get("best_trial")
    tries = {trial.number: trial for trial in report.trials if trial.number in (number, best)}
    if best is None or len(tries) < 2:
        return None
    kinds = [kind for kind in (PRACTICE, TRAINING) if all(len(_points(trial, kind)) > 1 for trial in tries.values())]
    if not kinds:
        return None
    canvas = Canvas(language)
    axes = canvas.axes[0]
    top = _top(tries[best], tries[number], kinds)
    for trial, colour in ((tries[best], ORANGE), (tries[number], BLUE)):
        for kind in kinds:
            _draw(axes, trial, kind, colour, top, is_best=trial.number == best)
    facts = {"number": number, "best": best, "state": tries[number].state, "kind": kinds[0],
             **_ends("mine", _points(tries[number], kinds[0])), **_ends("best", _points(tries[best], kinds[0]))}
    _legend(canvas, axes, language, facts, kinds)
    number_axis(axes.yaxis, log=False, low=0.0, high=top, words=in_words)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    canvas.words(axes, say("charts.versus_title", language, facts), say("charts.curves_x", language),
                 say("charts.curves_y", language))
    return done(canvas, folder, f"versus-{number}", language, facts, "versus")


def _points(trial: TrialRecord, kind: str) -> Points:
    return [(point[0], value) for point in trial.curve if finite(value := point[_PLACES[kind]])]


def _ends(name: str, points: Points) -> dict[str, float]:
    values = [value for _, value in points]
    return {f"{name}_first": values[0], f"{name}_last": values[-1], f"{name}_lowest": min(values)}


def _top(best: TrialRecord, mine: TrialRecord, kinds: list[str]) -> float:
    """Up to where the picture goes: a loss that runs away would press everything else flat."""
    sound = [value for kind in kinds for _, value in _points(best, kind)]
    first = [_points(mine, kind)[0][1] for kind in kinds]
    low, high = min(sound), max(*sound, *first)
    highest = max(value for kind in kinds for _, value in _points(mine, kind))
    return min(highest, high + _ROOM * (high - low)) if highest > high else high


def _draw(axes: Axes, trial: TrialRecord, kind: str, colour: str, top: float, *, is_best: bool) -> None:
    """The best one broader and below, so that both are seen where they run alike."""
    width, style = _LOOKS[kind]
    width *= _BROADER if is_best and kind == PRACTICE else 1.0
    points = [(step, min(value, top)) for step, value in _points(trial, kind)]
    order = (5 if kind == PRACTICE else 3) + (not is_best)
    axes.plot([step for step, _ in points], [value for _, value in points], color=colour, lw=width, ls=style,
              zorder=order)
    if kind == PRACTICE:
        shown = VERMILION if trial.state == "failed" else colour
        axes.scatter([points[-1][0]], [points[-1][1]], s=160 if is_best or trial.state in _ENDS else 70, c=shown,
                     marker=_ENDS.get(trial.state, "o"), zorder=order + 2)


def _legend(canvas: Canvas, axes: Axes, language: Language, facts: dict[str, Any], kinds: list[str]) -> None:
    """The two tries by colour, and below them, where both losses are drawn, the losses by style."""
    lines = [Line2D([], [], color=colour, lw=3.5, label=say(f"charts.versus_{name}", language, facts))
             for name, colour in (("best", ORANGE), ("mine", BLUE))]
    lines += [Line2D([], [], color=GREY, lw=_LOOKS[kind][0], ls=_LOOKS[kind][1],
                     label=say(f"charts.versus_{kind}", language)) for kind in kinds if len(kinds) > 1]
    if facts["state"] in _ENDS:
        colour = VERMILION if facts["state"] == "failed" else BLUE
        lines.append(Line2D([], [], color=colour, ls="", marker=_ENDS[facts["state"]], ms=11,
                            label=say(f"charts.{facts['state']}", language)))
    for line in lines:
        axes.add_line(line)
    canvas.legend(axes, columns=2)
