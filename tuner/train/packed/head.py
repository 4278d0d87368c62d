"""The vocabulary head and its loss, a chunk of answer tokens at a time. Knows no slots and no model.

Logits of all answer tokens together would be most of a step's memory. The head is frozen, so the gradient of the
hidden states can be had on the spot and the logits forgotten.
"""

from __future__ import annotations

from typing import Any

import torch

LOGITS_AT_ONCE = 2**21
"""Answer tokens times vocabulary of one chunk."""


class HeadLoss(torch.autograd.Function):
    """hidden: (answers, width); weight: (vocabulary, width); bias: (vocabulary,) or None; targets: (answers,) int64;
    smoothing: (answers,), each token's own label smoothing.

    Gives each token's cross-entropy in nats, (answers,), in fp32 at least. With smoothing e it is (1 - e) times that of
    the target plus e times the mean over the vocabulary, as `torch.nn.functional.cross_entropy` defines it.
    """

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None,
                targets: torch.Tensor, smoothing: torch.Tensor) -> torch.Tensor:
        exact = torch.promote_types(hidden.dtype, torch.float32)
        losses = torch.empty(hidden.shape[0], dtype=exact, device=hidden.device)
        grads = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        size = max(1, LOGITS_AT_ONCE // weight.shape[0])
        for start in range(0, hidden.shape[0], size):
            chunk = slice(start, start + size)
            logits = torch.nn.functional.linear(hidden[chunk], weight, bias).to(exact)
            target, smooth = targets[chunk, None], smoothing[chunk, None].to(exact)
            log_sum = logits.logsumexp(1, keepdim=True)
            hit = log_sum - logits.gather(1, target)
            losses[chunk] = ((1 - smooth) * hit + smooth * (log_sum - logits.mean(1, keepdim=True)))[:, 0]
            if grads is not None:
                soft = logits.sub_(log_sum).exp_().sub_(smooth / weight.shape[0])
                soft.scatter_add_(1, target, smooth - 1)
                grads[chunk] = soft.to(hidden.dtype) @ weight
        ctx.save_for_backward(grads)
        return losses

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        [grads] = ctx.saved_tensors
        return grads * grad[:, None].to(grads.dtype), None, None, None, None
