"""Holds each spec of a space against the catalogue's limits and the model's own recommended ranges."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from tuner.plan.knobs import KNOBS, Knob
from tuner.plan.models import ModelCard
from tuner.plan.space import Choices, Fixed, Range, Space, Spec, Value
from tuner.problems import Problem

FAR = 3.0
"""A range is far outside the recommended one when a bound misses it by more than this factor."""


def problems_of_space(space: Space, card: ModelCard) -> tuple[Problem, ...]:
    """Promises every problem of every knob: impossible values as errors, unusual ones as warnings."""
    found: list[Problem] = []
    for name, spec in space.items():
        knob = KNOBS.get(name)
        if knob is None:
            found.append(Problem(key="plan.unknown_knob", facts={"name": name}))
            continue
        impossible = list(_impossible(knob, spec, card))
        found += impossible or _unusual(knob, spec, card)
    return tuple(found)


def values_of(spec: Spec) -> tuple[Value, ...]:
    """Promises the values that `spec` names: its bounds, its choices or its one value."""
    match spec:
        case Range():
            return tuple(bound for bound in (spec.low, spec.high) if bound is not None)
        case Choices():
            return spec.values
        case Fixed():
            return (spec.value,)


def _impossible(knob: Knob, spec: Spec, card: ModelCard) -> Iterator[Problem]:
    usual = _usual(knob, card)
    if knob.kind == "choice":
        wrong = [value for value in values_of(spec) if value not in knob.choices]
        if wrong or isinstance(spec, Range):
            yield Problem(
                key="plan.not_a_choice",
                facts={"name": knob.name, "values": [str(v) for v in wrong], "choices": list(knob.choices)},
            )
        return
    values = values_of(spec)
    if not values:
        yield Problem(key="plan.missing_range", facts={"name": knob.name, **usual})
        return
    for value in values:
        if isinstance(value, str) or not math.isfinite(value):
            yield Problem(key="plan.not_a_number", facts={"name": knob.name, "value": str(value), **usual})
            return
        if value < knob.hard_low or value > knob.hard_high or (knob.hard_low_open and value == knob.hard_low):
            yield Problem(key="plan.out_of_range", facts={"name": knob.name, "value": value, **usual})
            return
        if knob.kind == "int" and value != int(value):
            yield Problem(
                key="plan.whole_number",
                facts={"name": knob.name, "value": value, "below": math.floor(value), "above": math.ceil(value)},
            )
            return
    if isinstance(spec, Range) and spec.log and min(float(v) for v in values) <= 0:
        above_zero = usual["low"] or float(usual["high"]) / 100
        yield Problem(key="plan.log_from_zero", facts={"name": knob.name, **usual, "low": above_zero})
    if isinstance(spec, Range) and spec.step is not None and spec.step <= 0:
        yield Problem(key="plan.bad_step", facts={"name": knob.name, "step": spec.step})


def _usual(knob: Knob, card: ModelCard) -> Mapping[str, float | str]:
    low, high = card.recommended.get(knob.name) or knob.default_range or (knob.usual_low, knob.usual_high)
    return {"low": low, "high": high}


def _unusual(knob: Knob, spec: Spec, card: ModelCard) -> list[Problem]:
    if knob.kind == "choice":
        return []
    numbers = [float(value) for value in values_of(spec)]
    low, high = min(numbers), max(numbers)
    if low < knob.usual_low or high > knob.usual_high:
        return [
            Problem(
                key="plan.unusual_range",
                severity="warning",
                facts={
                    "name": knob.name,
                    "value": low if low < knob.usual_low else high,
                    "low": knob.usual_low,
                    "high": knob.usual_high,
                },
            )
        ]
    if knob.name in card.recommended:
        good_low, good_high = card.recommended[knob.name]
        if high < good_low / FAR or low > good_high * FAR:
            key = "plan.outside_recommended"
        elif high > good_high * FAR or (knob.log and low < good_low / FAR):
            key = "plan.wider_than_recommended"
        else:
            return []
        return [
            Problem(
                key=key,
                severity="warning",
                facts={"name": knob.name, "model": card.name, "low": good_low, "high": good_high},
            )
        ]
    return []
