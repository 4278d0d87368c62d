"""From tokens to groups: the numbers of one range, one list or one value, with the words around them that say which.

Knows nothing of knobs: a group is a spec that still looks for its owner.
"""

from __future__ import annotations

from bot.language.commands import Choices, Fixed, Range
from bot.language.tokens.view import View, is_number
from bot.language.values.group import Group
from bot.language.values.lists import read_list
from bot.language.values.ranges import read_bounds, read_bracket, read_inequality, read_range
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

_PREFIX_ENDS = words("+ - / , 、 and or")
_PREFIX_PADDING = words("a an the it values set total of")
_STEPPED = words("increments increment jumps intervals")


def read_group(view: View, i: int) -> Group:
    """The group whose first number is token i."""
    start, prefix = _prefix(view, i)
    first = view.value(i)
    group = (
        read_bracket(view, i)
        or read_inequality(view, i, start)
        or read_range(view, i, start, prefix, first)
        or read_bounds(view, i, start, prefix, first)
        or read_list(view, i, start)
    )
    if group is None:
        around = "~" in view.tokens[i].flags or "around" in prefix or view.has(i + 1, "op:around")
        end = i + 2 if view.has(i + 1, "op:around") else i + 1
        group = Group(start, end, Fixed(value=first), is_around=around)
    return _finish(view, group, prefix)


def _prefix(view: View, i: int) -> tuple[int, set[str]]:
    """The first of the words before token i that shape its group, and what they say."""
    start, prefix = i, set()
    while start > 0 and i - start < 4:
        before = view.tokens[start - 1]
        names = {label[3:] for label in before.labels if label.startswith("op:")}
        names &= {"between", "from", "atleast", "atmost", "around", "fixed", "step", "to"}
        if before.text in _PREFIX_ENDS or (before.text in ("~",) and view.number(start - 2)):
            break
        if before.text == "~":
            names = {"around"}
        if not names:
            if before.text in _PREFIX_PADDING and before.kind != "num":
                start -= 1
                continue
            break
        prefix |= names
        start -= 1
    while start < i and not any(label.startswith("op:") for label in view.tokens[start].labels):
        start += 1
    return start, prefix


def _finish(view: View, group: Group, prefix: set[str]) -> Group:
    """The group with what the words behind it add: a step, "fixed", "around"."""
    group = _share_percent(view, group)
    start, end, spec = group.start, group.end, group.spec
    after = end
    if view.text(after) in ("で", "に", "は") and view.has(after + 1, "op:fixed", "op:step"):
        after += 1
    if "step" in prefix and isinstance(spec, Fixed):
        return group._replace(is_step=True)
    if (
        isinstance(spec, Fixed)
        and view.has(after, "op:step")
        and (not view.number(after + 1) or view.text(after) in small_words("each_step"))
        and (not view.text(after).isascii() or view.text(after).lower() in _STEPPED or view.text(start - 1) == "in")
    ):
        return group._replace(is_step=True, end=after + 1)
    if view.has(after, "op:fixed") and not view.number(after + 1) and isinstance(spec, Fixed):
        return group._replace(is_fixed=True, end=after + 1)
    if view.has(after, "op:around") and not view.number(after + 1) and not isinstance(spec, Fixed):
        return group._replace(is_around=True, end=after + 1)
    return group._replace(is_fixed=True) if "fixed" in prefix else group


def _share_percent(view: View, group: Group) -> Group:
    """ "5 and 25 percent", "5, 10 or 20%": the sign behind the last number holds for all."""
    numbers = [token for token in view.tokens[group.start : group.end] if is_number(token)]
    if len(numbers) < 2 or "%" not in numbers[-1].flags or any("%" in token.flags for token in numbers[:-1]):
        return group
    last = numbers[-1].value or 0
    match group.spec:
        case Range(low=low, high=high) if low is not None and high is not None:
            low, high = (value if value == last else value / 100 for value in (low, high))
            return group._replace(spec=Range(low=low, high=high))
        case Choices(values=values):
            shared = tuple(value if isinstance(value, str) or value == last else value / 100 for value in values)
            return group._replace(spec=Choices(values=shared))
    return group
