"""Setting against score: one point a try, the good range shaded, stopped and failed tries marked at the worse edge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from bot.charts.canvas import BLUE, GREEN, GREY, INK, ORANGE, SKY, VERMILION, Canvas, number_axis
from bot.charts.reading import done, facts_of, finite, is_default
from bot.phrases import Language, say
from bot.replies import Picture
from bot.wording import number, percent
from tuner.events import Report, TrialRecord
from tuner.plan.plan import SHARES

MOST = 2
"""One message holds few pictures."""
FEW = 6
"""Up to so many different short numbers, each is written below the axis."""
_LOOKS = {"complete": (BLUE, "o", 70, 3), "default": (SKY, "D", 120, 4), "best": (ORANGE, "*", 420, 5)}
_LOST = {"pruned": (GREY, "v"), "failed": (VERMILION, "X")}


def settings(report: Report, language: Language, folder: Path) -> Iterable[Picture]:
    """The settings that mattered or broke tries, else the first that was searched."""
    found = [name for finding in report.findings if finding.kind in ("what_mattered", "threshold")
             for name in finding.facts.get("names", [finding.facts["name"]])]
    wanted = dict.fromkeys(name for name in found if name in report.searched) or report.searched[:1]
    for name in list(wanted)[:MOST]:
        picture = _setting(report, name, language, folder)
        if picture is not None:
            yield picture


def _setting(report: Report, name: str, language: Language, folder: Path) -> Picture | None:
    known = [trial for trial in report.trials if trial.settings.get(name) is not None]
    complete = [trial for trial in known if trial.state == "complete" and finite(trial.value)]
    lost = [trial for trial in known if trial.state in _LOST]
    if not complete or len({trial.settings[name] for trial in known}) < 2:
        return None
    canvas = Canvas(language)
    axes = canvas.axes[0]
    x = _places(report, name, [*complete, *lost], axes, language)
    direction = next((finding.facts for finding in report.findings
                      if finding.kind == "direction" and finding.facts["name"] == name), {})
    low, high = direction.get("good_low"), direction.get("good_high")
    if low is not None and high is not None:
        axes.axvspan(low, high, color=GREEN, alpha=0.2, lw=0, label=say("charts.good_range", language))
    best = facts_of(report, "winner").get("best_trial")
    _points(report, axes, language, complete, x, best)
    _marks(report, axes, language, complete, lost, x)
    in_words = isinstance(complete[0].settings[name], str)
    canvas.words(axes, say("charts.setting_title", language, {"name": name}),
                 "" if in_words else say("charts.knob", language, {"name": name}),
                 say(f"charts.score_{report.metric}", language))
    canvas.legend(axes)
    chosen = next((trial.settings[name] for trial in complete if trial.number == best), None)
    facts = {"name": name, "complete": len(complete), "good_low": low, "good_high": high,
             "best": float(f"{chosen:.3g}") if isinstance(chosen, float) else chosen,
             **{state: sum(trial.state == state for trial in lost) for state in _LOST}}
    return done(canvas, folder, f"setting-{name}", language, facts, "setting")


def _places(
    report: Report, name: str, trials: Sequence[TrialRecord], axes: Axes, language: Language
) -> dict[int, float]:
    """Each try's place on the x axis, and the axis made ready: numbers on their scale, words side by side."""
    values: dict[int, Any] = {trial.number: trial.settings[name] for trial in trials}
    if all(isinstance(value, int | float) for value in values.values()):
        low, high = float(min(values.values())), float(max(values.values()))
        log = name in report.log_knobs and 0 < low < high
        if log:
            axes.set_xscale("log")
            axes.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
        number_axis(axes.xaxis, log=log, low=low, high=high)
        few = sorted({float(value) for value in values.values()})
        if len(few) <= FEW and all(value == float(f"{value:.2g}") for value in few):
            axes.xaxis.set_major_locator(FixedLocator(few))
        return {trial: float(value) for trial, value in values.items()}
    levels = sorted({str(value) for value in values.values()})
    words = [say("charts.setting_value", language, {"name": name, "value": level}) for level in levels]
    axes.set_xticks(range(len(levels)), [_folded(word) for word in words])
    axes.set_xlim(-0.6, len(levels) - 0.4)
    return {trial: levels.index(str(value)) + _aside(trial) for trial, value in values.items()}


def _aside(trial: int) -> float:
    """A little to the left or right, so that tries with the same word do not hide each other."""
    return 0.3 * ((trial * 7) % 11 - 5) / 10


def _folded(word: str) -> str:
    """A long name over two lines."""
    for mark in (" (", "（"):
        word = word.replace(mark, f"\n{mark.strip()}")
    middle = len(word) // 2
    if "\n" in word or len(word) < 16 or " " not in word:
        return word
    gap = min((place for place, letter in enumerate(word) if letter == " "), key=lambda place: abs(place - middle))
    return f"{word[:gap]}\n{word[gap + 1:]}"


def _points(
    report: Report, axes: Axes, language: Language, complete: Sequence[TrialRecord], x: Mapping[int, float],
    best: int | None,
) -> None:
    groups: dict[str, list[TrialRecord]] = {"complete": [], "default": [], "best": []}
    for trial in complete:
        is_known = is_default(report, trial.number)
        groups["best" if trial.number == best else "default" if is_known else "complete"].append(trial)
    for group, trials in groups.items():
        colour, marker, size, order = _LOOKS[group]
        if trials:
            axes.scatter([x[trial.number] for trial in trials], [trial.value or 0.0 for trial in trials], s=size,
                         c=colour, marker=marker, edgecolors=INK, linewidths=0.8, zorder=order,
                         label=say(f"charts.{group}", language))


def _marks(report: Report, axes: Axes, language: Language, complete: Sequence[TrialRecord],
           lost: Sequence[TrialRecord], x: Mapping[int, float]) -> None:
    """Tries without a result of their own stand on a line beyond the worst result; the score axis ends there."""
    values = [trial.value or 0.0 for trial in complete]
    low, high = min(values), max(values)
    room = (high - low) or abs(high) * 0.1 or 1.0
    beyond = low - 0.22 * room if report.maximise else high + 0.22 * room
    for state, (colour, marker) in _LOST.items():
        places = [x[trial.number] for trial in lost if trial.state == state]
        if places:
            axes.scatter(places, [beyond] * len(places), s=110, c=colour, marker=marker, edgecolors=INK, linewidths=0.6,
                         zorder=4, label=say(f"charts.{state}", language))
    number_axis(axes.yaxis, log=False, low=low, high=high,
                words=percent if report.metric in SHARES else number)
    edge = 0.34 if lost else 0.12
    axes.set_ylim(low - (edge if report.maximise else 0.12) * room, high + (0.12 if report.maximise else edge) * room)
    if lost:
        axes.axhline((beyond + (low if report.maximise else high)) / 2, color=GREY, lw=0.8, ls=":")
