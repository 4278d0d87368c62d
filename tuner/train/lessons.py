"""What a trial sees in which epoch: the team's examples and a round of general chat."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

from tuner.data.render import Encoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Micro:
    """What one trial learns from in one forward pass."""

    examples: Sequence[Encoded]
    answers: int
    """Answer tokens of the whole step, all its micro-batches together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What a trial trains on: in each epoch all of `own` and one round of `chat` after the other, from the start again
    after the last. New examples of chat keep more of it than the same ones each time."""

    own: tuple[Encoded, ...]
    chat: tuple[tuple[Encoded, ...], ...]

    @property
    def every(self) -> tuple[Encoded, ...]:
        """All examples, those of the team first."""
        return (*self.own, *chain.from_iterable(self.chat))

    def places(self, epoch: int, usable: Collection[int]) -> list[int]:
        """Promises the usable places in `every` that are the turn of `epoch`."""
        start = len(self.own)
        turn = range(len(self.own))
        if self.chat:
            chosen = epoch % len(self.chat)
            start += sum(map(len, self.chat[:chosen]))
            return [place for place in (*turn, *range(start, start + len(self.chat[chosen]))) if place in usable]
        return [place for place in turn if place in usable]
