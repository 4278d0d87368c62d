"""The optimiser and its learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import assert_never

import torch

from tuner.train.settings import Schedule, TrialSettings


def warmup_steps(ratio: float, steps: int) -> int:
    return math.ceil(ratio * steps)


def rate_factor(step: int, steps: int, warmup: int, schedule: Schedule) -> float:
    """Promises the share of the learning rate that step `step` (from 0) of `steps` uses.

    Rises linearly from 0 over `warmup` steps, then stays, or falls to 0 linearly or along half a cosine
    (Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts).
    """
    if step < warmup:
        return step / max(1, warmup)
    done = (step - warmup) / max(1, steps - warmup)
    match schedule:
        case "constant":
            return 1.0
        case "linear":
            return max(0.0, 1.0 - done)
        case "cosine":
            return max(0.0, 0.5 * (1.0 + math.cos(math.pi * done)))
        case _:
            assert_never(schedule)


def optimiser(parameters: Iterable[torch.nn.Parameter], settings: TrialSettings) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019, algorithm 2) over `parameters`, weight decay on all of them."""
    kept = list(parameters)
    fused = bool(kept) and kept[0].device.type in ("cpu", "cuda")
    return torch.optim.AdamW(kept, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=fused)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate
