"""Words where the bounds of a knob must stand: "lr from banana to 1e-3", 学習率をほげからふがまで."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.language.commands import Fixed
from bot.language.values.group import Group
from bot.language.vocabulary.small_words import small_words

if TYPE_CHECKING:
    from bot.language.values.reader import SettingsReader

_PLAIN = frozenset({"common:words", "say:words", "op:and", "op:or"})  # labels of words without a topic


class Nonsense:
    """Finds bounds that are no numbers. Shares the reader's tokens and findings."""

    def __init__(self, reader: SettingsReader) -> None:
        self.reader = reader
        self.view = reader.view
        self.out = reader.out

    def stands_for_word(self, i: int) -> bool:
        """True for the "one" of "a cosine schedule against a constant one"."""
        named = any(x.startswith(("schedule:", "module:", "method:")) for x in self.view.labels(i - 1))
        return named and i > 0 and self.view.text(i).lower() in ("one", "ones")

    def between_words(self, i: int) -> bool:
        """True for words where the bounds of a knob must stand: "lr from banana to 1e-3"."""
        view = self.view
        stranger = view.tokens[i].kind in ("word", "jword")
        if not self.reader.waiting or not stranger or not view.has(i + 1, "op:to", "op:and"):
            return False
        if not (view.number(i + 2) or (i + 2 < view.size and view.tokens[i + 2].kind in ("word", "jword"))):
            return False
        before = self.reader.knob_at(i - 1) or self.reader.knob_at(i - 2) or view.has(i - 1, "op:from", "op:between")
        if not before or (view.text(i + 1) in ("と", "、", "and") and not view.has(i - 1, "op:between")):
            return False
        self.out.not_a_number = True
        self.reader.waiting.pop()
        self.reader.taken = self.reader.taken | {i, i + 2}
        self.out.used |= {i, i + 1, i + 2}
        return True

    def bounds(self, i: int) -> int | None:
        """The end of bounds that are no numbers: 学習率をほげからふがまで."""
        view = self.view
        joined = view.text(i - 1) in small_words("name_particles")
        named = self.reader.knob_at(i - 1) or (joined and self.reader.knob_at(i - 2))
        if not self.reader.waiting or not named:
            return None
        middle = self._past_words(i)
        if middle == i or not view.has(middle, "op:to"):
            return None
        end = self._past_words(middle + 1)
        if end == middle + 1 or not (view.has(end, "op:until", "op:between") or view.text(end) == "で"):
            return None
        return self.reader.not_a_number(i, end + 1, drops_name=True)

    def ends(self, group: Group) -> bool:
        """True for "between five and apple", "from 1e-5 to banana"."""
        view, at = self.view, group.end
        opened = any(view.has(k, "op:from", "op:between") for k in range(group.start, group.end))
        joined = view.has(at, "op:to") or (view.has(at, "op:and") and view.has(group.start, "op:between"))
        stranger = at + 1 < view.size and view.tokens[at + 1].kind in ("word", "jword")
        return bool(self.reader.waiting) and opened and joined and stranger and isinstance(group.spec, Fixed)

    def _past_words(self, i: int) -> int:
        """Past a few words that mean nothing here; i itself when there are none."""
        k = i
        while k < min(i + 6, self.view.size) and not self.view.has(k, "op:to", "op:until"):
            token = self.view.tokens[k]
            if token.kind not in ("kana", "jword", "word") and not token.labels <= _PLAIN:
                return i
            k += 1
        return k if any(self.view.tokens[n].kind in ("kana", "jword", "word") for n in range(i, k)) else i
