"""How many tokens one pass takes: found while trials train, by how long their own passes take.

Longer passes keep a device busier, up to a point that only it knows; beyond it they make everybody wait longer for
nothing. A size is judged by the passes that it cut short: where all work fits, the size is of no matter.
Knows no model.
"""

from __future__ import annotations

import logging

FIRST = 1024
GAIN = 0.08
"""A pass is made longer as long as this share of a token's time is saved by it."""
PASSES = 3
"""Of each size; its time is that of the best of them. The one before them sets things up."""

log = logging.getLogger(__name__)


class Pace:
    def __init__(self, most: int) -> None:
        """`most`: what there is memory for."""
        self._most, self._size, self._settled = most, min(FIRST, most), False
        self._best: float | None = None
        """Seconds a token of half the size, of which this one has to save a good share."""
        self._times: list[float] = []

    @property
    def tokens(self) -> int:
        """In one pass, at most."""
        return min(self._size, self._most)

    @property
    def is_settled(self) -> bool:
        """No pass has to be timed any more."""
        return self._settled

    def limit(self, most: int) -> None:
        """There is memory for so many only, from now on."""
        self._most = most

    def took(self, tokens: int, seconds: float, *, was_cut: bool) -> None:
        """A pass of so many tokens took so long. `was_cut`: there was more work than it took."""
        if self._settled or not was_cut:
            return
        self._times.append(seconds / tokens)
        if len(self._times) <= PASSES:
            return
        each = min(self._times[1:])
        self._times = []
        if self._best is not None and each > (1 - GAIN) * self._best:
            self._settle(self._size // 2)
        elif 2 * self._size > self._most:
            self._settle(self._size)
        else:
            self._best, self._size = each, 2 * self._size

    def _settle(self, size: int) -> None:
        self._size, self._settled = size, True
        log.info("a pass takes %d tokens", self.tokens)
