"""Chooses the next token. Knows torch, no model."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import torch
from torch import Tensor


class Sampler:
    """One answer's way of choosing; its random numbers are its own, so that no neighbour changes them."""

    def __init__(self, *, temperature: float, top_p: float, seed: int | None, repetition_penalty: float = 1.0) -> None:
        self._temperature = temperature
        self._top_p = top_p
        self._penalty = repetition_penalty
        self._random = torch.Generator(device="cpu")
        self._random.manual_seed(secrets.randbits(63) if seed is None else seed)

    def choose(self, logits: Tensor, before: Sequence[int]) -> int:
        """Promises a token id. `logits: (vocabulary,)`, any dtype and device; `before`: prompt and answer so far.

        Raises FloatingPointError when the model gave no usable numbers.
        """
        scores = logits.float().cpu()
        if not torch.isfinite(scores.max()):
            raise FloatingPointError("a model's largest logit must be finite")
        if self._penalty != 1.0:
            scores = _penalised(scores, before, self._penalty)
        if self._temperature == 0.0:
            return int(scores.argmax())
        shares = torch.softmax((scores - scores.max()) / self._temperature, dim=-1)
        if self._top_p < 1.0:
            shares = _nucleus(shares, self._top_p)
        return int(torch.multinomial(shares, 1, generator=self._random))


def _nucleus(shares: Tensor, top_p: float) -> Tensor:
    """Keeps the likeliest tokens that together reach `top_p`; at least one."""
    ordered, order = shares.sort(descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = torch.where(before < top_p, ordered, torch.zeros_like(ordered))
    return torch.zeros_like(shares).scatter(0, order, kept)


def _penalised(scores: Tensor, before: Sequence[int], penalty: float) -> Tensor:
    """Makes tokens that occurred less likely, as Hugging Face's `repetition_penalty` does."""
    seen = torch.tensor(sorted(set(before)), dtype=torch.long)
    chosen = scores[seen]
    scores = scores.clone()
    scores[seen] = torch.where(chosen < 0, chosen * penalty, chosen / penalty)
    return scores
