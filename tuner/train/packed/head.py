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
    smoothing: (answers,), each token's own label smoothing, or None without any.

    Gives each token's cross-entropy in nats, (answers,), in fp32 at least. With smoothing e it is (1 - e) times that of
    the target plus e times the mean over the vocabulary, as `torch.nn.functional.cross_entropy` defines it.
    """

    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None,
                targets: torch.Tensor, smoothing: torch.Tensor | None) -> torch.Tensor:
        exact = torch.promote_types(hidden.dtype, torch.float32)
        losses = torch.empty(hidden.shape[0], dtype=exact, device=hidden.device)
        grads = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        size = max(1, LOGITS_AT_ONCE // weight.shape[0])
        for start in range(0, hidden.shape[0], size):
            chunk = slice(start, start + size)
            logits = torch.nn.functional.linear(hidden[chunk], weight, bias).to(exact)
            smooth = None if smoothing is None else smoothing[chunk, None].to(exact)
            found, soft = _softened(logits, targets[chunk, None], smooth)
            losses[chunk] = found[:, 0]
            if grads is not None:
                slope = _slope(soft, targets[chunk, None], smooth)
                grads[chunk] = slope.to(hidden.dtype) @ weight
        ctx.save_for_backward(grads)
        return losses

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[Any, ...]:
        [grads] = ctx.saved_tensors
        return grads * grad[:, None].to(grads.dtype), None, None, None, None


def _softened(logits: torch.Tensor, target: torch.Tensor,
              smooth: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """The losses, (answers, 1), and the softmax, in the place of `logits`, (answers, vocabulary).

    Less exact, or passes over memory more, are logsumexp (of 345 answers and 4,096 tokens 9 ms instead of 4, the head's
    two products left out) and log_softmax, whose sum is a plain one.
    """
    aim, most = logits.gather(1, target), logits.amax(1, keepdim=True)
    if smooth is not None:
        aim = (1 - smooth) * aim + smooth * logits.mean(1, keepdim=True)
    soft = logits.sub_(most).exp_()
    total = soft.sum(1, keepdim=True)
    return total.log().add_(most - aim), soft.div_(total)


def _slope(soft: torch.Tensor, target: torch.Tensor, smooth: torch.Tensor | None) -> torch.Tensor:
    """Of the loss in the logits, from their softmax, which it changes. soft: (answers, vocabulary); the others:
    (answers, 1)."""
    if smooth is None:
        return soft.scatter_add_(1, target, soft.new_full(target.shape, -1.0))
    return soft.sub_(smooth / soft.shape[1]).scatter_add_(1, target, smooth - 1)
