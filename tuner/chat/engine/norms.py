"""A model's root-mean-square norms in one operation instead of six, where that gives the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import rms_norm


@contextmanager
def short_norms(model: Any) -> Iterator[None]:
    """While open, `model`'s fp32 norms are torch's own. On one core 8 tokens of 576 took 35 us before and 21 so, and a
    model has two norms a layer."""
    changed = [layer for layer in model.modules() if type(layer).__name__.endswith("RMSNorm") and _is_torchs(layer)]
    for layer in changed:
        layer.forward = _Forward(layer)
    try:
        yield
    finally:
        for layer in changed:
            del layer.forward


def _is_torchs(layer: Any) -> bool:
    """False for Gemma's, which add one to their weights, and for whatever else differs."""
    weight, epsilon = getattr(layer, "weight", None), getattr(layer, "variance_epsilon", None)
    if not isinstance(weight, torch.Tensor) or weight.dtype != torch.float32 or not isinstance(epsilon, float):
        return False
    with torch.inference_mode():
        x = torch.linspace(-3.0, 2.0, 2 * len(weight), device=weight.device).view(2, -1)
        return all(torch.allclose(layer(one), _Forward(layer)(one), rtol=1e-5, atol=1e-6) for one in (x, 1e-3 * x))


class _Forward:
    def __init__(self, layer: Any) -> None:
        self._weight, self._epsilon = layer.weight, layer.variance_epsilon

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x, (len(self._weight),), self._weight, self._epsilon)
