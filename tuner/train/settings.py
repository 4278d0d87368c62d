"""One trial's settings as typed values. Knows the knobs' names, not their meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Targets = Literal["attention", "mlp", "all"]
Schedule = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """Every knob of the catalogue (tuner.plan.knobs) has one field of the same name."""

    learning_rate: float
    epochs: int
    batch_size: int
    """Examples in one forward pass."""
    gradient_accumulation: int
    """Forward passes in one step of the optimiser."""
    lora_rank: int
    lora_alpha: float
    lora_dropout: float
    target_modules: Targets
    weight_decay: float
    warmup_ratio: float
    lr_schedule: Schedule
    max_grad_norm: float
    label_smoothing: float
    max_length: int
    """Tokens; the rest of a longer example is cut."""
    seed: int

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> TrialSettings:
        """Promises the settings of a plan as they are; knobs that training does not know are ignored.

        Raises ValueError that names every knob that is missing.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in settings]
        if missing:
            raise ValueError(f"a trial's settings hold every knob, {', '.join(missing)} missing")
        casts = {"float": float, "int": int}
        kinds = {field.name: str(field.type) for field in dataclasses.fields(cls)}
        return cls(**{name: casts.get(kinds[name], str)(settings[name]) for name in names})
