"""What a trial starts from, drawn as the one-slot path draws it, and its way back into plain peft."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from tuner.evaluate.base import Base
from tuner.train.model import fresh_adapter
from tuner.train.packed.stack import Weights
from tuner.train.settings import TrialSettings
from tuner.train.targets import target_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    weights: Weights
    scale: float
    """alpha / rank, as peft has it."""


def fresh(base: Base, settings: TrialSettings) -> Fresh:
    """Promises peft's own initial values for `settings.seed`; afterwards the base is bare again.

    Raises ProblemError `runner.no_layers`.
    """
    names = target_names(base.model, settings.target_modules)
    weights, scale = {}, 0.0
    with fresh_adapter(base, settings):
        for name in names:
            layer = base.model.get_submodule(name)
            a, b = (part["default"].weight.detach().float().clone() for part in (layer.lora_A, layer.lora_B))
            weights[name], scale = (a, b), float(layer.scaling["default"])
    return Fresh(weights=weights, scale=scale)


@contextmanager
def carried(base: Base, settings: TrialSettings, weights: Weights) -> Iterator[Any]:
    """While open, the base carries a slot's adapter as a PeftModel, to be saved; after it, none."""
    with fresh_adapter(base, settings) as adapted, torch.no_grad():
        for name, (a, b) in weights.items():
            layer = base.model.get_submodule(name)
            layer.lora_A["default"].weight.copy_(a)
            layer.lora_B["default"].weight.copy_(b)
        yield adapted
