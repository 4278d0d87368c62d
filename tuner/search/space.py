"""A plan's space as axes: what Optuna calls a distribution, what can be listed, where a fraction of the axis lies.

Knows nothing of trials. Values that people read are short: a float has four significant digits.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from tuner.plan.knobs import KNOBS
from tuner.plan.space import Choices, Fixed, Range, Space, Value

LISTABLE = 4096
"""Axes with more values than this count as continuous."""
MOST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One searched knob."""

    name: str
    distribution: BaseDistribution
    values: tuple[Value, ...] | None
    """Every value in order; None for a continuous axis or a very long one."""
    listed: tuple[Value, ...] | None
    """The values that the person named one by one or by a step; None for a plain range."""

    def at(self, fraction: float) -> Value:
        """Promises the value that lies `fraction` (0 <= fraction < 1) of the way along the axis, on its own scale."""
        if self.values is not None and isinstance(self.distribution, CategoricalDistribution):
            return self.values[min(int(fraction * len(self.values)), len(self.values) - 1)]
        scale = self.distribution
        if isinstance(scale, IntDistribution):
            # Half a step at both ends, so that the first and the last integer get as much room as the others.
            low, high = scale.low - 0.5 * scale.step, scale.high + 0.5 * scale.step
            exact = _between(max(low, 0.5) if scale.log else low, high, fraction, log=scale.log)
            whole = scale.low + round((exact - scale.low) / scale.step) * scale.step
            return min(max(whole, scale.low), scale.high)
        assert isinstance(scale, FloatDistribution)
        if scale.step is not None:
            count = round((scale.high - scale.low) / scale.step) + 1
            return self.tidy(scale.low + scale.step * min(int(fraction * count), count - 1))
        return self.tidy(_between(scale.low, scale.high, fraction, log=scale.log))

    def tidy(self, value: Value) -> Value:
        """Promises the value as people read it, still on the axis: 0.3 for 0.30000000000000004, 0.0001234 for
        0.00012339871.
        """
        scale = self.distribution
        if not isinstance(scale, FloatDistribution) or isinstance(value, str):
            return value
        if scale.step is None:
            return shorten(value, scale.low, scale.high)
        if self.values is not None:
            return min(self.values, key=lambda listed: abs(float(listed) - value))
        return min(max(float(f"{value:.12g}"), scale.low), scale.high)

    def spaced(self, count: int) -> tuple[Value, ...]:
        """Promises at most `count` (>= 2) values from end to end, even on the axis's own scale; all, if fewer."""
        if self.values is not None and len(self.values) <= count:
            return self.values
        if self.values is not None:
            last = len(self.values) - 1
            return tuple(self.values[round(place * last / (count - 1))] for place in range(count))
        scale = self.distribution
        assert isinstance(scale, FloatDistribution | IntDistribution)
        exact = [_between(scale.low, scale.high, place / (count - 1), log=scale.log) for place in range(count)]
        if isinstance(scale, IntDistribution):
            return tuple(dict.fromkeys(round(value) for value in exact))
        return tuple(shorten(value, scale.low, scale.high) for value in exact)


def axes(space: Space) -> tuple[Axis, ...]:
    """Promises one axis for each searched knob, by name; knobs with one fixed value are none."""
    found = ((name, spec) for name, spec in sorted(space.items()) if not isinstance(spec, Fixed))
    return tuple(_axis(name, spec) for name, spec in found)


def points(lists: Mapping[str, Sequence[Value]]) -> Iterator[dict[str, Value]]:
    """Promises every combination once; the last name changes fastest."""
    for combination in itertools.product(*lists.values()):
        yield dict(zip(lists, combination, strict=True))


def count_points(all_axes: Sequence[Axis]) -> float:
    """Promises the number of different points; infinite as soon as one axis is continuous."""
    return math.prod(math.inf if axis.values is None else len(axis.values) for axis in all_axes)


def shorten(value: float, low: float, high: float) -> float:
    """Promises `value` in four significant digits, not outside `low` to `high`."""
    return min(max(float(f"{value:.4g}"), low), high)


def _axis(name: str, spec: Range | Choices) -> Axis:
    if isinstance(spec, Choices):
        values = tuple(dict.fromkeys(spec.values))
        return Axis(name=name, distribution=CategoricalDistribution(values), values=values, listed=values)
    if spec.low is None or spec.high is None:
        raise ValueError(f"a range to search has both bounds, got {name}={spec}")
    if KNOBS[name].kind == "int":
        return _int_axis(name, int(spec.low), int(spec.high), spec)
    low, high, step = float(spec.low), float(spec.high), spec.step
    if step is None:
        return Axis(name=name, distribution=FloatDistribution(low, high, log=bool(spec.log)),
                    values=(low,) if low == high else None, listed=None)
    # Optuna knows no steps on a logarithmic scale, and wants the upper bound to lie on a step.
    start, stride = Decimal(str(low)), Decimal(str(step))
    count = int((Decimal(str(high)) - start) / stride)
    if count > MOST_STEPS:
        raise ValueError(f"a range has at most {MOST_STEPS} steps, got {name}={spec}")
    values = tuple(float(start + place * stride) for place in range(count + 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # A bound of 17 digits is off its step by rounding.
        distribution = FloatDistribution(low, values[-1], step=float(step))
    return Axis(name=name, distribution=distribution, values=values if len(values) <= LISTABLE else None,
                listed=values)


def _int_axis(name: str, low: int, high: int, spec: Range) -> Axis:
    step = max(int(spec.step or 1), 1)
    high = low + (high - low) // step * step
    distribution = IntDistribution(low, high, step=step, log=bool(spec.log) and step == 1 and low >= 1)
    whole = range(low, high + 1, step)
    return Axis(name=name, distribution=distribution, values=tuple(whole) if len(whole) <= LISTABLE else None,
                listed=tuple(whole) if spec.step else None)


def _between(low: float, high: float, fraction: float, *, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + fraction * (math.log(high) - math.log(low)))
    return low + fraction * (high - low)
