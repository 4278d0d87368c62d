"""Which points a grid search visits, and in which order. Knows no results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tuner.plan.space import Value
from tuner.search.space import Axis, points

GRID_STEPS = 5
"""Values of a range without a step; plans usually hold choices already."""


def grid(axes: Sequence[Axis]) -> Iterator[dict[str, Value]]:
    """Promises every point of the grid once, one by one; the last axis changes fastest."""
    return points({axis.name: axis.listed or axis.spaced(GRID_STEPS) for axis in axes})
