"""What was said of a knob becomes what is searched: bounds in order, a scale, the knob's type, a grid's points."""

from __future__ import annotations

import math

from tuner.plan.knobs import KNOBS, Knob
from tuner.plan.models import ModelCard
from tuner.plan.plan import Method
from tuner.plan.space import Choices, Fixed, Range, Space, Spec, Value
from tuner.problems import Problem

MAX_GRID_POINTS = 10_000
GRID_STEPS = 5
"""Points of a range in a grid search when no step was said."""


def in_order(space: Space) -> tuple[dict[str, Spec], list[Problem]]:
    """Promises bounds in their order: those said the wrong way round are swapped, with a problem that says so."""
    ordered: dict[str, Spec] = {}
    problems = []
    for name, spec in space.items():
        if isinstance(spec, Range) and spec.low is not None and spec.high is not None and spec.low > spec.high:
            spec = Range(low=spec.high, high=spec.low, log=spec.log, step=spec.step)
            problems.append(
                Problem(
                    key="plan.reversed_bounds",
                    severity="warning",
                    facts={"name": name, "low": spec.low, "high": spec.high},
                )
            )
        ordered[name] = spec
    return ordered, problems


def default_spec(name: str, card: ModelCard) -> Spec:
    """Promises what is searched when a person names the knob `name` and no values: the model's recommended range."""
    knob = KNOBS[name]
    if knob.kind == "choice":
        return Choices(values=knob.choices)
    low, high = card.recommended.get(knob.name) or knob.default_range or (knob.usual_low, knob.usual_high)
    if knob.kind == "int":
        low, high = math.ceil(low), math.floor(high)
    return Range(low=low, high=high, log=knob.log)


def complete(knob: Knob, spec: Spec, method: Method, card: ModelCard, assumed: list[str]) -> Spec:
    """Promises both bounds, a scale and the knob's type, and names in `assumed` what nobody said; for a grid a range
    becomes evenly spaced choices. Raises TypeError for a knob that is fixed."""
    if isinstance(spec, Choices):
        return Choices(values=tuple(dict.fromkeys(typed(knob, value) for value in spec.values)))
    if isinstance(spec, Fixed):
        raise TypeError(f"a fixed knob must not be searched, got {knob.name}")
    default = default_spec(knob.name, card)
    if not isinstance(default, Range) or default.low is None or default.high is None:
        raise TypeError(f"a knob with a range must have a default range, got {knob.name}")
    low, high = spec.low, spec.high
    if low is None or high is None:
        assumed.append(f"{knob.name}.{'low' if low is None else 'high'}")
        if low is None and high is not None:
            low = min(default.low, high) if not knob.log or default.low < high else max(high / 10, knob.hard_low)
        elif low is not None:
            high = max(default.high, low) if default.high > low else min(low * 10 or default.high, knob.hard_high)
    if low is None or high is None:
        raise ValueError(f"one bound must be said, got none for {knob.name}")
    if spec.log and spec.low is None and low <= 0:  # "up to 1 on a log scale": no such scale begins at zero
        low = max(1, high // 100) if knob.kind == "int" else high / 100
    log = spec.log if spec.log is not None else (knob.log and low > 0 and spec.step is None and high / low >= 8)
    if spec.log is None:
        assumed.append(f"{knob.name}.scale")
    whole = Range(
        low=_number(knob, low),
        high=_number(knob, high),
        log=bool(log),
        step=None if spec.step is None else _number(knob, spec.step),
    )
    return _as_grid(knob, whole) if method == "grid" else whole


def typed(knob: Knob, value: Value) -> Value:
    """Promises a value of the knob's own type."""
    if isinstance(value, str):
        return value
    return int(value) if knob.kind == "int" else float(value)


def _number(knob: Knob, value: float) -> float | int:
    return int(value) if knob.kind == "int" else float(value)


def _as_grid(knob: Knob, spec: Range) -> Choices:
    low, high = float(spec.low or 0), float(spec.high or 0)
    if spec.step:
        count = math.floor((high - low) / spec.step + 1e-9) + 1
        values = [low + index * spec.step for index in range(min(count, MAX_GRID_POINTS + 1))]
    elif knob.kind == "int" and not spec.log and high - low < GRID_STEPS:
        values = [low + index for index in range(int(high - low) + 1)]
    elif spec.log:
        values = [low * (high / low) ** (index / (GRID_STEPS - 1)) for index in range(GRID_STEPS)]
    else:
        values = [low + (high - low) * index / (GRID_STEPS - 1) for index in range(GRID_STEPS)]
    rounded = [round(value) if knob.kind == "int" else float(f"{value:.6g}") for value in values]
    return Choices(values=tuple(dict.fromkeys(rounded)))


def grid_points(space: Space) -> int:
    """Promises how many combinations the choices of a grid have."""
    return math.prod(len(spec.values) for spec in space.values() if isinstance(spec, Choices))
