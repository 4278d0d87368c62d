"""The catalogue of knobs: type, unit, limits, usual range and scale. Defaults belong to the model (models.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tuner.plan.space import Value

Kind = Literal["float", "int", "choice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One setting of a training run, named by the literature's word."""

    name: str
    kind: Kind
    unit: str = ""
    """Key of the unit's word in prompts, empty for a bare number."""
    hard_low: float = 0.0
    """Below this no run is possible."""
    hard_high: float = float("inf")
    hard_low_open: bool = False
    """True when `hard_low` itself is impossible (a learning rate of 0)."""
    usual_low: float = 0.0
    """Below this nobody goes in practice: worth a question, not a refusal."""
    usual_high: float = float("inf")
    log: bool = False
    """Tried on a logarithmic scale unless the person says otherwise."""
    default: Value
    """For a model whose catalogue entry says nothing else."""
    default_range: tuple[float, float] | None = None
    """Searched when a person names the knob and no values."""
    choices: tuple[str, ...] = ()


_CATALOGUE = (
    Knob(
        name="learning_rate",
        kind="float",
        hard_low_open=True,
        hard_high=1e3,
        usual_low=1e-7,
        usual_high=1e-1,
        log=True,
        default=2e-4,
        default_range=(1e-5, 1e-3),
    ),
    Knob(
        name="epochs",
        kind="int",
        unit="passes",
        hard_low=1,
        hard_high=100_000,
        usual_low=1,
        usual_high=100,
        default=3,
        default_range=(1, 6),
    ),
    Knob(
        name="batch_size",
        kind="int",
        unit="examples",
        hard_low=1,
        hard_high=65_536,
        usual_low=1,
        usual_high=512,
        log=True,
        default=8,
        default_range=(4, 32),
    ),
    Knob(
        name="gradient_accumulation",
        kind="int",
        unit="steps",
        hard_low=1,
        hard_high=4_096,
        usual_low=1,
        usual_high=128,
        log=True,
        default=1,
        default_range=(1, 8),
    ),
    Knob(
        name="lora_rank",
        kind="int",
        hard_low=1,
        hard_high=8_192,
        usual_low=1,
        usual_high=512,
        log=True,
        default=16,
        default_range=(4, 64),
    ),
    Knob(
        name="lora_alpha",
        kind="float",
        hard_low_open=True,
        hard_high=1e6,
        usual_low=1,
        usual_high=4_096,
        log=True,
        default=32.0,
        default_range=(8, 128),
    ),
    Knob(
        name="lora_dropout",
        kind="float",
        hard_low=0,
        hard_high=0.999,
        usual_low=0,
        usual_high=0.5,
        default=0.05,
        default_range=(0.0, 0.2),
    ),
    Knob(name="target_modules", kind="choice", default="all", choices=("attention", "mlp", "all")),
    Knob(
        name="weight_decay",
        kind="float",
        hard_low=0,
        hard_high=1e3,
        usual_low=0,
        usual_high=1,
        default=0.01,
        default_range=(0.0, 0.1),
    ),
    Knob(
        name="warmup_ratio",
        kind="float",
        hard_low=0,
        hard_high=1,
        usual_low=0,
        usual_high=0.5,
        default=0.05,
        default_range=(0.0, 0.2),
    ),
    Knob(name="lr_schedule", kind="choice", default="cosine", choices=("constant", "linear", "cosine")),
    Knob(
        name="max_grad_norm",
        kind="float",
        hard_low_open=True,
        hard_high=1e6,
        usual_low=0.01,
        usual_high=100,
        log=True,
        default=1.0,
        default_range=(0.3, 3.0),
    ),
    Knob(
        name="label_smoothing",
        kind="float",
        hard_low=0,
        hard_high=0.999,
        usual_low=0,
        usual_high=0.5,
        default=0.0,
        default_range=(0.0, 0.1),
    ),
    Knob(
        name="max_length",
        kind="int",
        unit="tokens",
        hard_low=8,
        hard_high=1_048_576,
        usual_low=32,
        usual_high=131_072,
        log=True,
        default=512,
        default_range=(256, 1024),
    ),
    Knob(
        name="seed",
        kind="int",
        hard_low=0,
        hard_high=2**63 - 1,
        usual_low=0,
        usual_high=2**63 - 1,
        default=0,
        default_range=(0, 4),
    ),
)

KNOBS: Mapping[str, Knob] = MappingProxyType({knob.name: knob for knob in _CATALOGUE})
"""Every knob by name, in the order in which cards list them."""
