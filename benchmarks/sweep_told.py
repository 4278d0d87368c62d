"""What a contender of benchmarks.sweep tells of itself."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

_BEGAN = time.monotonic()


@dataclass(kw_only=True)
class Told:
    """What a contender did."""

    ended: dict[int, tuple[float, float]] = field(default_factory=dict)
    """By trial: validation loss, and wall seconds of the process at its end. Pruned trials are left out."""
    tokens: int = 0
    passes: int = 0
    """Forward passes of training."""
    timed: tuple[int, float] = (0, 0.0)
    """Tokens, and the seconds that they took, start left out."""
    more: dict[str, Any] = field(default_factory=dict)

    def now(self) -> float:
        """Wall seconds of the process."""
        return time.monotonic() - _BEGAN

    def end(self, number: int, loss: float) -> None:
        self.ended[number] = (loss, self.now())

    def step(self, tokens: int, seconds: float, counted: bool) -> None:
        self.tokens, self.passes = self.tokens + tokens, self.passes + 1
        if counted:
            self.timed = (self.timed[0] + tokens, self.timed[1] + seconds)
