"""Attention inside each example of a long stream of tokens. Knows no slots and no loss.

Attention alone works on padded copies, examples of like length together. How long an example's copy is depends on the
example alone, and its padding repeats its own last token: neither its numbers nor a NaN reach another example.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from tuner.evaluate.packing import attending

SLOT_ATTENTION = "onsa_slots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Examples of like length."""

    count: int
    longest: int
    spread: torch.Tensor
    """(count * longest,) int64: token of the stream behind each place of the padded copies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where each example's tokens lie in the stream."""

    buckets: tuple[Bucket, ...]
    gather: torch.Tensor
    """(tokens,) int64: place of each token of the stream in the padded copies of all buckets, one after the other."""


def padded_length(length: int) -> int:
    """16, 24, 32, 48, 64, 96, ...: at most half of a copy is padding, and lengths of one job fill few buckets."""
    bound = 16
    while bound < length:
        bound = bound * 3 // 2 if bound & (bound - 1) == 0 else bound * 4 // 3
    return bound


def places(lengths: Sequence[int], device: torch.device) -> Places:
    """Promises where the tokens of examples of these lengths, one after the other, lie."""
    starts = [0, *accumulate(lengths)]
    groups: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        groups.setdefault(padded_length(length), []).append(index)
    gather, buckets, base = [0] * starts[-1], [], 0
    for longest, chosen in sorted(groups.items()):
        spread: list[int] = []
        for index in chosen:
            start, length = starts[index], lengths[index]
            gather[start : start + length] = range(base + len(spread), base + len(spread) + length)
            spread += [*range(start, start + length), *[start + length - 1] * (longest - length)]
        base += len(spread)
        buckets.append(Bucket(count=len(chosen), longest=longest, spread=torch.tensor(spread, device=device)))
    return Places(buckets=tuple(buckets), gather=torch.tensor(gather, device=device))


def slot_attention(model: Any) -> AbstractContextManager[None]:
    """While open, `model` attends inside each example of a stream only; `places` must be given to its forward."""
    return attending(model, SLOT_ATTENTION)


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    attention_mask: torch.Tensor | None, dropout: float = 0.0, scaling: float | None = None,
    sliding_window: int | None = None, places: Places | None = None, **others: Any,
) -> tuple[torch.Tensor, None]:
    """query: (1, heads, tokens, width); key and value may have fewer heads. Gives (1, tokens, heads, width)."""
    if places is None:
        raise ValueError("attention over slots needs `places`, got None: the model does not pass it on")
    strange = [name for name in ("softcap", "position_bias", "s_aux") if others.get(name) is not None]
    if strange or attention_mask is not None:
        raise ValueError(f"attention over slots knows no mask, soft cap, bias or sink, got {strange or 'a mask'}")
    found = []
    for bucket in places.buckets:
        near, seen, told = (_spread(part, bucket) for part in (query, key, value))
        mask = _window(bucket.longest, sliding_window, query.device)
        out = scaled_dot_product_attention(
            near, seen, told, attn_mask=mask, dropout_p=dropout, is_causal=mask is None, scale=scaling,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        found.append(out.transpose(1, 2).reshape(bucket.count * bucket.longest, out.shape[1], out.shape[3]))
    return torch.cat(found).index_select(0, places.gather)[None], None


def _spread(part: torch.Tensor, bucket: Bucket) -> torch.Tensor:
    """(1, heads, tokens, width) -> (examples, heads, longest, width)."""
    heads, width = part.shape[1], part.shape[3]
    flat = part[0].transpose(0, 1).index_select(0, bucket.spread)
    return flat.view(bucket.count, bucket.longest, heads, width).transpose(1, 2)


def _window(longest: int, sliding_window: int | None, device: torch.device) -> torch.Tensor | None:
    """A causal mask that looks back `sliding_window` tokens; None when plain causal attention does the same."""
    if sliding_window is None or longest <= sliding_window:
        return None
    place = torch.arange(longest, device=device)
    back = place[:, None] - place[None, :]
    return (back >= 0) & (back < sliding_window)


AttentionInterface.register(SLOT_ATTENTION, _attend)
