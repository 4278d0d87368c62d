"""A layer's product for many slots at once: one frozen product for all tokens, and each slot's own low-rank one.

For a slot with tokens x it computes x Wᵀ + b + s (d(x) Aᵀ) Bᵀ with W, b frozen (Hu et al. 2022, "LoRA", equation 3;
d is dropout). The slots' tokens follow each other, so every slot works on views without padding or copying. Each slot's
small products have the shapes that they would have alone, and read no other slot's numbers: a NaN stays where it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One slot's tokens in one layer."""

    slot: int
    start: int
    end: int
    """Tokens start:end of the stream."""
    rank: int
    scale: float
    """alpha / rank"""
    mask: torch.Tensor | None
    """(end - start, in): 0 or 1 / (1 - rate); None without dropout."""

    def dropped(self, x: torch.Tensor) -> torch.Tensor:
        own = x[self.start : self.end]
        return own if self.mask is None else own * self.mask


class SlotProduct(torch.autograd.Function):
    """x: (tokens, in); weight: (out, in); bias: (out,) or None; a: (slots, rank, in); b: (slots, rank, out).

    Gives (tokens, out) in x's dtype. Tokens of no part get the frozen product alone. The frozen weights get no
    gradient; slots of no part get the gradient 0.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, a: torch.Tensor,
                b: torch.Tensor, parts: tuple[Part, ...]) -> torch.Tensor:
        out = x @ weight.t()
        if bias is not None:
            out += bias
        lows = []
        for part in parts:
            low = part.dropped(x) @ a[part.slot, : part.rank].to(x.dtype).t()
            out[part.start : part.end].addmm_(low, b[part.slot, : part.rank].to(x.dtype), alpha=part.scale)
            lows.append(low)
        ctx.save_for_backward(x, weight, a, b, *lows)
        ctx.parts = parts
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        x, weight, a, b, *lows = ctx.saved_tensors
        grad_x = grad @ weight if ctx.needs_input_grad[0] else None
        grad_a, grad_b = (torch.zeros(part.shape, dtype=part.dtype, device=part.device) for part in (a, b))
        for part, low in zip(ctx.parts, lows, strict=True):
            own = grad[part.start : part.end]
            small_a, small_b = (whole[part.slot, : part.rank].to(x.dtype) for whole in (a, b))
            grad_low = (own @ small_b.t()).mul_(part.scale)
            grad_b[part.slot, : part.rank] = (low.t() @ own).mul_(part.scale)
            grad_a[part.slot, : part.rank] = grad_low.t() @ part.dropped(x)
            if grad_x is None:
                continue
            if part.mask is None:
                grad_x[part.start : part.end].addmm_(grad_low, small_a)
            else:
                grad_x[part.start : part.end].addcmul_(grad_low @ small_a, part.mask)
        return grad_x, None, None, grad_a, grad_b, None
