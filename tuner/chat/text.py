"""From tokens to text that may be sent: whole characters only, and nothing of a stop sequence. Knows no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_BROKEN = "\N{REPLACEMENT CHARACTER}"


class Decoder:
    """Turns tokens that come one by one into text, holding back bytes that do not yet form a character.

    A token's text may depend on the one before it (leading spaces), so a short window is decoded again each time.
    """

    def __init__(self) -> None:
        self.window: list[int] = []
        """Tokens whose text `take` wants next."""
        self._settled = 0
        """How many tokens of the window were sent already; they are kept as context."""
        self._sent = 0
        """How many characters of the window's text were sent already."""

    def push(self, token: int) -> None:
        self.window.append(token)

    def take(self, text: str) -> tuple[str, bool]:
        """`text`: the window's. Promises the text that is now certain, and whether the window was cut shorter: then
        `cut` wants its text. A sequence that is cut at the end is never sent, in no form."""
        certain = text.rstrip(_BROKEN)
        fresh = certain[self._sent :]
        self._sent = max(self._sent, len(certain))
        is_whole = certain == text
        if is_whole:
            self.window = self.window[self._settled :]
            self._settled = len(self.window)
        return fresh, is_whole

    def cut(self, text: str) -> None:
        """`text`: that of the window after `take` cut it."""
        self._sent = len(text)


def decode(decoders: Sequence[Decoder], texts: Callable[[Sequence[Sequence[int]]], list[str]]) -> list[str]:
    """Promises the text that each decoder's last token made certain; `texts` is called twice for all of them."""
    found = texts([one.window for one in decoders])
    taken = [decoder.take(text) for decoder, text in zip(decoders, found, strict=True)]
    cut = [decoder for decoder, (_, is_whole) in zip(decoders, taken, strict=True) if is_whole]
    if cut:
        for decoder, text in zip(cut, texts([one.window for one in cut]), strict=True):
            decoder.cut(text)
    return [fresh for fresh, _ in taken]


class StopWatch:
    """Lets text through up to the first stop sequence, also when it comes in parts."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.has_stopped = False

    def feed(self, text: str) -> str:
        """Promises the text that belongs to no stop sequence, not even to the beginning of one."""
        if self.has_stopped:
            return ""
        held = self._held + text
        found = [(at + len(stop), at) for stop in self._stops if (at := held.find(stop)) >= 0]
        if found:
            self.has_stopped = True
            self._held = ""
            _, start = min(found)  # the stop that is complete first, however the text is cut into parts
            return held[:start]
        keep = max((_overlap(held, stop) for stop in self._stops), default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]

    def rest(self) -> str:
        """What was held back, once it is known that nothing follows."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
