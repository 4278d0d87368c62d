"""Notices early that a trial is lost, and names the cause. Knows losses and errors only."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

import torch

from tuner.evaluate.losses import Losses
from tuner.events import Cause

KNOWN = 1.0
"""Mean loss of an example, in nats a token, below which the untouched model could say it."""
CHECKED = 24
"""So many known examples are enough to tell speech from babble."""


class TrialBrokeError(Exception):
    """A trial ended for a cause that people are told."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        self.cause: Cause = cause
        super().__init__(detail or cause)


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that the memory is full."""
    text = str(error).lower()
    # The CPU and MPS allocators raise a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (isinstance(error, RuntimeError) and (
        any(words in text for words in ("can't allocate memory", "not enough memory", "out of memory"))))


class LossWatch:
    """The rule of divergence compares a step's loss with the untouched model's loss on the very same examples:

    under way, the mean of the last `WINDOW` losses lies above `2 * untouched + 1`;
    at an epoch's end, its mean lies above `1.1 * untouched + 0.1`, or above `1.25 * best + 0.25` of the best epoch yet.

    Measured on the embedded model, untouched 4.4: a rate of 2e-3 falls from epoch to epoch (3.2, 2.3, 1.5), 3e-3 breaks
    down (3.6, 5.4, 5.4, 4.7) and never says anything sensible again.
    Examples differ far more than models do, so a fixed start would call a batch of hard questions a divergence.
    """

    WINDOW = 8

    def __init__(self) -> None:
        self._last: deque[tuple[float, float]] = deque(maxlen=self.WINDOW)
        self._epoch: list[tuple[float, float]] = []
        self._best = math.inf

    def add(self, loss: float, norm: float, untouched: float) -> None:
        """Raises TrialBrokeError `nan` at once, `diverged` by the rule."""
        if not math.isfinite(loss) or not math.isfinite(norm):
            raise TrialBrokeError("nan", f"loss {loss}, gradient norm {norm}")
        self._last.append((loss, untouched))
        self._epoch.append((loss, untouched))
        if len(self._last) == self.WINDOW:
            loss, untouched = _means(self._last)
            _refuse(loss, untouched, factor=2.0, more=1.0)

    def state(self) -> dict[str, Any]:
        """Promises what `restore` goes on from, in lists and numbers."""
        return {"last": list(self._last), "epoch": list(self._epoch), "best": self._best}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._last.extend(state["last"])
        self._epoch, self._best = list(state["epoch"]), state["best"]

    def end_epoch(self) -> None:
        """Raises TrialBrokeError `diverged` by the rule."""
        loss, untouched = _means(self._epoch)
        _refuse(loss, untouched, factor=1.1, more=0.1)
        _refuse(loss, self._best, factor=1.25, more=0.25)
        self._best = min(self._best, loss)
        self._epoch = []


def known_places(untouched: Losses, first: int) -> list[int]:
    """Promises up to CHECKED places from `first` on whose examples the untouched model could say, spread evenly."""
    means = untouched.means()
    known = [place for place in range(first, len(means)) if untouched.tokens[place] and means[place] < KNOWN]
    return known[:: max(1, -(-len(known) // CHECKED))]


def refuse_babble(loss: float, vocabulary: int) -> None:
    """Raises TrialBrokeError `diverged` when `loss`, in nats a token, of what the untouched model could say lies nearer
    to a guess among all tokens than to knowing.

    Where the person's own answers surprise the untouched model as much as noise would, as they do the embedded one (9
    nats), the loss of a ruined model does not rise above it. Measured there at epochs' ends: 1e-3 at most 3.1 and
    falling, 2e-3 and more at least 5.0 throughout; the limit is 4.2.
    """
    limit = math.log(vocabulary) / 2
    if not loss <= limit:
        raise TrialBrokeError("diverged", f"what it could say before costs {loss:.3f} now, more than {limit:.3f}")


def _means(steps: Collection[tuple[float, float]]) -> tuple[float, float]:
    losses, untouched = zip(*steps, strict=True)
    return math.fsum(losses) / len(steps), math.fsum(untouched) / len(steps)


def _refuse(loss: float, before: float, factor: float, more: float) -> None:
    if loss > factor * before + more:
        raise TrialBrokeError("diverged", f"loss rose from {before:.3f} to {loss:.3f}")
