"""Losses and token hits of a model on examples, answer tokens only. Knows nothing of adapters or of training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from tuner.data.render import Encoded
from tuner.evaluate.forward import Layout, answer_logits, laid_out
from tuner.evaluate.packing import Packed, pack

TOKENS_AT_ONCE = 2048
LOGITS_AT_ONCE = 2**25
"""Tokens, and tokens times vocabulary, of one forward pass of an evaluation."""


class Stopped(Exception):
    """Raised between two batches when the caller's `stop` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """Sums over answer tokens, example by example in the caller's order."""

    sums: tuple[float, ...]
    """Cross-entropy in nats."""
    tokens: tuple[int, ...]
    hits: tuple[int, ...]
    """Tokens that the model finds most likely of all."""

    @property
    def loss(self) -> float:
        """Token-weighted mean; nan when there is no answer token."""
        count = sum(self.tokens)
        return math.fsum(self.sums) / count if count else math.nan

    @property
    def perplexity(self) -> float:
        """exp(loss), at most the largest float."""
        return math.exp(min(self.loss, 700.0))

    @property
    def token_accuracy(self) -> float:
        count = sum(self.tokens)
        return sum(self.hits) / count if count else math.nan

    def means(self) -> tuple[float, ...]:
        """Mean loss of each example; 0 where it has no answer token."""
        return tuple(part / count if count else 0.0 for part, count in zip(self.sums, self.tokens, strict=True))


def never() -> bool:
    return False


def losses(model: Any, examples: Sequence[Encoded], device: torch.device, layout: Layout,
           stop: Callable[[], bool] = never, label_smoothing: float = 0.0) -> Losses:
    """Promises the losses of `examples`, computed in fp32 from the model's logits. Raises Stopped."""
    at_once = min(TOKENS_AT_ONCE, LOGITS_AT_ONCE // max(1, int(model.config.vocab_size)))
    sums, tokens, hits = ([0.0] * len(examples) for _ in range(3))
    with torch.no_grad(), laid_out(model, layout):
        for chosen in by_length([len(example.ids) for example in examples], at_once):
            if stop():
                raise Stopped
            batch = pack([examples[index] for index in chosen], device)
            if not batch.answers:
                continue
            for place, (loss, count, hit) in enumerate(_of_batch(model, batch, layout, label_smoothing)):
                sums[chosen[place]], tokens[chosen[place]], hits[chosen[place]] = loss, count, hit
    return Losses(sums=tuple(sums), tokens=tuple(int(one) for one in tokens), hits=tuple(int(one) for one in hits))


def _of_batch(model: Any, batch: Packed, layout: Layout, smoothing: float) -> Iterator[tuple[float, float, float]]:
    logits = answer_logits(model, batch, layout).float()
    each = cross_entropy(logits, batch.targets, reduction="none", label_smoothing=smoothing)
    hit = (logits.argmax(-1) == batch.targets).float()
    parts = torch.stack([each, torch.ones_like(each), hit], dim=1).double()
    out = torch.zeros(batch.rows.count, 3, dtype=torch.float64, device="cpu")
    return iter([(a, b, c) for a, b, c in out.index_add_(0, batch.owners.cpu(), parts.cpu()).tolist()])


def by_length(lengths: Sequence[int], tokens_at_once: int) -> Iterator[list[int]]:
    """Promises every index once, shortest first, in groups whose padded size stays within `tokens_at_once`."""
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda one: (lengths[one], one)):
        if group and lengths[index] * (len(group) + 1) > tokens_at_once:
            yield group
            group = []
        group.append(index)
    if group:
        yield group
