"""Which knob a group of numbers belongs to: the one inside it, behind it, before it, or the one last spoken of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.language.commands import Choices, Fixed, Range
from bot.language.values.counts import single
from bot.language.values.group import Group
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

if TYPE_CHECKING:
    from bot.language.values.reader import SettingsReader

_PARTED = words(". ; : ! ? , 、 。")


class Owners:
    """Gives groups to knobs. Shares the reader's tokens and findings."""

    def __init__(self, reader: SettingsReader) -> None:
        self.reader = reader
        self.view = reader.view
        self.out = reader.out
        self.following_at = 0  # the token that names the knob behind the group

    def attach(self, group: Group) -> None:
        """Find the owner of a group: the knob inside it, behind it, before it, or the one last spoken of."""
        inside = next((k for k in range(group.start, group.end) if self.reader.knob_at(k)), None)
        owner = group.owner if group.owner is not None else inside  # 1エポックから5エポックの間
        if owner is not None:
            knob = self.reader.knob_at(owner)
            if knob:
                self.reader.name(knob, owner)
                self.reader.give(knob, group)
            return
        following = self._following_knob(group)
        if following and (not self.reader.waiting or (following == "epochs" and not self.reader.is_adjacent(group))):
            self.out.space.setdefault(following, None)
            self.reader.give(following, group)
            self.reader.taken = self.reader.taken | {self.following_at}
            self.out.used.add(self.following_at)
        elif self.reader.bad_waiting:
            self.reader.bad_waiting = False
        elif self.reader.waiting and not self._strangers_between(self.reader.waiting[-1], group):
            shares = self._is_shared(group)
            self.reader.give(self.reader.waiting[-1], group)
            if shares and self.reader.waiting:
                self.reader.give(self.reader.waiting[-1], group)
        elif not self._goes_to_last(group) and not self._counts_trials(group):
            self.out.orphans.append(group)

    def _is_shared(self, group: Group) -> bool:
        """True when two names wait for the same numbers: ランクとアルファを両方8〜64, "both rank and alpha 8 to 64"."""
        if len(self.reader.waiting) < 2:
            return False
        first = max(0, self.reader.named_at[self.reader.waiting[-2]] - 1)
        return any(self.view.text(k).lower() in small_words("shared") for k in range(first, group.start))

    def _goes_to_last(self, group: Group) -> bool:
        """True when the group replaces or completes what the last knob was given: "three epochs ... so try 1 or 3"."""
        last = self.out.space.get(self.reader.last) if self.reader.last else None
        if self.reader.last and not isinstance(group.spec, Fixed) and (last is None or isinstance(last, Fixed)):
            self.reader.give(self.reader.last, group)
            return True
        return isinstance(last, Range) and isinstance(group.spec, Range) and self._completes(last, group.spec)

    def _counts_trials(self, group: Group) -> bool:
        """True for "do 20" and "a dozen" of nothing else, and for the "one" of "the tuned one", which is no number."""
        before = self.view.text(group.start - 1).lower()
        behind = self.view.tokens[group.start - 2].labels if group.start > 1 else frozenset()
        searched = before in ("x", "×") and any(x.startswith(("method:", "verb:search", "verb:tune")) for x in behind)
        named = self.view.tokens[group.start - 1].labels if group.start else frozenset()
        opened = self.view.text(group.start).lower() in ("of", "with") and any(x.startswith("method:") for x in named)
        orders = searched or opened or (not self.out.space and before in ("do", "run", "try", "just do", "only do"))
        dozen = "d" in self.view.tokens[group.end - 1].flags
        if self.out.trials is None and isinstance(group.spec, Fixed) and (orders or dozen) and single(group):
            self.out.trials = single(group)
            return True
        return self.view.text(group.start).lower() == "one" and group.end == group.start + 1

    def _strangers_between(self, knob: str, group: Group) -> bool:
        """True when words of another topic stand between a name and the numbers: "the rank and file want 3 to 5"."""
        between = self.view.tokens[self.reader.named_at.get(knob, 0) + 1 : group.start]
        strangers = sum((token.kind in ("word", "jword")) + 2 * ("everyday:words" in token.labels) for token in between)
        weak = self.view.has(self.reader.named_at.get(knob, 0), "weak_knob:words")
        return strangers > (0 if weak else 1) and not any(token.text in _PARTED for token in between)

    def _completes(self, last: Range, other: Range) -> bool:
        assert self.reader.last is not None
        if last.low is None and other.high is None:
            self.out.space[self.reader.last] = Range(low=other.low, high=last.high, log=last.log, step=last.step)
            return True
        if last.high is None and other.low is None:
            self.out.space[self.reader.last] = Range(low=last.low, high=other.high, log=last.log, step=last.step)
            return True
        return False

    def _following_knob(self, group: Group) -> str | None:
        at = group.end
        if self.view.has(at, "op:step") and self.view.number(at + 1):
            at += 2
        if isinstance(group.spec, Choices) and not self.out.space and self.view.text(at) in (",", "、"):
            at += 1  # 1e-4と5e-5と1e-5、学習率どれがいいか試して
        while self.view.text(at).lower() in small_words("before_knob") and at < group.end + 4:
            at += 1
        self.following_at = at
        knob = self.reader.knob_at(at)
        if knob is None:
            return None
        nxt = at + 1
        if (
            self.view.text(at - 1).lower() not in ("の", "of")
            and knob not in ("epochs",)
            and (self.view.number(nxt) or (self.view.text(nxt) in (":", "=", "は", "を") and self.view.number(nxt + 1)))
        ):
            return None
        return knob
