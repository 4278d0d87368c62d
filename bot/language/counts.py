"""Numbers that count: how many trials, how many at a time, how many more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.language.closed import words
from bot.language.commands import Choices, Fixed, Range
from bot.language.group import Group

if TYPE_CHECKING:
    from bot.language.space import SettingsReader

_BREAKS = (",", "、", ";", ".", "。", "!", "?", "\n")

_NO_COUNT_NAMES = words("go run try つ 点 件 設定 条件 回 settings")
_BETWEEN_COUNT_AND_UNIT = words("different tuning training of them quick new short random full whole other jobs")
_VALUES = words("candidates settings points 候補 点 設定 条件 種類")
_AFTER_UNIT = words("are running run を で は of them runs の")
_VALUE_UNITS = words("つ 種類 点 条件 設定 settings 個 通り パターン points values")


def single(group: Group) -> int | None:
    """The whole number that a group says, or None."""
    spec = group.spec
    if isinstance(spec, Fixed):
        value = spec.value
    elif isinstance(spec, Range):
        if spec.low is not None and spec.high is not None:
            return None
        if spec.high is None and spec.low is None:
            return None
        value = spec.high if spec.high is not None else spec.low or 0
    else:
        return None
    if not isinstance(value, int | float) or value != value or abs(value) > 1e9 or value != int(value):
        return None
    return int(value)


class Counts:
    """Takes the groups that count something away from the knobs. Shares the reader's tokens and findings."""

    def __init__(self, reader: SettingsReader) -> None:
        self.reader = reader
        self.view = reader.view
        self.out = reader.out
        self.end = 0  # the token behind the last count taken

    def named_first(self, i: int) -> int | None:
        """ "trials: 20", "試行回数は30", "parallel 4": a count that is named first."""
        view = self.view
        is_trials = view.has(i, "unit:trials") and view.text(i).lower() not in _NO_COUNT_NAMES
        is_parallel = view.has(i, "unit:parallel")
        if not (is_trials or is_parallel):
            return None
        at = i + 1
        while view.text(at).lower() in (
            ":",
            "=",
            "は",
            "を",
            "が",
            "to",
            "of",
            "at",
            "up",
            "up to",
            "max",
            "に",
            "数",
            "で",
            "は最大",
            "最大",
            "is",
            "count",
            "budget",
            "as",
        ) or view.has(at, "op:atmost", "unit:total", "op:around"):
            at += 1
        if not view.number(at) or at in self.reader.taken:
            return None
        if view.text(i - 1) and view.number(i - 1) and view.text(i + 1) not in ("=", ":"):
            return None
        told = view.text(i + 1) == "="  # "trials=20 lr=1e-4"
        if not told and (
            view.has(at + 1, "op:to", "op:or", "unit:parallel") or self.reader.knob_at(at + 1) is not None
        ):
            return None
        if view.has(at + 1, "unit:trials") and not is_trials and view.text(at + 1) not in ("つ", "個", "本", "台"):
            return None
        if (
            at == i + 1
            and is_trials
            and view.text(i).lower() in ("trial", "attempt", "round", "sample", "experiment", "config")
        ):
            return None
        written = view.tokens[at].value or 0
        if written != written or abs(written) > 1e9 or written != int(written):
            return None
        if is_trials and self.reader.waiting and view.text(i).lower() in _VALUES:
            return None  # "find the best lr, candidates: 1e-5, 3e-5"
        value = int(written)
        if is_trials:
            self.out.trials = value
        else:
            self.out.parallel = value
        end = at + 2 if view.has(at + 1, "unit:trials") else at + 1
        self.out.used |= set(range(i, end))
        return end

    def take(self, group: Group) -> bool:
        """True when the group counts trials or how many run at once."""
        view, at = self.view, group.end
        self.end = at
        if isinstance(group.spec, Choices):
            return False
        number = single(group)
        if number is None:
            return False
        before: set[str] = set()
        for k in range(group.start - 1, max(-1, group.start - 3), -1):
            if view.text(k) in _BREAKS:
                break
            before |= view.tokens[k].labels & {"unit:more", "unit:parallel"}
        more = "unit:more" in before or view.tokens[group.end - 1].text.startswith("+")
        hops = 0
        while hops < 3 and (view.has(at, "unit:more", "op:around") or view.text(at).lower() in _BETWEEN_COUNT_AND_UNIT):
            if view.has(at, "unit:trials", "unit:parallel"):
                break
            more = more or view.has(at, "unit:more")
            at += 1
            hops += 1
        if any(view.has(k, "unit:trials") for k in range(group.start + 1, group.end)) and self.out.trials is None:
            self.out.trials = number
            self._take_count(group, at)
            return True
        if view.has(at, "unit:trials", "unit:parallel") and view.text(at + 1) == "=" and view.number(at + 2):
            return False  # rank=8 trials=20
        if view.has(at, "unit:parallel"):
            self.out.parallel = number
            self._take_count(group, at + 1)
            return True
        if view.has(at, "unit:trials"):
            return self._trials(group, at, number, more)
        if "unit:parallel" in before and not self._own_knob(group):
            self.out.parallel = number
            self._take_count(group, at)
            return True
        if view.has(at, "unit:total") or (view.has(group.start - 1, "unit:total") and not self.reader.waiting):
            self.out.trials = number
            self._take_count(group, at + 1 if view.has(at, "unit:total") else at)
            return True
        if more and hops and not self.reader.waiting:
            self.out.more_trials = number
            self._take_count(group, at)
            return True
        return False

    def _trials(self, group: Group, at: int, number: int, more: bool) -> bool:
        view, unit = self.view, self.view.text(at).lower()
        k = at + 1
        while k < view.size and k < at + 3 and (view.text(k).lower() in _AFTER_UNIT):
            k += 1
        if (
            "unit:parallel" not in view.tokens[at].labels
            and self.out.parallel is None
            and ((view.has(k, "unit:parallel") and not view.number(k + 1)) or view.has(at - 1, "unit:parallel"))
        ):
            self.out.parallel = number
            self._take_count(group, k + 1)
            return True
        if (self.out.parallel is None and view.has(group.start - 1, "unit:parallel")) or (
            self.out.parallel is None
            and view.has(group.start - 2, "unit:parallel")
            and view.text(group.start - 1) in ("に", "で")
        ):
            self.out.parallel = number
            self._take_count(group, at + 1)
            return True
        if unit in _VALUE_UNITS and (
            isinstance(self.out.space.get(self.reader.last or ""), Choices) or self.reader.knob_at(at + 1)
        ):
            self._take_count(group, at + 1)
            return True
        if unit in _VALUE_UNITS and view.text(group.start - 1) == "の" and view.text(group.start - 2) in ("、", "と"):
            self._take_count(group, at + 1)
            return True  # MLPだけ、全部、の2通りで: how many values were listed
        if unit == "つ" and not more:
            return False
        if "epochs" in self.reader.waiting and unit in ("回", "times") and self.reader.is_adjacent(group):
            self.reader.give("epochs", group)
            self._take_count(group, at + 1)
            return True
        more = more or view.has(at + 1, "unit:more")
        if more:
            self.out.more_trials = number
        elif self.out.trials is None or view.has(at + 1, "unit:total"):
            self.out.trials = number
        self._take_count(group, at + 1)
        return True

    def _take_count(self, group: Group, end: int) -> None:
        self.out.used |= set(range(group.start, end))
        self.end = end

    def _own_knob(self, group: Group) -> bool:
        return self.reader.knob_at(group.start - 1) is not None
