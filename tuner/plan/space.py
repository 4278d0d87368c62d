"""What a person may ask of one knob: a range, a list of choices, or one fixed value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = float | int | str
"""A knob's value: `1e-4`, `8`, `"cosine"`."""

Settings = Mapping[str, Value]
"""Knob name -> value, complete for one trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Every value from `low` to `high`, both included. A bound is None while nobody has said it."""

    low: float | int | None = None
    high: float | int | None = None
    log: bool | None = None
    """Search on a logarithmic scale; None: not said."""
    step: float | int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One of `values`, in the order that they were said."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always `value`."""

    value: Value


Spec = Range | Choices | Fixed
Space = Mapping[str, Spec]


def spec_to_json(spec: Spec) -> dict[str, Any]:
    """Promises a dict with exactly one of low/high (range), choices, value; unsaid keys are absent."""
    match spec:
        case Range():
            said = {"low": spec.low, "high": spec.high, "log": spec.log, "step": spec.step}
            return {key: value for key, value in said.items() if value is not None}
        case Choices():
            return {"choices": list(spec.values)}
        case Fixed():
            return {"value": spec.value}


def spec_from_json(value: Mapping[str, Any]) -> Spec:
    """The reverse of `spec_to_json`."""
    if "choices" in value:
        return Choices(values=tuple(value["choices"]))
    if "value" in value:
        return Fixed(value=value["value"])
    return Range(low=value.get("low"), high=value.get("high"), log=value.get("log"), step=value.get("step"))


def space_to_json(space: Space) -> dict[str, Any]:
    return {name: spec_to_json(spec) for name, spec in space.items()}


def space_from_json(value: Mapping[str, Any]) -> dict[str, Spec]:
    return {name: spec_from_json(spec) for name, spec in value.items()}
