"""Which number belongs to what: knobs and their specs, how many trials, how many at a time, how long."""

from __future__ import annotations

from bot.language.commands import Choices, Fixed, Range, Spec
from bot.language.references.found import References
from bot.language.tokens.tokenizer import Token
from bot.language.tokens.view import View
from bot.language.values.counts import Counts
from bot.language.values.group import Group
from bot.language.values.grouping import read_group
from bot.language.values.named_values import give_named_values
from bot.language.values.nonsense import Nonsense
from bot.language.values.owners import Owners
from bot.language.values.settings import Settings
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words
from tuner.plan.knobs import KNOBS

_RANKED = words("the them by all everything trials")
_SWITCHED = words("lora_dropout weight_decay warmup_ratio label_smoothing")  # knobs that can be left out
_BREAKS = words(", 、 ; . 。 :")


class SettingsReader:
    """One pass over the tokens: names wait for values, values look for names."""

    def __init__(self, view: View, references: References) -> None:
        self.view = view
        self.taken = references.used
        self.out = Settings()
        self.waiting: list[str] = []
        self.named_at: dict[str, int] = {}
        self.last: str | None = None
        self.next_log: bool | None = None  # 対数スケールで学習率…: a scale that waits for its range
        self.given_end: dict[str, int] = {}  # the token behind the numbers that a knob was last given
        self.bad_waiting = False
        self.first_step: Group | None = None  # 0.1刻みで0から0.3まで: a step that waits for its range
        self.counts = Counts(self)
        self.owners = Owners(self)
        self.nonsense = Nonsense(self)

    def read(self) -> Settings:
        """The settings. Call once."""
        i = 0
        while i < self.view.size:
            i = self._step(i)
        if self.first_step and self.last:
            self._give_step(self.first_step)
        elif self.first_step:
            self.out.orphans.append(self.first_step)  # "extend by 20"
        give_named_values(self.view, self.taken, self.out)
        if self.out.trials is None and self.counts.runs_once():
            self.out.trials = 1
        return self.out

    def _step(self, i: int) -> int:
        """Read what starts at token i; returns the token to go on with."""
        view = self.view
        if i in self.taken or self.nonsense.stands_for_word(i):
            return i + 1
        if view.tokens[i].kind == "dur":
            return self._duration(i)
        count = self.counts.named_first(i)
        if count:
            return count
        knob = self.knob_at(i)
        if knob:
            self.name(knob, i)
            return i + 1
        if self.nonsense.between_words(i):
            return i + 1
        nonsense = self.nonsense.bounds(i)
        if nonsense:
            return nonsense
        if any(x.startswith("bad_knob:") for x in view.tokens[i].labels):
            self.bad_waiting = self.out.unknown_knobs = True
            self.out.used.add(i)
            return self._words_of_unknown(i + 1)
        if view.number(i) or self._nothing_opens(i):
            return self._number(i)
        return self._word(i)

    def _words_of_unknown(self, i: int) -> int:
        """Past the words that an unknown knob is given: "optimizer adam or sgd", 活性化関数をReLUかGELUで."""
        view, k = self.view, i
        while k < view.size and (view.text(k) in small_words("given") or view.has(k, "op:or")) and k < i + 2:
            k += 1
        named = k
        while k < view.size and k < named + 6:
            if view.tokens[k].kind in ("word", "jword"):
                self.out.used.add(k)
            elif not view.has(k, "op:or") and view.text(k) != "/":
                break
            k += 1
        return k if k > named else i

    def _nothing_opens(self, i: int) -> bool:
        """True for "nothing to 20%" and "none, 0.1 or 0.2"."""
        view = self.view
        joined = view.has(i + 1, "op:to", "op:or") or view.text(i + 1) in (",", "、", "/")
        return view.has(i, "op:nothing") and joined and view.number(i + 2)

    def _word(self, i: int) -> int:
        """A word that says something about the knob before it: a scale, or none of it."""
        view, text = self.view, self.view.text(i).lower()
        named = self.knob_at(i - 1) or (view.text(i - 1) == "は" and self.knob_at(i - 2) in _SWITCHED)  # dropoutはなし
        if view.has(i, "op:log", "op:nolog") and not view.has(i, "knob:learning_rate"):
            self._scale(i, log=view.has(i, "op:log"))
        elif view.has(i, "op:nothing") and named and self.last in self.waiting:
            if self.last and (text not in ("off", "no") or (self.last in _SWITCHED and text == "off")):
                self.give(self.last, Group(i, i + 1, Fixed(value=0)))
        elif text in small_words("switching_off"):
            after = self.knob_at(i + 1)
            if after in _SWITCHED:
                self.give(after, Group(i, i + 2, Fixed(value=0)))
                return i + 2
        return i + 1

    def knob_at(self, i: int) -> str | None:
        """The knob that token i names, if it does."""
        if not 0 <= i < self.view.size or i in self.taken:
            return None
        labels = self.view.tokens[i].labels
        if self.view.text(i).lower() == "rank" and self.view.text(i + 1).lower() in _RANKED:
            return None
        return next((x[5:] for x in labels if x.startswith("knob:")), None)

    def name(self, knob: str, i: int) -> None:
        self.bad_waiting = False
        if knob == "seed" and self.view.has(i, "method:random"):
            return
        self.out.used.add(i)
        if knob not in self.out.space:
            self.out.space[knob] = None
        if knob in self.waiting:
            self.waiting.remove(knob)
        self.waiting.append(knob)
        self.named_at[knob] = i
        self.last = knob

    def _duration(self, i: int) -> int:
        token = self.view.tokens[i]
        value = round(token.value or 0)
        nxt = i + 1
        if (
            self.view.has(nxt, "op:to", "op:or")
            and nxt + 1 < self.view.size
            and self.view.tokens[nxt + 1].kind == "dur"
        ):
            self.taken = self.taken | {nxt + 1}
            value = round(self.view.tokens[nxt + 1].value or 0)
        if self.out.time_s is None:
            self.out.time_s = value
        self.out.used.add(i)
        return i + 1

    def _number(self, i: int) -> int:
        view = self.view
        if _is_no_number(view.tokens[i]):
            pair = view.has(i + 1, "op:to", "op:and") and view.number(i + 2)
            return self.not_a_number(i, i + 3 if pair else i + 1, drops_name=pair)
        if (
            self.waiting
            and view.text(i - 1) == "から"
            and i > 1
            and view.tokens[i - 2].kind in ("kana", "jword", "word")
        ):
            return self.not_a_number(i, i + 1, drops_name=True)
        group = read_group(view, i)
        if view.has(i, "op:nothing"):
            group = group._replace(start=i)
        end = max(group.end, i + 1)
        if self.nonsense.ends(group):
            return self.not_a_number(group.start, end + 2, drops_name=True)
        if any(_is_no_number(token) for token in view.tokens[group.start : group.end]):
            return self.not_a_number(group.start, end, drops_name=True)
        if self.counts.take(group):
            return max(self.counts.end, end)
        if group.is_step:
            self._give_step(group)
        else:
            self.owners.attach(group)
        self.out.used |= set(range(group.start, end))
        return end

    def not_a_number(self, start: int, end: int, *, drops_name: bool) -> int:
        self.out.not_a_number = True
        self.out.used |= set(range(start, end))
        if drops_name and self.waiting:
            self.waiting.pop()
        return end

    def is_adjacent(self, group: Group) -> bool:
        """True when the waiting knob stands directly before the group."""
        k = group.start - 1
        while k >= 0 and k > group.start - 4:
            if self.knob_at(k) is not None:
                return True
            if self.view.text(k) not in small_words("name_particles"):
                return False
            k -= 1
        return False

    def _bounded(self, knob: str, group: Group) -> Spec:
        """The spec of "at most rank 8" and 最低でもランク8: a bound that stands before the name."""
        spec, before = group.spec, self.named_at.get(knob, 0) - 1
        old, name = self.out.space.get(knob), self.view.text(before + 1).lower()
        if isinstance(spec, Fixed) and isinstance(old, Range) and old.high is None and name.startswith("max"):
            return Range(high=spec.value) if not isinstance(spec.value, str) else spec  # "min lr 1e-5, max lr 1e-3"
        if not isinstance(spec, Fixed) or isinstance(spec.value, str) or before < 0:
            return spec
        before -= self.view.has(before, "noun_before:words") and not self.view.has(before, "op:atmost", "op:atleast")
        capped = self.view.has(before, "verb:set") and self.view.has(before, "op:atmost")  # "cap the rank at 32"
        if group.is_fixed and not capped:
            return spec
        if self.view.has(before, "op:atleast"):
            return Range(low=spec.value)
        return Range(high=spec.value) if self.view.has(before, "op:atmost") else spec

    def give(self, knob: str, group: Group) -> None:
        spec = self._bounded(knob, group)
        if KNOBS[knob].kind == "choice":
            return  # "the schedule: 9 to 5" is no schedule of ours
        old = self.out.space.get(knob)
        if isinstance(spec, Fixed) and isinstance(old, Fixed | Choices) and self._compares(knob, group):
            values = old.values if isinstance(old, Choices) else (old.value,)
            spec = Choices(values=(*values, spec.value) if spec.value not in values else values)
        self.out.space[knob] = spec
        self.out.bare.discard(knob)
        self.out.loose.discard(knob)
        if group.is_loose:
            self.out.loose.add(knob)
        if group.is_blank:
            self.out.blank.add(knob)
        if group.is_around:
            self.out.vague.add(knob)
        elif isinstance(spec, Fixed) and not group.is_fixed:
            self.out.bare.add(knob)
        if isinstance(spec, Range) and isinstance(old, Range) and spec.low is None and old.high is None:
            self.out.space[knob] = spec = Range(low=old.low, high=spec.high, log=old.log, step=old.step)
        elif isinstance(spec, Range) and isinstance(old, Range) and spec.high is None and old.low is None:
            self.out.space[knob] = spec = Range(low=spec.low, high=old.high, log=old.log, step=old.step)
        if isinstance(spec, Range) and isinstance(old, Range) and (old.log is not None or old.step is not None):
            self.out.space[knob] = Range(low=spec.low, high=spec.high, log=old.log, step=old.step)
        if knob in self.waiting:
            self.waiting.remove(knob)
        if self.next_log is not None and isinstance(spec, Range):
            self.out.space[knob] = Range(low=spec.low, high=spec.high, log=self.next_log, step=spec.step)
            self.next_log = None
        self.last = knob
        if self.is_adjacent(group):
            self.given_end[knob] = group.end
        self.out.used |= set(range(group.start, max(group.end, group.start)))

    def _compares(self, knob: str, group: Group) -> bool:
        """True when another value of the same knob is set against the one before: "rank 64 better than rank 8"."""
        between = range(self.given_end.get(knob, group.start), group.start)
        named = any(self.knob_at(k) == knob for k in between)
        against = any(
            self.view.has(k, "op:or", "op:and") or self.view.text(k).lower() in small_words("against") for k in between
        )
        corrected = any(self.view.has(k, "gate:negation", "gate:refusal", "op:corrects") for k in between)
        return named and against and not corrected

    def _give_step(self, group: Group) -> None:
        spec = self.out.space.get(self.last) if self.last else None
        if self.last and isinstance(spec, Range) and isinstance(group.spec, Fixed):
            step = group.spec.value
            assert not isinstance(step, str)
            self.out.space[self.last] = Range(low=spec.low, high=spec.high, log=spec.log, step=step)
        elif not self.last:
            self.first_step = group
        elif self.last and self.waiting and isinstance(group.spec, Fixed) and not isinstance(group.spec.value, str):
            self.out.space[self.last] = Range(step=group.spec.value)

    def _scale(self, i: int, *, log: bool) -> None:
        """A scale holds for the knob before it; at the start, or alone before a name, for the knob behind it."""
        joined = self.view.text(i + 1) in small_words("name_particles")
        names_next = self.knob_at(i + 1) or (joined and self.knob_at(i + 2))
        opens = self.last is None or (names_next and self.view.text(i - 1) in _BREAKS)
        if opens:
            self.next_log = log
            return
        assert self.last is not None
        spec = self.out.space.get(self.last)
        self.out.used.add(i)
        if spec is None:
            self.out.space[self.last] = Range(log=log)
        elif isinstance(spec, Range):
            self.out.space[self.last] = Range(low=spec.low, high=spec.high, log=log, step=spec.step)


def _is_no_number(token: Token) -> bool:
    value = token.value
    return token.kind == "num" and value is not None and (value != value or abs(value) == float("inf"))
