"""The course of one trial: its curve, what of it is worth an event, and the record in the end. Knows no store."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tuner.events import Cause, TrialProgress, TrialRecord, TrialState
from tuner.runners.base import StepDone, TrialEnded, Validated

EVERY_S = 0.5
"""Between two progress events of a trial."""
LONGEST_CURVE = 400
"""Points of a stored curve; validations are kept before training losses."""

Point = tuple[int, float | None, float | None]


class Course:
    def __init__(self, number: int, settings: Mapping[str, Any]) -> None:
        self.number = number
        self.settings = settings
        self.steps = 0
        self._curve: list[Point] = []
        self._valid: float | None = None
        """Not told yet."""
        self._told_at = -math.inf
        self._first: tuple[float, int] | None = None
        self._last: tuple[float, int] | None = None
        self._there_s = self._own_s = 0.0
        """Since it began: all the time, and what of it was spent on this trial."""

    def saw(self, event: StepDone | Validated, now: float) -> TrialProgress | None:
        """Promises the progress to tell, at most about twice a second; always at the last step."""
        self.steps = event.steps
        if isinstance(event, StepDone):
            self._add((event.step, finite(event.train_loss), None))
            self._first = self._first or (now, event.step)
        else:
            self._valid = finite(event.valid_loss)
            self._add((event.step, None, self._valid))
        self._last = (now, event.step)
        if now - self._told_at < EVERY_S and event.step < event.steps:
            return None
        self._told_at = now
        train = next((loss for _, loss, _ in reversed(self._curve) if loss is not None), None)
        told = TrialProgress(number=self.number, step=event.step, steps=event.steps, train_loss=train,
                             valid_loss=self._valid)
        self._valid = None
        return told

    def record(self, ended: TrialEnded, metric: str) -> TrialRecord:
        """Promises the trial as it is stored; one that is parked as it will be should it be given up. One that ended
        without a usable value of the metric has failed."""
        state: TrialState = "pruned" if ended.outcome == "parked" else ended.outcome
        value = finite(ended.metrics.get(metric))
        cause: Cause = ended.cause
        if state == "complete" and value is None:
            state, cause = "failed", "nan"
        return TrialRecord(
            number=self.number, settings=dict(self.settings), state=state,
            value=value if state in ("complete", "stopped") else None,
            cause=cause or {"pruned": "pruned", "stopped": "stopped", "failed": "crashed"}.get(state, ""),  # type: ignore[arg-type]
            error=ended.error, curve=self.curve(), metrics=self._metrics(ended), seconds=ended.seconds * self.share,
            checkpoint=ended.checkpoint if state != "failed" else None,
        )

    def lost(self, cause: Cause, error: str = "") -> TrialRecord:
        """Promises the record of a trial whose runner died; its seconds are those in which it was heard of."""
        heard_s = self._last[0] - self._first[0] if self._first and self._last else 0.0
        return TrialRecord(number=self.number, settings=dict(self.settings), state="failed", cause=cause, error=error,
                           curve=self.curve(), metrics={"steps": self.steps}, seconds=heard_s * self.share)

    def rested(self, seconds: float) -> None:
        """It waited so long, between two steps."""
        if self._first is not None and self._last is not None:
            self._first = self._first[0] + seconds, self._first[1]
            self._last = self._last[0] + seconds, self._last[1]

    def spent(self, seconds: float, share: float) -> None:
        """So much time passed, of which `share` was spent on this trial."""
        self._there_s += seconds
        self._own_s += seconds * share

    @property
    def share(self) -> float:
        """Of the machine, from its beginning to now: 1.0 alone, about a quarter as one of four."""
        return self._own_s / self._there_s if self._there_s > 0 else 1.0

    def left_s(self, usual_s: float) -> float:
        """Promises the time that still has to be spent on it, by its own pace; before its first step `usual_s`."""
        if self._last is None or not self.steps or not self._last[1]:
            return usual_s
        return self._own_s * (self.steps / self._last[1] - 1)

    def seconds_per_token(self, tokens: int) -> float | None:
        """Training and validating, without scoring answers, its own share of the time; None when there was too little
        to measure."""
        if self._first is None or self._last is None or not tokens or self._last[1] <= self._first[1]:
            return None
        share = (self._last[1] - self._first[1]) / self._last[1]
        return self.share * (self._last[0] - self._first[0]) / (tokens * share)

    def seconds_since_last(self, now: float) -> float | None:
        """From the last step to now: what scoring took, when the trial has just ended."""
        return None if self._last is None else now - self._last[0]

    def curve(self) -> tuple[Point, ...]:
        validated = sum(valid is not None for _, _, valid in self._curve)
        room = max(LONGEST_CURVE - validated, 0)
        stride = max(math.ceil(len(self._curve) / room), 1) if room else len(self._curve) + 1
        return tuple(point for place, point in enumerate(self._curve) if point[2] is not None or place % stride == 0)

    def _add(self, point: Point) -> None:
        if self._curve and self._curve[-1][0] == point[0]:
            step, train, valid = self._curve[-1]
            self._curve[-1] = (step, point[1] if point[1] is not None else train,
                               point[2] if point[2] is not None else valid)
        else:
            self._curve.append(point)

    def _metrics(self, ended: TrialEnded) -> dict[str, Any]:
        """As measured, numbers that are none left out, with what the search and the estimates need besides."""
        kept = {name: value for name, value in ended.metrics.items()
                if not isinstance(value, float) or math.isfinite(value)}
        return {**kept, "steps": self.steps, "tokens": ended.tokens}


def finite(value: Any) -> float | None:
    """The number itself, or None for what is no finite number."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
