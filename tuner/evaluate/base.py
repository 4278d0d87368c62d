"""A base model in memory, as training and evaluation hand it around. Loading it is tuner.train.model's job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from tuner.evaluate.forward import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base model in memory, frozen, in eval mode: its own dropout stays off while adapters are trained."""

    model: Any
    tokenizer: Any
    device: torch.device
    device_name: str
    source: str
    config_sha256: str
    """Of the model's configuration: a changed model folder is noticed."""
    layout: Layout
    longest: int
    """Tokens that the model can look at."""
