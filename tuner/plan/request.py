"""What a plan is made from: what the person said, what the data look like, what this machine was measured to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuner.plan.plan import Plan
from tuner.plan.space import Space, space_from_json, space_to_json
from tuner.problems import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Only what was said; everything else is None and becomes an assumption of the plan."""

    space: Space = field(default_factory=dict)
    method: str | None = None
    """`grid`, `random`, `bayes`, `tpe`, `gp` or `cmaes`."""
    pruner: str | None = None
    metric: str | None = None
    trials: int | None = None
    parallel: int | None = None
    time_budget_s: int | None = None
    model: str | None = None
    seed: int | None = None
    general_chat: int | None = None
    confirm: int | None = None
    """Best settings to train again with other seeds; 0: none."""

    def to_json(self) -> dict[str, Any]:
        value = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) is not None}
        value["space"] = space_to_json(self.space)
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Request:
        return cls(**{**value, "space": space_from_json(value.get("space", {}))})


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """A data set, as far as a plan has to know it."""

    id: str
    examples: int
    split: tuple[int, int, int]
    """Training, validation, sealed test."""
    tokens: int
    """Tokens of all examples together."""
    longest: int
    """Tokens of the longest example."""
    name: str = ""
    """What people call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What was measured on this machine for one model; None where nothing was measured yet."""

    seconds_per_token: float | None = None
    """Training, a token of the stream, forward and backward and optimiser, with `together` runs side by side."""
    alone_seconds_per_token: float | None = None
    """The same of a run that has the machine to itself."""
    together: float | None = None
    """Runs side by side when `seconds_per_token` was measured: as many as this machine takes."""
    load_seconds: float | None = None
    """From starting the child process to the first step."""
    memory_bytes: float | None = None
    """Peak of the child process while training with the defaults."""
    score_seconds: float | None = None
    """Generating and scoring one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a plan will cost. None: not measured on this machine yet, and not guessed."""

    seconds: float | None
    memory_bytes: float | None
    tokens: int
    """Training tokens over all tries, when none is stopped early."""
    confirm_seconds: float | None = None
    """How much of `seconds` goes into training the best ones again; None as `seconds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Outcome of `build`: a plan that may be confirmed, or the reasons why there is none."""

    plan: Plan | None
    estimate: Estimate | None
    problems: tuple[Problem, ...]

    @property
    def can_start(self) -> bool:
        return self.plan is not None and not any(problem.severity == "error" for problem in self.problems)
