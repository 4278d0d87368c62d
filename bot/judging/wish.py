"""What people want judged: two models, a question or several. Knows nothing of how it was understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tuner.store.opinions import Choice, Verdict

DEFAULT_TRIAL = 0
MOST_QUESTIONS = 20
"""More in one go tires people, and tired votes are no good votes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side of a comparison as a person said it."""

    job: int | None = None
    """None: the job spoken of."""
    what: Literal["best", "base"] | int = "best"
    """A try's number, the best one, or the untouched model."""


Kind = Literal["compare", "side_by_side", "board", "correct", "judge", "vote", "rate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for."""

    kind: Kind
    sides: tuple[Side, Side] | None = None
    """None: the best against the untouched model."""
    newest: bool = False
    """The best of the two newest jobs that have one."""
    prompt: str | None = None
    count: int = 1
    choice: Choice | None = None
    verdict: Verdict | None = None
    """None: it is about an answer, but not whether it was good."""
    job: int | None = None
