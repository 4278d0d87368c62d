"""AdamW over all slots at once, each with its own rate, weight decay, clip norm and step counter. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tuner.train.packed.stack import Stack

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""torch.optim.AdamW's own."""
AT_ONCE = 2**16
"""Numbers of one block on a CPU: what is worked on stays in the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What one slot's step needs beside the stack."""

    slot: int
    step: int
    """From 1."""
    rate: float
    weight_decay: float
    max_grad_norm: float
    norm: float
    """Of this slot's gradient, before clipping."""


def norms(stack: Stack, slots: Sequence[int]) -> dict[int, float]:
    """Promises the 2-norm of the gradient of each of the slots; a non-finite one makes its own slot's norm non-finite
    only."""
    rows = torch.tensor(slots, dtype=torch.int64, device=stack.device)
    found = torch.linalg.vector_norm(stack.grads.index_select(0, rows), dim=1).tolist()
    return dict(zip(slots, found, strict=True))


def advance(stack: Stack, updates: Sequence[Update]) -> None:
    """One step of AdamW (Loshchilov and Hutter 2019, algorithm 2) in the given slots, and their gradients 0 again.

    Clips each slot's gradient as `torch.nn.utils.clip_grad_norm_` does. Other slots are neither read nor written.
    """
    if not updates:
        return
    rows = torch.tensor([one.slot for one in updates], device=stack.device)

    def column(values: Sequence[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=stack.dtype, device=stack.device)[:, None]

    clip = column([min(1.0, one.max_grad_norm / (one.norm + 1e-6)) for one in updates])
    decay = column([1 - one.rate * one.weight_decay for one in updates])
    size = column([-one.rate / (1 - BETA1**one.step) for one in updates])
    spread = column([(1 - BETA2**one.step) ** 0.5 for one in updates])
    width = stack.values.shape[1]
    block = width if stack.device.type == "cuda" else max(1, AT_ONCE // len(updates))
    for start in range(0, width, block):
        columns = slice(start, min(start + block, width))
        values, grads, first, second = (
            part[:, columns] for part in (stack.values, stack.grads, stack.first, stack.second))
        grad = grads.index_select(0, rows).mul_(clip)
        one = first.index_select(0, rows).lerp_(grad, 1 - BETA1)
        two = second.index_select(0, rows).mul_(BETA2).addcmul_(grad, grad, value=1 - BETA2)
        moved = one.mul(size).div_(two.sqrt().div_(spread).add_(EPSILON))
        values.index_copy_(0, rows, values.index_select(0, rows).mul_(decay).add_(moved))
        first.index_copy_(0, rows, one)
        second.index_copy_(0, rows, two)
    stack.grads.index_fill_(0, rows, 0.0)
