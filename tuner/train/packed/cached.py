"""Attention over kept keys and values: requests that write one token each, and pieces of prompts, in one stream.

The sibling of `attention` for writing answers. A request's keys and values lie in a row of its own; rows that are
shorter than the longest are masked, and what lies behind their end must be finite.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from tuner.evaluate.packing import attending

CACHED_ATTENTION = "onsa_cached"


@dataclass(slots=True, kw_only=True)
class Row:
    """Requests of one token each, whose keys and values lie in the rows of one store."""

    tokens: torch.Tensor | None
    """(requests,) int64: each row's token of the stream, in the order of the rows; None: it is all of the stream, in
    this order."""
    store: torch.Tensor
    """(layers, 2, rows, heads, longest, width): keys and values. There are at least as many rows as
    requests."""
    rows: torch.Tensor
    """(requests,) int64: 0, 1, 2, ..."""
    at: torch.Tensor
    """(requests,) int64: the place of each one's new token."""
    is_even: bool
    """True when all stand at the last place of the store's view."""
    masks: dict[int | None, torch.Tensor | None] = field(default_factory=dict)

    def mask(self, window: int | None, like: torch.Tensor) -> torch.Tensor | None:
        """(requests, 1, 1, longest): 0 where a request looks, -inf elsewhere; None when all look everywhere."""
        if window not in self.masks:
            longest = self.store.shape[4]
            self.masks[window] = None if self.is_even and (window is None or longest <= window) else _added(
                torch.arange(longest, device=like.device)[None], self.at[:, None], window, like)[:, None, None]
        return self.masks[window]


@dataclass(slots=True, kw_only=True)
class Chunk:
    """A piece of one prompt; what came before it is kept."""

    start: int
    end: int
    store: torch.Tensor
    """(layers, 2, heads, longest, width)"""
    held: int
    """Tokens kept before this piece."""
    masks: dict[int | None, torch.Tensor | None] = field(default_factory=dict)

    def mask(self, window: int | None, like: torch.Tensor) -> torch.Tensor | None:
        """(tokens, held + tokens); None when plain causal attention does the same."""
        if window not in self.masks:
            seen = self.held + self.end - self.start
            if not self.held and (window is None or seen <= window):
                self.masks[window] = None
            else:
                place = torch.arange(seen, device=like.device)
                self.masks[window] = _added(place[None], place[self.held :, None], window, like)
        return self.masks[window]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Where the keys and values of a stream's tokens go, and what each token looks at."""

    rows: tuple[Row, ...] = ()
    chunks: tuple[Chunk, ...] = ()


def cached_attention(model: Any) -> AbstractContextManager[None]:
    """While open, `model` attends to what is kept; `held` must be given to its forward, and no cache of its own."""
    return attending(model, CACHED_ATTENTION)


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    attention_mask: torch.Tensor | None, dropout: float = 0.0, scaling: float | None = None,
    sliding_window: int | None = None, held: Held | None = None, **others: Any,
) -> tuple[torch.Tensor, None]:
    """query: (1, heads, tokens, width); key and value may have fewer heads. Gives (1, tokens, heads, width)."""
    if held is None:
        raise ValueError("cached attention needs `held`, got None: the model does not pass it on")
    strange = [name for name in ("softcap", "position_bias", "s_aux") if others.get(name) is not None]
    if strange or attention_mask is not None:
        raise ValueError(f"cached attention knows no mask, soft cap, bias or sink, got {strange or 'a mask'}")
    layer = int(module.layer_idx)
    near, seen, told = (part[0].transpose(0, 1) for part in (query, key, value))  # (tokens, heads, width)
    out = torch.empty(near.shape, dtype=near.dtype, device=near.device)
    for row in held.rows:
        one, two, three = (part if row.tokens is None else part.index_select(0, row.tokens)
                           for part in (near, seen, told))
        found = _rows(one, two, three, row, layer, sliding_window, scaling)
        out = found if row.tokens is None else out.index_copy_(0, row.tokens, found)
    for chunk in held.chunks:
        out[chunk.start : chunk.end] = _chunk(near, seen, told, chunk, layer, sliding_window, scaling)
    return out[None], None


def _rows(near: torch.Tensor, seen: torch.Tensor, told: torch.Tensor, row: Row, layer: int, window: int | None,
          scaling: float | None) -> torch.Tensor:
    """near: (requests, heads, width); seen and told may have fewer heads. Gives (requests, heads, width).

    Query heads that share a key head stand beside each other, as if they were several tokens of it.
    """
    keys, values = row.store[layer]
    keys[row.rows, :, row.at] = seen
    values[row.rows, :, row.at] = told
    count, heads, width = near.shape[0], keys.shape[1], keys.shape[3]
    own = near.reshape(count, heads, -1, width)
    mask = row.mask(window, own)
    out = scaled_dot_product_attention(
        own, keys[:count], values[:count], scale=scaling,
        attn_mask=None if mask is None else mask.expand(count, heads, own.shape[2], mask.shape[3]))
    return out.reshape(count, -1, width)


def _chunk(near: torch.Tensor, seen: torch.Tensor, told: torch.Tensor, chunk: Chunk, layer: int, window: int | None,
           scaling: float | None) -> torch.Tensor:
    upto = chunk.held + chunk.end - chunk.start
    keys, values = chunk.store[layer]
    keys[:, chunk.held : upto] = seen[chunk.start : chunk.end].transpose(0, 1)
    values[:, chunk.held : upto] = told[chunk.start : chunk.end].transpose(0, 1)
    own = near[chunk.start : chunk.end].transpose(0, 1)[None]
    mask = chunk.mask(window, own)
    out = scaled_dot_product_attention(
        own, keys[None, :, :upto], values[None, :, :upto], scale=scaling,
        attn_mask=mask, is_causal=mask is None, enable_gqa=own.shape[1] != keys.shape[0])
    return out[0].transpose(0, 1)


def _added(place: torch.Tensor, own: torch.Tensor, window: int | None, like: torch.Tensor) -> torch.Tensor:
    """What to add to the scores of keys at `place` for queries at `own`."""
    hidden = place > own
    if window is not None:
        hidden |= place <= own - window
    return torch.zeros(hidden.shape, dtype=like.dtype, device=like.device).masked_fill_(hidden, -torch.inf)


AttentionInterface.register(CACHED_ATTENTION, _attend)
