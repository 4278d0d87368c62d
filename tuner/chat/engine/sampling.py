"""Chooses the next token of many answers at once, each by its own settings and random numbers. Knows no model."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import torch
from torch import Tensor

_DRAWN_AHEAD = 64
_LIKELY = 128
"""Tokens in which a nucleus is looked for first: sorting a whole vocabulary is dear."""


class Choice:
    """One answer's way of choosing. Its random numbers are its own: no neighbour changes them."""

    def __init__(self, *, temperature: float, top_p: float, seed: int | None, repetition_penalty: float = 1.0,
                 prompt: Sequence[int] = ()) -> None:
        """`prompt`: tokens that the repetition penalty counts from the start."""
        self.temperature = temperature
        self.top_p = top_p
        self.penalty = repetition_penalty
        self.seen: Tensor | None = None
        """(vocabulary,) bool; only where there is a penalty."""
        self._prompt = tuple(prompt)
        self._random = torch.Generator(device="cpu")
        self._random.manual_seed(secrets.randbits(63) if seed is None else seed)
        self._drawn: list[float] = []

    def draw(self) -> float:
        """The next of this answer's random numbers, from 0 to 1."""
        if not self._drawn:
            self._drawn = torch.rand(_DRAWN_AHEAD, generator=self._random, dtype=torch.float64).tolist()[::-1]
        return self._drawn.pop()

    def watch(self, scores: Tensor) -> Tensor:
        """Promises `seen` for a vocabulary like this row of scores."""
        if self.seen is None:
            self.seen = torch.zeros(scores.shape[-1], dtype=torch.bool, device=scores.device)
            self.seen[torch.tensor(self._prompt, dtype=torch.long, device=scores.device)] = True
        return self.seen


def choose(logits: Tensor, choices: Sequence[Choice]) -> list[int | None]:
    """Promises a token for each row, None for a row of numbers that are none. `logits: (answers, vocabulary)`."""
    scores = logits.float()
    punished = [at for at, choice in enumerate(choices) if choice.penalty != 1.0]
    if punished:
        scores = _penalised(scores, punished, choices)
    top = scores.amax(1)
    tokens = scores.argmax(1)
    drawn = [at for at, choice in enumerate(choices) if choice.temperature > 0.0]
    if drawn:
        rows = slice(None) if len(drawn) == len(choices) else torch.tensor(drawn, device=scores.device)
        tokens[rows] = _drawn(scores[rows], top[rows], [choices[at] for at in drawn])
    for at in punished:
        choices[at].watch(scores[at])[tokens[at]] = True
    told = torch.where(torch.isfinite(top), tokens, -1).tolist()
    return [None if token < 0 else token for token in told]


def _drawn(scores: Tensor, top: Tensor, choices: Sequence[Choice]) -> Tensor:
    """One token for each row by its temperature and nucleus: the first at which the shares up to it exceed the draw."""
    heat = torch.tensor([choice.temperature for choice in choices], device=scores.device)
    shares = torch.softmax((scores - top[:, None]) / heat[:, None], dim=1).nan_to_num_(0.0)
    narrow = [at for at, choice in enumerate(choices) if choice.top_p < 1.0]
    if narrow:
        rows = slice(None) if len(narrow) == len(choices) else torch.tensor(narrow, device=scores.device)
        shares[rows] = _nucleus(shares[rows], torch.tensor([choices[at].top_p for at in narrow], device=scores.device))
    exact = torch.float32 if scores.device.type == "mps" else torch.float64
    upto = shares.to(exact).cumsum(1)
    draws = torch.tensor([choice.draw() for choice in choices], dtype=exact, device=scores.device)
    found = torch.searchsorted(upto, (draws * upto[:, -1])[:, None], right=True)[:, 0]
    return found.clamp_(max=scores.shape[1] - 1)


def _nucleus(shares: Tensor, top_p: Tensor) -> Tensor:
    """Keeps each row's likeliest tokens that together reach its `top_p`; at least one."""
    for count in (min(_LIKELY, shares.shape[1]), shares.shape[1]):
        ordered, order = shares.topk(count, dim=1)
        before = ordered.cumsum(1) - ordered
        if count == shares.shape[1] or bool((before[:, -1] + ordered[:, -1] >= top_p).all()):
            break
    kept = torch.where(before < top_p[:, None], ordered, 0.0)
    return torch.zeros_like(shares).scatter_(1, order, kept)


def _penalised(scores: Tensor, rows: Sequence[int], choices: Sequence[Choice]) -> Tensor:
    """Makes tokens that occurred less likely, as Hugging Face's `repetition_penalty` does."""
    seen = torch.stack([choices[at].watch(scores[at]) for at in rows])
    penalty = torch.tensor([choices[at].penalty for at in rows], device=scores.device)[:, None]
    at = torch.tensor(rows, device=scores.device)
    own = scores[at]
    scores = scores.clone()
    scores[at] = torch.where(seen, torch.where(own < 0, own * penalty, own / penalty), own)
    return scores
