"""What is wrong or doubtful about the numbers of a command: one code each, all of them at once."""

from __future__ import annotations

from collections.abc import Mapping

from bot.language.commands import Choices, Fixed, Range, Spec
from tuner.plan.knobs import KNOBS, Knob

MAX_GRID_POINTS = 10_000
_POINTS_OF_A_RANGE = 10  # how many points a grid takes from a range without a step


def order_bounds(space: Mapping[str, Spec]) -> tuple[dict[str, Spec], bool]:
    """The space with low <= high everywhere, and whether a pair had to be swapped."""
    out: dict[str, Spec] = {}
    swapped = False
    for name, spec in space.items():
        if isinstance(spec, Range) and spec.low is not None and spec.high is not None and spec.low > spec.high:
            spec = Range(low=spec.high, high=spec.low, log=spec.log, step=spec.step)
            swapped = True
        out[name] = spec
    return out, swapped


def limit_problems(space: Mapping[str, Spec]) -> list[str]:
    """`out_of_range` and `unusual_range`, each at most once."""
    codes: list[str] = []
    for name, spec in space.items():
        knob = KNOBS[name]
        for value in _numbers(spec):
            if value < knob.hard_low or value > knob.hard_high or (knob.hard_low_open and value <= knob.hard_low):
                codes.append("out_of_range")
            elif value < knob.usual_low or value > knob.usual_high:
                codes.append("unusual_range")
    return [code for code in ("out_of_range", "unusual_range") if code in codes]


def grid_points(space: Mapping[str, Spec]) -> int:
    """How many combinations a grid search over the space would run."""
    total = 1
    for name, spec in space.items():
        total *= _points(KNOBS[name], spec)
        if total > 10**12:
            break
    return total


def is_ambiguous(space: Mapping[str, Spec], bare: set[str], loose: set[str], *, searches: bool) -> bool:
    """True when two readings would run different jobs.

    "tune lr 1e-4": fixed at it, or searched around it? "lr 1e-5, 1e-3": these two, or everything between them?
    """
    for name in loose & set(space):
        spec = space[name]
        if isinstance(spec, Choices) and KNOBS[name].kind == "float":
            low, high = (value for value in spec.values if not isinstance(value, str))
            if low > 0 and high / low >= 10:
                return True
    return searches and bool(bare) and all(isinstance(spec, Fixed) for spec in space.values())


def _points(knob: Knob, spec: Spec) -> int:
    match spec:
        case Choices(values=values):
            return max(1, len(values))
        case Fixed():
            return 1
        case Range(low=low, high=high, step=step):
            if low is None or high is None:
                return _POINTS_OF_A_RANGE
            if step:
                return max(1, int(abs((high - low) / step) + 1e-9) + 1)
            if knob.kind == "int" and not knob.log:
                return max(1, int(abs(high - low)) + 1)
            return _POINTS_OF_A_RANGE


def _numbers(spec: Spec) -> list[float]:
    match spec:
        case Choices(values=values):
            return [value for value in values if not isinstance(value, str)]
        case Fixed(value=value):
            return [] if isinstance(value, str) else [value]
        case Range(low=low, high=high):
            return [value for value in (low, high) if value is not None]
