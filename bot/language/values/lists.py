"""Lists of values: "4, 8 or 16", "4/8/16", 4か8か16, and where a list ends because something else begins."""

from __future__ import annotations

from bot.language.commands import Choices, Range
from bot.language.tokens.view import INEQUALITIES, View
from bot.language.values.group import Group
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

_JOINERS = words(", 、 / | ・ & ; *")


def read_list(view: View, i: int, start: int) -> Group | None:
    """The list that starts with token i, or None when it stands alone."""
    values, at, joiners = [view.value(i)], i + 1, []
    waiting = _knob_waits(view, start)
    while True:
        after, joiner = _joiner(view, at)
        if after is None or not view.number(after) or len(values) > 60:
            break
        if _starts_item(view, after, joiner, waiting=waiting):
            break
        values.append(view.value(after))
        joiners.append(joiner)
        at = after + 1
    if len(values) < 2:
        return None
    if len(values) == 2 and view.has(at, "op:between"):
        return Group(start, at + 1, Range(low=values[0], high=values[1]))
    loose = len(values) == 2 and not any(word in small_words("strong_joiners") for word in joiners[0].split())
    blank = len(values) == 2 and joiners == [" "]
    return Group(start, at, Choices(values=tuple(values)), is_loose=loose, is_blank=blank)


def _knob_waits(view: View, start: int) -> bool:
    """True when a knob is named shortly before, with nothing else in between."""
    for k in range(start - 1, max(-1, start - 6), -1):
        if view.names_knob(k):
            return True
        if view.number(k) or view.text(k) in (",", "、", ";", ".", "。"):
            return False
    return False


def _joiner(view: View, at: int) -> tuple[int | None, str]:
    """The position after the words that join two items of a list."""
    k, joiner = at, ""
    unit = view.has(k, "unit:filler") or view.names_knob(k)
    if unit and (view.has(k + 1, "op:or") or view.text(k + 1) in ("、", ",", "か", "と", "/", "and")):
        k += 1
    while k < view.size and k < at + 4:
        text = view.text(k)
        if text in _JOINERS or view.has(k, "op:or", "op:and"):
            joiner += " " + text
            k += 1
            continue
        if joiner and text in ("maybe", "even", "then", "also"):
            k += 1
            continue
        break
    if (
        not joiner
        and k < view.size
        and view.number(k)
        and view.number(k - 1)
        and k == at
        and view.tokens[k].start > view.tokens[k - 1].end
    ):
        return k, " "
    return (k, joiner) if joiner else (None, "")


def _starts_item(view: View, k: int, joiner: str, *, waiting: bool) -> bool:
    """True when the number at k opens another item (20 trials, 3 epochs, 1e-5 to 1e-3): no member of the list."""
    strong = any(word in joiner.split() for word in small_words("strong_joiners"))
    if view.text(k + 1) in INEQUALITIES or (
        view.has(k + 1, "op:to", "op:until", "op:atleast_after", "op:atmost_after")
        and view.text(k + 1) != ":"
        and (view.text(k + 1) != "から" or view.number(k + 2))
    ):
        return True
    unit = k + 1
    if view.has(unit, "unit:more"):
        unit += 1
    if view.has(unit, "unit:parallel"):
        return True
    if view.has(unit, "unit:trials") and view.text(unit + 1) == "=":
        return False  # "batch_size=8,16 n_trials=30"
    if view.has(unit, "unit:trials") and view.tokens[unit].text not in small_words("value_counters"):
        return not strong or waiting
    if view.names_knob(unit):
        names = {label for label in view.labels(unit) if label.startswith("knob:")}
        another = view.names_knob(k - 2) and names.isdisjoint(view.labels(k - 2))  # not 2エポックと3エポック
        return (waiting or another) and not strong
    return False
