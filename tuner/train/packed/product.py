"""A layer's product for many slots at once: one frozen product for all tokens, and each slot's own low-rank one.

For a slot with tokens x it computes x Wᵀ + b + s (d(x) Aᵀ) Bᵀ with W, b frozen (Hu et al. 2022, "LoRA", equation 3;
d is dropout). Training and chat share it: without gradients only the forward runs. No slot's numbers reach another's: a
NaN stays where it is. Knows no model; the small products themselves are in spans.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tuner.train.packed.spans import Spans, add_times, outer, times


class SlotProduct(torch.autograd.Function):
    """x: (tokens, in); weight: (out, in); bias: (out,) or None; a: (spans, rank, in); b: (spans, rank, out);
    mask: (tokens, in), 0 or 1 / (1 - rate), or None without dropout. All of one dtype.

    Gives (tokens, out). Tokens of no span get the frozen product alone. The frozen weights get no gradient.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, a: torch.Tensor,
                b: torch.Tensor, spans: Spans, mask: torch.Tensor | None) -> torch.Tensor:
        out, low = _product(x, weight, bias, a, b, spans, mask)
        ctx.save_for_backward(x, weight, a, b, low, mask)
        ctx.spans = spans
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        x, weight, a, b, low, mask = ctx.saved_tensors
        spans: Spans = ctx.spans
        grad_low = times(grad, b.transpose(1, 2), spans, narrow="out").mul_(spans.scale)
        grad_b = outer(low, grad, spans, b.shape[1])
        grad_a = outer(grad_low, x if mask is None else x * mask, spans, a.shape[1])
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = grad @ weight
            if mask is None:
                add_times(grad_x, grad_low, a, spans)
            else:
                own = slice(spans.tokens)
                grad_x[own].addcmul_(times(grad_low, a, spans, narrow="in"), mask[own])
        return grad_x, None, None, grad_a, grad_b, None, None


def slot_product(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, a: torch.Tensor, b: torch.Tensor,
                 spans: Spans, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Promises `SlotProduct` with a gradient for x, a and b where they ask for one."""
    if not torch.is_grad_enabled():
        return _product(x, weight, bias, a, b, spans, mask)[0]
    out: torch.Tensor = SlotProduct.apply(x, weight, bias, a, b, spans, mask)
    return out


def _product(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, a: torch.Tensor, b: torch.Tensor,
             spans: Spans, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """The product, and s (d(x) Aᵀ), (tokens of the spans, rank)."""
    low = times(x if mask is None else x * mask, a.transpose(1, 2), spans, narrow="out").mul_(spans.scale)
    out = x @ weight.t()
    if bias is not None:
        out += bias
    add_times(out, low, b, spans)
    return out, low


def add_products(outs: Sequence[tuple[torch.Tensor, torch.Tensor]], x: torch.Tensor, a: torch.Tensor,
                 spans: Spans) -> None:
    """Adds to the outputs of several layers of one input x what the slots add, without gradients.

    outs: (tokens, out) of each layer, contiguous, and its b, (spans, rank, out); x: (tokens, in);
    a: (spans, in, layers * rank), the layers' Aᵀ in the order of `outs`, best contiguous.
    """
    rank = a.shape[2] // len(outs)
    if spans.way == "padded" and spans.places is None:
        _add_even(outs, x[: spans.tokens], a, spans, rank)
        return
    low = None if spans.way == "loop" and len(outs) > 1 else times(x, a, spans, narrow="out").mul_(spans.scale)
    for place, (out, b) in enumerate(outs):
        own = slice(place * rank, (place + 1) * rank)
        if low is None:
            mine = times(x, a[:, :, own], spans, narrow="out").mul_(spans.scale)
        else:
            mine = low[:, own].contiguous()
        add_times(out, mine, b, spans)


def _add_even(outs: Sequence[tuple[torch.Tensor, torch.Tensor]], x: torch.Tensor, a: torch.Tensor, spans: Spans,
              rank: int) -> None:
    """`add_products` where all spans have one length, in few operations: a step of writing has hundreds of them."""
    count, longest = len(spans.ends), spans.longest
    low = torch.bmm(x.view(count, longest, -1), a).mul_(spans.scale.view(count, longest, 1))
    for place, (out, b) in enumerate(outs):
        own = low if len(outs) == 1 else low[:, :, place * rank : (place + 1) * rank]
        out[: spans.tokens].view(count, longest, -1).baddbmm_(own, b)
