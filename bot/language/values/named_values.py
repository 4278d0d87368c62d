"""Knobs whose values are words: the schedule of the learning rate and the modules that LoRA changes."""

from __future__ import annotations

from bot.language.commands import Choices, Fixed
from bot.language.tokens.view import View
from bot.language.values.settings import Settings
from bot.language.vocabulary.small_words import small_words


def give_named_values(view: View, taken: set[int], out: Settings) -> None:
    """Give the schedules and modules that are named to their knobs."""
    for group, knob in (("schedule", "lr_schedule"), ("module", "target_modules")):
        values: list[str] = []
        for i, token in enumerate(view.tokens):
            named = [label.split(":")[1] for label in token.labels if label.startswith(group + ":")]
            if group == "schedule" and _is_linear_schedule(view, i):
                values += ["linear"] if "linear" not in values else []
                continue
            if not named or i in out.used or i in taken or view.has(i, "op:nolog", "op:log") or view.set_aside(i):
                continue
            if view.has(i + 1, "knob:warmup_ratio") and "schedule" not in token.text.lower():
                continue  # "linear warmup of 3%"
            values += [value for value in named if value not in values]
            out.used.add(i)
        if not values and group == "module" and _all_named(view, out):
            values = ["all"]
        if not values:
            continue
        if group == "module":
            values += [
                name
                for name in ("all",)
                if name not in values
                and any("weak_module:all" in token.labels and token.text.lower() != "both" for token in view.tokens)
            ]
        out.space[knob] = Fixed(value=values[0]) if len(values) == 1 else Choices(values=tuple(values))
        out.bare.discard(knob)


def _is_linear_schedule(view: View, i: int) -> bool:
    """True for スケジュールは線形で and コサインか線形で: said of the schedule, it is no scale."""
    if not (view.has(i, "op:nolog") and view.text(i).lower().startswith(small_words("linear"))):
        return False
    k = i - 1
    while k >= max(0, i - 4) and (view.text(k).lower() in small_words("name_particles") or view.has(k, "op:or")):
        k -= 1
    return view.has(k, "knob:lr_schedule") or (k < i - 1 and any(x.startswith("schedule:") for x in view.labels(k)))


def _all_named(view: View, out: Settings) -> bool:
    """True for "target modules all" and 対象モジュールはすべて: a bare word for everything, right behind the name."""
    if "target_modules" not in out.space or out.space["target_modules"] is not None:
        return False
    for i, token in enumerate(view.tokens):
        if "knob:target_modules" not in token.labels:
            continue
        k = i + 1
        while k <= i + 2 and view.text(k).lower() in (*small_words("name_particles"), "=", ":", "to"):
            k += 1
        if view.has(k, "weak_module:all") and view.text(k).lower() != "both":
            out.used.add(k)
            return True
    return False
