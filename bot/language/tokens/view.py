"""The tokens of a sentence, seen by position: written form, labels, numbers. Asking beyond the ends is allowed."""

from __future__ import annotations

from collections.abc import Sequence

from bot.language.tokens.tokenizer import Token
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

INEQUALITIES = words("< <= ≤ > >= ≥ =< ≦ ≧")


def is_number(token: Token) -> bool:
    """True for a plain number; ordinals (3rd) are none."""
    return token.kind == "num" and "o" not in token.flags


class View:
    """A cursor-free view of the tokens."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.size = len(tokens)

    def has(self, i: int, *labels: str) -> bool:
        """True when token i exists and carries one of the labels."""
        return 0 <= i < self.size and not self.tokens[i].labels.isdisjoint(labels)

    def text(self, i: int) -> str:
        """The written form of token i, or an empty string."""
        return self.tokens[i].text if 0 <= i < self.size else ""

    def labels(self, i: int) -> frozenset[str]:
        """The labels of token i, none beyond the ends."""
        return self.tokens[i].labels if 0 <= i < self.size else frozenset()

    def names_knob(self, i: int) -> bool:
        """True when token i is the name of a knob."""
        return any(label.startswith("knob:") for label in self.labels(i))

    def number(self, i: int) -> bool:
        """True when token i is a plain number."""
        return 0 <= i < self.size and is_number(self.tokens[i])

    def set_aside(self, i: int) -> bool:
        """True for the thing that is not wanted: "not by loss", "instead of TPE", 損失じゃなくて."""
        after = "".join(self.text(k) for k in range(i + 1, min(i + 4, self.size)))
        before = self.text(i - 1).lower()
        return (
            after.startswith(small_words("set_aside_after"))
            or before in small_words("set_aside_before")
            or (self.text(i - 2).lower() in ("rather", "instead") and before in ("than", "of", "the", "a"))
        )

    def value(self, i: int) -> float:
        """The value of token i, whole where it is whole; 0 for a token without one."""
        value = self.tokens[i].value
        if value is None:
            return 0
        return int(value) if value == value and abs(value) < 1e15 and value == int(value) else value
