"""Notices early that a trial is lost, and names the cause. Knows losses only."""

from __future__ import annotations

import math
from collections import deque

from tuner.events import Cause


class TrialBrokeError(Exception):
    """A trial ended for a cause that people are told."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        self.cause: Cause = cause
        super().__init__(detail or cause)


class LossWatch:
    """The rule of divergence, with `start` the untouched model's loss on a sample of the training examples:

    under way, the mean of the last `WINDOW` losses lies above `2 * start + 1`;
    at the end, the mean of the last epoch lies above `1.1 * start + 0.1`.
    """

    WINDOW = 8

    def __init__(self, start: float) -> None:
        self._start = start
        self._last: deque[float] = deque(maxlen=self.WINDOW)

    def add(self, loss: float, norm: float) -> None:
        """Raises TrialBrokeError `nan` at once, `diverged` by the rule."""
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrialBrokeError("nan", f"loss {loss}, gradient norm {norm}")
        self._last.append(loss)
        mean = math.fsum(self._last) / len(self._last)
        if len(self._last) == self.WINDOW and mean > 2 * self._start + 1:
            raise TrialBrokeError("diverged", f"loss rose from {self._start:.3f} to {mean:.3f}")

    def finish(self, last_epoch_mean: float) -> None:
        """Raises TrialBrokeError `diverged` when the trial ends worse than it began."""
        if last_epoch_mean > 1.1 * self._start + 0.1:
            raise TrialBrokeError("diverged", f"loss went from {self._start:.3f} to {last_epoch_mean:.3f}")
