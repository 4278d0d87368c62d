"""Ranges and bounds: "a to b", "[a, b]", "a < lr < b", "at least a", a以上b以下."""

from __future__ import annotations

from bot.language.commands import Choices, Range
from bot.language.tokens.view import INEQUALITIES, View
from bot.language.values.group import Group
from bot.language.values.lists import read_list
from bot.language.vocabulary.closed import words

_BRACKET_JOINERS = words(", 、 ; / .. - ~ : to or and |")
_UNNAMED = words("x v 値 value")  # what stands between two bounds for the knob spoken of: 1e-5 < x < 1e-4
_CHAINS = words("- → ~ : to")
_SPANNING = ("range", "in range", "within", "in the range", "range of", "in the range of")
_OPENERS = ("up to", "under", "below", "cap", "max", "limit")  # these open the next bound rather than close this one


def read_bracket(view: View, i: int) -> Group | None:
    """[a, b] and {a, b, c}: two values are a range, in braces or with "or" a list."""
    opening = view.text(i - 1)
    if opening not in ("[", "{", "("):
        return None
    closing = {"[": "]", "{": "}", "(": ")"}[opening]
    values, at = [view.value(i)], i + 1
    colon = parted = False
    while at + 1 < view.size and view.text(at) in _BRACKET_JOINERS and view.number(at + 1):
        colon = colon or view.has(at, "op:to")
        parted = parted or view.text(at).lower() in ("or", "and", "|", "/")
        values.append(view.value(at + 1))
        at += 2
    if view.text(at) != closing or len(values) < 2:
        return None
    if len(values) == 2 and (opening != "{" or colon) and not parted:
        return Group(i - 1, at + 1, Range(low=values[0], high=values[1]))
    return Group(i - 1, at + 1, Choices(values=tuple(values)))


def read_inequality(view: View, i: int, start: int) -> Group | None:
    """a < lr < b, and a < x < b for the knob spoken of."""
    if view.text(i + 1) not in INEQUALITIES:
        return None
    owner = next((k for k in (i + 2, i + 3) if view.names_knob(k)), None)
    unnamed = owner is None and view.text(i + 2).lower() in _UNNAMED
    owner = i + 2 if unnamed else owner
    if owner is None or view.text(owner + 1)[:1] not in ("<", ">", "≤", "≥", "=", "≦", "≧"):
        return None
    if not view.number(owner + 2):
        return None
    low, high = view.value(i), view.value(owner + 2)
    if view.text(i + 1)[0] in ">≥≧":
        low, high = high, low
    return Group(start, owner + 3, Range(low=low, high=high), owner=None if unnamed else owner)


def read_range(view: View, i: int, start: int, prefix: set[str], first: float) -> Group | None:
    """ "a to b", "between a and b", aからbまで, a〜b; three or more in a chain are choices."""
    at = _joint(view, i, start, prefix)
    if at is None:
        return None
    after = at + 1
    while view.has(after, "op:to", "op:atmost", "op:around", "op:from") and not view.number(after) and after < at + 3:
        after += 1
    if view.text(at) == "から" and view.text(after) in ("、", ","):  # 2e-5から、上は5e-4まで
        bound = after + 1
        while view.has(bound, "op:atmost"):
            bound += 1
        after = bound if bound > after + 1 else after
    if view.text(after) in ("a", "the", "about") or _names_again(view, i - 1, after):
        after += 1
    if view.has(after, "op:nothing"):
        second: float = 0
    elif view.number(after):
        second = view.value(after)
    else:
        return None
    end = after + 1
    unit = _skip_unit_end(view, end)
    if view.has(unit, "op:until", "op:between"):
        end = unit + 1
        if view.has(end, "op:between"):
            end += 1
    values = [first, second]
    while view.has(end, "op:to") and view.number(end + 1) and view.text(end) in _CHAINS and len(values) < 60:
        values.append(view.value(end + 1))
        end += 2
    if len(values) > 2:
        return Group(start, end, Choices(values=tuple(values)))
    return Group(start, end, Range(low=first, high=second))


def _joint(view: View, i: int, start: int, prefix: set[str]) -> int | None:
    """The token that joins the two bounds of a range whose first number is token i, if one does."""
    at = _skip_unit(view, i + 1)
    if view.has(at, "op:around") and view.has(at + 1, "op:to"):
        at += 1
    if view.text(at) == ":" and at != i + 1:
        return None
    if view.has(at, "op:to"):
        return at
    if "between" in prefix and view.text(at) == ",":
        return at + 1 if view.text(at + 1) in ("to", "and") else at
    if "between" in prefix and view.has(at, "op:and"):
        return at
    spans = "from" in prefix and view.has(start, "op:from") and view.text(start).lower() in _SPANNING
    return at if spans and view.text(at) == "and" else None


def read_bounds(view: View, i: int, start: int, prefix: set[str], first: float) -> Group | None:
    """ "at least a", "under b", a以上, b以下, "at least a and at most b"."""
    at = i + 1
    if _is_unit(view, at) and view.has(at + 1, "op:atleast_after", "op:atmost_after", "op:until"):
        at += 1
    if view.has(at, "op:atleast_after"):
        return _from_below(view, at, start, first)
    if view.has(at, "op:atmost_after", "op:until"):
        return Group(start, at + 1, Range(high=first))
    if "atleast" in prefix and view.text(start).lower() == "over" and read_list(view, i, start):
        return None
    if "atleast" in prefix:
        merged = _other_bound(view, at, "op:atmost")
        high = view.value(merged) if merged else None
        return Group(start, merged + 1 if merged else at, Range(low=first, high=high))
    if "atmost" in prefix:
        merged = _other_bound(view, at, "op:atleast")
        low = view.value(merged) if merged else None
        return Group(start, merged + 1 if merged else at, Range(low=low, high=first))
    return _said_after(view, i, start, prefix, first)


def _from_below(view: View, at: int, start: int, first: float) -> Group:
    """a以上, and what may follow: b以下."""
    follow = at + 1
    while view.text(follow) in ("、", ",", "で", "かつ", "の"):
        follow += 1
    if view.number(follow):
        last = follow + 2 if view.has(follow + 1, "unit:filler", "unit:trials") else follow + 1
        if view.has(last, "op:atmost_after", "op:until"):
            return Group(start, last + 1, Range(low=first, high=view.value(follow)))
    return Group(start, at + 1, Range(low=first))


def _said_after(view: View, i: int, start: int, prefix: set[str], first: float) -> Group | None:
    """The bound that an English word behind the number gives: "8 or more", "32 max"."""
    at = i + 1
    alone = not view.number(at + 1) and view.text(at)[:1] not in "<>"
    if view.has(at, "op:atleast") and alone:
        return Group(start, at + 1, Range(low=first))
    closes = at + 1 >= view.size or view.tokens[at + 1].kind == "sym" or view.text(at + 1).lower() in ("and", "then")
    if view.has(at, "op:atmost") and alone and (view.text(at) not in _OPENERS or (view.text(at) == "max" and closes)):
        return Group(start, at + 1, Range(high=first))
    if "to" in prefix and "from" not in prefix and view.text(i - 1).endswith(("up to", "upto", "till", "until")):
        return Group(start, at, Range(high=first))
    return None


def _other_bound(view: View, at: int, label: str) -> int | None:
    k = at
    while k < at + 3 and (view.text(k) in (",", "、", "and", "but", "&") or view.has(k, "unit:filler")):
        k += 1
    if view.has(k, label):
        k += 1
        while view.text(k) in ("of", "is", ":", "=", "は"):
            k += 1
        if view.number(k):
            return k
    return None


def _names_again(view: View, before: int, i: int) -> bool:
    """True when the name before the first number stands before the second too: from rank 8 to rank 64."""
    if not view.number(i + 1):
        return False
    names = {x for x in view.labels(before) if x.startswith("knob:")}
    return bool(names) and bool(names & view.labels(i))


def _skip_unit(view: View, i: int) -> int:
    """Past a unit that repeats inside a range: 3 epochs to 10 epochs, 1回から3回."""
    repeats = view.has(i + 1, "op:to") or view.text(i + 1) in ("and", "と")
    return i + 1 if repeats and _is_unit(view, i) else i


def _skip_unit_end(view: View, end: int) -> int:
    if view.has(end, "op:filler", "unit:filler", "unit:trials") or view.names_knob(end):
        return end + 1 if view.has(end + 1, "op:until", "op:between") else end
    return end


def _is_unit(view: View, i: int) -> bool:
    return view.has(i, "unit:filler", "unit:trials") or view.names_knob(i)
