"""Notices early that a trial is lost, and names the cause. Knows losses only."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection

from tuner.events import Cause


class TrialBrokeError(Exception):
    """A trial ended for a cause that people are told."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        self.cause: Cause = cause
        super().__init__(detail or cause)


class LossWatch:
    """The rule of divergence compares a step's loss with the untouched model's loss on the very same examples:

    under way, the mean of the last `WINDOW` losses lies above `2 * untouched + 1`;
    at the end, the mean of the last epoch lies above `1.1 * untouched + 0.1`.

    Examples differ far more than models do, so a fixed start would call a batch of hard questions a divergence.
    """

    WINDOW = 8

    def __init__(self) -> None:
        self._last: deque[tuple[float, float]] = deque(maxlen=self.WINDOW)
        self._epoch: list[tuple[float, float]] = []

    def begin_epoch(self) -> None:
        self._epoch = []

    def add(self, loss: float, norm: float, untouched: float) -> None:
        """Raises TrialBrokeError `nan` at once, `diverged` by the rule."""
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrialBrokeError("nan", f"loss {loss}, gradient norm {norm}")
        self._last.append((loss, untouched))
        self._epoch.append((loss, untouched))
        if len(self._last) == self.WINDOW:
            _refuse(self._last, factor=2.0, more=1.0)

    def finish(self) -> None:
        """Raises TrialBrokeError `diverged` when the trial ends worse than it began."""
        _refuse(self._epoch, factor=1.1, more=0.1)


def _refuse(steps: Collection[tuple[float, float]], factor: float, more: float) -> None:
    loss, untouched = (math.fsum(part) / len(steps) for part in zip(*steps, strict=True))
    if loss > factor * untouched + more:
        raise TrialBrokeError("diverged", f"loss rose from {untouched:.3f} to {loss:.3f}")
