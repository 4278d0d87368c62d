"""The last layer's feed-forward at the answer tokens only: behind the last attention no token reaches another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

FEEDFORWARD = "mlp"
"""What transformers calls it, in every model that a pack knows."""


def last_feedforward(model: Any) -> tuple[str, Any] | None:
    """Promises the last layer's feed-forward and its name; None where there is none of plain linear layers."""
    from transformers.pytorch_utils import Conv1D

    found = next((found for found in reversed(list(model.named_modules()))
                  if found[0].rpartition(".")[2] == FEEDFORWARD), None)
    if found is None:
        return None
    holders = [part for part in found[1].modules() if next(part.parameters(recurse=False), None) is not None]
    return found if all(isinstance(part, torch.nn.Linear | Conv1D) for part in holders) else None


@contextmanager
def only_at(feedforward: Any, tokens: torch.Tensor) -> Iterator[None]:
    """While open, the module computes these `tokens`, (chosen,) int64, of the one row only, and gives zeros for the
    others."""
    whole = feedforward.forward

    def forward(x: torch.Tensor) -> torch.Tensor:
        chosen = whole(x.index_select(1, tokens))
        return chosen.new_zeros(*x.shape[:-1], chosen.shape[-1]).index_copy_(1, tokens, chosen)

    feedforward.forward = forward
    try:
        yield
    finally:
        del feedforward.forward
