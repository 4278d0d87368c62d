"""Numbers that count: how many trials, how many at a time, how many more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.language.commands import Choices, Fixed, Range
from bot.language.values.group import Group
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

if TYPE_CHECKING:
    from bot.language.values.reader import SettingsReader


_BETWEEN_COUNT_AND_UNIT = words(
    "different tuning training of them running going quick new short random full whole other jobs"
)


_ONE_TRIAL = words("trial attempt round sample experiment config")


def _is_value_word(named: str) -> bool:
    return named in small_words("value_words")


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
        """ "trials: 20", "試行回数は30", "parallel 4": a count that is named first; the token behind it."""
        view = self.view
        is_trials = view.has(i, "unit:trials") and view.text(i).lower() not in small_words("no_count_names")
        if not (is_trials or view.has(i, "unit:parallel")):
            return None
        at = i + 1
        while view.text(at).lower() in small_words("before_count") or view.has(
            at, "op:atmost", "unit:total", "op:around"
        ):
            at += 1
        number = self._number_named(i, at, is_trials=is_trials)
        if number is None:
            return None
        if is_trials:
            self.out.trials = number
        else:
            self.out.parallel = number
        end = at + 2 if view.has(at + 1, "unit:trials") else at + 1
        self.out.used |= set(range(i, end))
        return end

    def _number_named(self, i: int, at: int, *, is_trials: bool) -> int | None:
        """The number at token `at` when it is the count that token i names, and not the start of something else."""
        view = self.view
        if not view.number(at) or at in self.reader.taken:
            return None
        if view.text(i - 1) and view.number(i - 1) and not {view.text(i + 1), view.text(i)[-1:]} & {"=", ":"}:
            return None
        told = "=" in (view.text(i + 1), view.text(i)[-1:])  # "trials=20 lr=1e-4", "n=20"
        begins = view.has(at + 1, "op:to", "op:or", "unit:parallel") or self.reader.knob_at(at + 1) is not None
        if begins and not told:
            return None
        if view.has(at + 1, "unit:trials") and not is_trials and view.text(at + 1) not in small_words("machines"):
            return None
        named = view.text(i).lower()
        if is_trials and ((at == i + 1 and named in _ONE_TRIAL) or (self.reader.waiting and _is_value_word(named))):
            return None  # "trial 20"; "find the best lr, candidates: 1e-5, 3e-5"
        written = view.tokens[at].value or 0
        return None if written != written or abs(written) > 1e9 or written != int(written) else int(written)

    def take(self, group: Group) -> bool:
        """True when the group counts trials or how many run at once."""
        view, at = self.view, group.end
        self.end = at
        number = None if isinstance(group.spec, Choices) else single(group)
        if number is None:
            return False
        before = self._said_before(group)
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
        if view.has(at, "unit:trials") and not view.has(at, "unit:parallel"):
            return self._trials(group, at, number, more)
        return self._without_unit(group, at, number, before, more=more and hops > 0)

    def runs_once(self) -> bool:
        """True for "train it once", "run once"."""
        view = self.view
        acts = ("verb:train", "verb:run", "verb:try")
        return any(
            view.text(i).lower() in ("once", "just once", "only once")
            and (view.has(i - 1, *acts) or view.has(i - 2, *acts) or view.text(i - 1).lower() == "run it")
            for i in range(1, view.size)
        )

    def _said_before(self, group: Group) -> set[str]:
        """What the two words before the group say about a count."""
        before: set[str] = set()
        for k in range(group.start - 1, max(-1, group.start - 3), -1):
            if self.view.text(k) in small_words("count_breaks"):
                break
            before |= self.view.tokens[k].labels & {"unit:more", "unit:parallel"}
            if self.view.text(k) in small_words("still_more") and self.view.text(k - 1) in small_words("subordinate"):
                before.add("unit:more")  # まだ良くなりそうだから、あと20試行やって
        return before

    def _without_unit(self, group: Group, at: int, number: int, before: set[str], *, more: bool) -> bool:
        """True for "4 in parallel", "parallel 4", "40 in total" and "10 more"."""
        view = self.view
        if view.has(at, "unit:parallel") or ("unit:parallel" in before and not self._own_knob(group)):
            self.out.parallel = number
            self._take_count(group, at + 1 if view.has(at, "unit:parallel") else at)
            return True
        if view.has(at, "unit:total") or (view.has(group.start - 1, "unit:total") and not self.reader.waiting):
            self.out.trials = number
            self._take_count(group, at + 1 if view.has(at, "unit:total") else at)
            return True
        if more and not self.reader.waiting:
            self.out.more_trials = number
            self._take_count(group, at)
            return True
        return False

    def _trials(self, group: Group, at: int, number: int, more: bool) -> bool:
        """True when the unit at token `at` makes the group a count: of trials, of runs at a time, of listed values."""
        view, unit = self.view, self.view.text(at).lower()
        if self._at_a_time(group, at, number) or self._counts_values(group, at, unit):
            return True
        if unit == "つ" and not more:
            return False
        if "epochs" in self.reader.waiting and unit in ("回", "times") and self.reader.is_adjacent(group):
            self.reader.give("epochs", group)
            self._take_count(group, at + 1)
            return True
        if more or view.has(at + 1, "unit:more"):
            self.out.more_trials = number
        elif self.out.trials is None or view.has(at + 1, "unit:total"):
            self.out.trials = number
        self._take_count(group, at + 1)
        return True

    def _at_a_time(self, group: Group, at: int, number: int) -> bool:
        """True for "4 trials in parallel" and 並列に4本."""
        view = self.view
        if self.out.parallel is not None or view.has(at, "unit:parallel"):
            return False
        k = at + 1
        while k < view.size and k < at + 3 and view.text(k).lower() in small_words("after_unit"):
            k += 1
        behind = (view.has(k, "unit:parallel") and not view.number(k + 1)) or view.has(at - 1, "unit:parallel")
        before = view.has(group.start - 1, "unit:parallel") or (
            view.has(group.start - 2, "unit:parallel") and view.text(group.start - 1) in ("に", "で")
        )
        if behind or before:
            self.out.parallel = number
            self._take_count(group, k + 1 if behind else at + 1)
        return behind or before

    def _counts_values(self, group: Group, at: int, unit: str) -> bool:
        """True when only the listed values are counted: MLPだけ、全部、の2通りで."""
        view = self.view
        if unit not in small_words("value_units"):
            return False
        listed = isinstance(self.out.space.get(self.reader.last or ""), Choices) or self.reader.knob_at(at + 1)
        named = any(label.startswith(("module:", "schedule:")) for label in view.labels(group.start - 2))
        summed = view.text(group.start - 1) == "の" and (named or view.text(group.start - 2) in ("、", "と"))
        if listed or summed:
            self._take_count(group, at + 1)
        return bool(listed or summed)

    def _take_count(self, group: Group, end: int) -> None:
        self.out.used |= set(range(group.start, end))
        self.end = end

    def _own_knob(self, group: Group) -> bool:
        return self.reader.knob_at(group.start - 1) is not None
