"""From tokens to groups: the numbers of one range, one list or one value, with the words around them that say which.

Knows nothing of knobs: a group is a spec that still looks for its owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bot.language.closed import words
from bot.language.commands import Choices, Fixed, Range, Spec
from bot.language.tokens import Token

_PREFIX_ENDS = words("+ - / , 、 and or")
_PREFIX_PADDING = words("a an the it values set total of")
_BRACKET_JOINERS = words(", 、 ; / .. - ~ : to or and |")
_INEQUALITIES = words("< <= ≤ > >= ≥ =< ≦ ≧")
_UNNAMED = words("x v 値 value")  # what stands between two bounds for the knob spoken of: 1e-5 < x < 1e-4
_JOINERS = words(", 、 / | ・ & ; *")
_EACH_STEP = words("ずつ 刻み 刻みで きざみ おきに 間隔")
_STEPPED = words("increments increment jumps intervals")
_CHAINS = words("- → ~ : to")
_STRONG_JOINERS = words("or / か vs vs. versus | または もしくは")
_VALUE_COUNTERS = words("つ 個 種類 通り パターン 点 本")


class Group(NamedTuple):
    """A spec and the tokens it covers: tokens[start:end], prefix words included."""

    start: int
    end: int
    spec: Spec
    is_step: bool = False
    is_around: bool = False
    is_fixed: bool = False
    owner: int | None = None  # index of the knob token inside the group: 1e-5 < lr < 1e-3
    in_words: bool = False
    is_blank: bool = False  # two values with nothing between them: "batch size 4 32"
    is_loose: bool = False  # two values joined by a comma or "and": a range or a list?


def is_number(token: Token) -> bool:
    """True for a plain number; ordinals (3rd) are none."""
    return token.kind == "num" and "o" not in token.flags


class GroupReader:
    """Reads the group around a number. Holds the tokens and a cursor-free view of them."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.size = len(tokens)

    def has(self, i: int, *labels: str) -> bool:
        """True when token i exists and carries one of the labels."""
        if not 0 <= i < self.size:
            return False
        found = self.tokens[i].labels
        return any(label in found for label in labels)

    def text(self, i: int) -> str:
        """The written form of token i, or an empty string."""
        return self.tokens[i].text if 0 <= i < self.size else ""

    def number(self, i: int) -> bool:
        """True when token i is a number, or the word "nothing" where a number must be."""
        return 0 <= i < self.size and is_number(self.tokens[i])

    def read(self, i: int) -> Group:
        """The group whose first number is token i."""
        start, prefix = self._prefix(i)
        first = self._value(i)
        group = (
            self._bracket(i, start)
            or self._inequality(i, start)
            or self._range(i, start, prefix, first)
            or self._bounds(i, start, prefix, first)
            or self._list(i, start, prefix)
        )
        if group is None:
            around = "~" in self.tokens[i].flags or "around" in prefix or self.has(i + 1, "op:around")
            end = i + 2 if self.has(i + 1, "op:around") else i + 1
            group = Group(start, end, Fixed(value=first), is_around=around)
        return self._finish(group, prefix)

    def _value(self, i: int) -> float:
        token = self.tokens[i]
        if token.value is None:
            return 0
        value = token.value
        return int(value) if value == value and abs(value) < 1e15 and value == int(value) else value

    def _prefix(self, i: int) -> tuple[int, set[str]]:
        start, prefix = i, set()
        while start > 0 and i - start < 4:
            before = self.tokens[start - 1]
            names = {label[3:] for label in before.labels if label.startswith("op:")}
            names &= {"between", "from", "atleast", "atmost", "around", "fixed", "step", "to"}
            if before.text in _PREFIX_ENDS or (before.text in ("~",) and self.number(start - 2)):
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
        while start < i and not any(label.startswith("op:") for label in self.tokens[start].labels):
            start += 1
        return start, prefix

    def _bracket(self, i: int, start: int) -> Group | None:
        opening = self.text(i - 1)
        if opening not in ("[", "{", "("):
            return None
        closing = {"[": "]", "{": "}", "(": ")"}[opening]
        values, at = [self._value(i)], i + 1
        colon = parted = False
        while at + 1 < self.size and self.text(at) in _BRACKET_JOINERS and self.number(at + 1):
            colon = colon or self.has(at, "op:to")
            parted = parted or self.text(at).lower() in ("or", "and", "|", "/")
            values.append(self._value(at + 1))
            at += 2
        if self.text(at) != closing or len(values) < 2:
            return None
        if len(values) == 2 and (opening != "{" or colon) and not parted:
            return Group(i - 1, at + 1, Range(low=values[0], high=values[1]))
        return Group(i - 1, at + 1, Choices(values=tuple(values)))

    def _inequality(self, i: int, start: int) -> Group | None:
        if self.text(i + 1) not in _INEQUALITIES:
            return None
        owner = next((k for k in (i + 2, i + 3) if any(x.startswith("knob:") for x in self._labels(k))), None)
        unnamed = owner is None and self.text(i + 2).lower() in _UNNAMED
        owner = i + 2 if unnamed else owner
        if owner is None or self.text(owner + 1)[:1] not in ("<", ">", "≤", "≥", "=", "≦", "≧"):
            return None
        if not self.number(owner + 2):
            return None
        low, high = self._value(i), self._value(owner + 2)
        if self.text(i + 1)[0] in ">≥≧":
            low, high = high, low
        return Group(start, owner + 3, Range(low=low, high=high), owner=None if unnamed else owner)

    def _labels(self, i: int) -> frozenset[str]:
        return self.tokens[i].labels if 0 <= i < self.size else frozenset()

    def _skip_unit(self, i: int) -> int:
        """Past a unit that repeats inside a range: 3 epochs to 10 epochs, 1回から3回."""
        repeats = self.has(i + 1, "op:to") or self.text(i + 1) in ("and", "と")
        return i + 1 if repeats and self._is_unit(i) else i

    def _is_unit(self, i: int) -> bool:
        return self.has(i, "unit:filler", "unit:trials") or any(x.startswith("knob:") for x in self._labels(i))

    def _range(self, i: int, start: int, prefix: set[str], first: float) -> Group | None:
        at = self._skip_unit(i + 1)
        if self.has(at, "op:around") and self.has(at + 1, "op:to"):
            at += 1
        if self.text(at) == ":" and at != i + 1:
            return None
        joined = self.has(at, "op:to") or ("between" in prefix and (self.has(at, "op:and") or self.text(at) == ","))
        if joined and self.text(at) == "," and self.text(at + 1) in ("to", "and"):
            at += 1
        if (
            not joined
            and "from" in prefix
            and self.text(at) == "and"
            and self.has(start, "op:from")
            and self.text(start) in ("range", "in range", "within", "in the range", "range of", "in the range of")
        ):
            joined = True
        if not joined:
            return None
        after = at + 1
        while (
            self.has(after, "op:to", "op:atmost", "op:around", "op:from") and not self.number(after) and after < at + 3
        ):
            after += 1
        if self.text(after) in ("a", "the", "about") or self._names_again(i - 1, after):
            after += 1
        if self.has(after, "op:nothing"):
            second: float = 0
        elif self.number(after):
            second = self._value(after)
        else:
            return None
        end = after + 1
        unit = self._skip_unit_end(end)
        if self.has(unit, "op:until", "op:between"):
            end = unit + 1
            if self.has(end, "op:between"):
                end += 1
        values = [first, second]
        while self.has(end, "op:to") and self.number(end + 1) and self.text(end) in _CHAINS and len(values) < 60:
            values.append(self._value(end + 1))
            end += 2
        if len(values) > 2:
            return Group(start, end, Choices(values=tuple(values)))
        return Group(start, end, Range(low=first, high=second))

    def _names_again(self, before: int, i: int) -> bool:
        """True when the name before the first number stands before the second too: from rank 8 to rank 64."""
        if not self.number(i + 1):
            return False
        names = {x for x in self._labels(before) if x.startswith("knob:")}
        return bool(names) and bool(names & self._labels(i))

    def _skip_unit_end(self, end: int) -> int:
        if self.has(end, "op:filler", "unit:filler", "unit:trials") or any(
            x.startswith("knob:") for x in self._labels(end)
        ):
            return end + 1 if self.has(end + 1, "op:until", "op:between") else end
        return end

    def _bounds(self, i: int, start: int, prefix: set[str], first: float) -> Group | None:
        at = i + 1
        if self.has(at, "unit:filler", "unit:trials") and self.has(at + 1, "op:atleast_after", "op:atmost_after"):
            at += 1
        if self.has(at, "op:atleast_after"):
            follow = at + 1
            while self.text(follow) in ("、", ",", "で", "かつ", "の"):
                follow += 1
            if self.number(follow):
                last = follow + 2 if self.has(follow + 1, "unit:filler", "unit:trials") else follow + 1
                if self.has(last, "op:atmost_after", "op:until"):
                    return Group(start, last + 1, Range(low=first, high=self._value(follow)))
            return Group(start, at + 1, Range(low=first))
        if self.has(at, "op:atmost_after"):
            return Group(start, at + 1, Range(high=first))
        if self.has(at, "op:until"):
            return Group(start, at + 1, Range(high=first))
        if "atleast" in prefix and self.text(start).lower() == "over" and self._list(i, start, prefix):
            return None
        if "atleast" in prefix:
            merged = self._other_bound(at, "op:atmost")
            if merged:
                return Group(start, merged + 1, Range(low=first, high=self._value(merged)))
            return Group(start, at, Range(low=first))
        if "atmost" in prefix:
            merged = self._other_bound(at, "op:atleast")
            if merged:
                return Group(start, merged + 1, Range(low=self._value(merged), high=first))
            return Group(start, at, Range(high=first))
        if self.has(at, "op:atleast") and not self.number(at + 1) and self.text(at)[:1] not in "<>":
            return Group(start, at + 1, Range(low=first))
        if (
            self.has(at, "op:atmost")
            and not self.number(at + 1)
            and self.text(at)[:1] not in "<>"
            and (
                self.text(at) not in ("up to", "under", "below", "cap", "max", "limit")
                or (self.text(at) == "max" and (at + 1 >= self.size or self.tokens[at + 1].kind == "sym"))
            )
        ):
            return Group(start, at + 1, Range(high=first))
        if "to" in prefix and "from" not in prefix and self.text(i - 1) in ("up to", "upto", "till", "until"):
            return Group(start, at, Range(high=first))
        return None

    def _other_bound(self, at: int, label: str) -> int | None:
        k = at
        while k < at + 3 and (self.text(k) in (",", "、", "and", "but", "&") or self.has(k, "unit:filler")):
            k += 1
        if self.has(k, label):
            k += 1
            while self.text(k) in ("of", "is", ":", "=", "は"):
                k += 1
            if self.number(k):
                return k
        return None

    def _list(self, i: int, start: int, prefix: set[str]) -> Group | None:
        values, at, joiners = [self._value(i)], i + 1, []
        waiting = self._knob_waits(start)
        while True:
            after, joiner = self._joiner(at)
            if after is None or not self.number(after) or len(values) > 60:
                break
            if self._starts_item(after, joiner, waiting, len(values)):
                break
            values.append(self._value(after))
            joiners.append(joiner)
            at = after + 1
        if len(values) < 2:
            return None
        if len(values) == 2 and self.has(at, "op:between"):
            return Group(start, at + 1, Range(low=values[0], high=values[1]))
        loose = len(values) == 2 and not any(word in _STRONG_JOINERS for word in joiners[0].split())
        blank = len(values) == 2 and joiners == [" "]
        return Group(start, at, Choices(values=tuple(values)), is_loose=loose, is_blank=blank)

    def _knob_waits(self, start: int) -> bool:
        for k in range(start - 1, max(-1, start - 6), -1):
            labels = self._labels(k)
            if any(x.startswith("knob:") for x in labels):
                return True
            if self.number(k) or self.text(k) in (",", "、", ";", ".", "。"):
                return False
        return False

    def _joiner(self, at: int) -> tuple[int | None, str]:
        """The position after the words that join two items of a list."""
        k, joiner = at, ""
        unit = self.has(k, "unit:filler") or any(x.startswith("knob:") for x in self._labels(k))
        if unit and (self.has(k + 1, "op:or") or self.text(k + 1) in ("、", ",", "か", "と", "/", "and")):
            k += 1
        while k < self.size and k < at + 4:
            text = self.text(k)
            if text in _JOINERS or self.has(k, "op:or", "op:and"):
                joiner += " " + text
                k += 1
                continue
            if joiner and text in ("maybe", "even", "then", "also"):
                k += 1
                continue
            break
        if (
            not joiner
            and k < self.size
            and self.number(k)
            and self.number(k - 1)
            and k == at
            and self.tokens[k].start > self.tokens[k - 1].end
        ):
            return k, " "
        return (k, joiner) if joiner else (None, "")

    def _starts_item(self, k: int, joiner: str, waiting: bool, so_far: int) -> bool:
        """True when the number at k opens another item (20 trials, 3 epochs, 1e-5 to 1e-3): no member of the list."""
        strong = any(word in joiner.split() for word in _STRONG_JOINERS)
        if self.text(k + 1) in _INEQUALITIES or (
            self.has(k + 1, "op:to", "op:until", "op:atleast_after", "op:atmost_after")
            and self.text(k + 1) != ":"
            and (self.text(k + 1) != "から" or self.number(k + 2))
        ):
            return True
        unit = k + 1
        if self.has(unit, "unit:more"):
            unit += 1
        if self.has(unit, "unit:parallel"):
            return True
        if self.has(unit, "unit:trials") and self.tokens[unit].text not in _VALUE_COUNTERS:
            return not strong or waiting
        if any(x.startswith("knob:") for x in self._labels(unit)):
            return waiting and not strong
        return False

    def _share_percent(self, group: Group) -> Group:
        """ "5 and 25 percent", "5, 10 or 20%": the sign behind the last number holds for all."""
        numbers = [token for token in self.tokens[group.start : group.end] if is_number(token)]
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

    def _finish(self, group: Group, prefix: set[str]) -> Group:
        group = self._share_percent(group)
        start, end, spec = group.start, group.end, group.spec
        after = end
        if self.text(after) in ("で", "に", "は") and self.has(after + 1, "op:fixed", "op:step"):
            after += 1
        if "step" in prefix and isinstance(spec, Fixed):
            return group._replace(is_step=True)
        if (
            isinstance(spec, Fixed)
            and self.has(after, "op:step")
            and (not self.number(after + 1) or self.text(after) in _EACH_STEP)
            and (not self.text(after).isascii() or self.text(after).lower() in _STEPPED or self.text(start - 1) == "in")
        ):
            return group._replace(is_step=True, end=after + 1)
        if self.has(after, "op:fixed") and not self.number(after + 1) and isinstance(spec, Fixed):
            return group._replace(is_fixed=True, end=after + 1)
        if self.has(after, "op:around") and not self.number(after + 1) and not isinstance(spec, Fixed):
            return group._replace(is_around=True, end=after + 1)
        if "fixed" in prefix:
            return group._replace(is_fixed=True, in_words=any("w" in t.flags for t in self.tokens[start:end]))
        return group._replace(in_words=any("w" in t.flags for t in self.tokens[start:end]))
