"""Which tokens of a stream are whose, and products of each slot's tokens with its own small matrix.

Three ways, the same numbers up to rounding. `loop`: a product a span, on views. `padded`: spans padded to the longest
of them and one batched product; spans of one token each (a step of writing) need no padding. `grouped`: torch's
grouped product, on a GPU in bf16. Knows no layer and no loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal, assert_never

import torch

Way = Literal["loop", "padded", "grouped"]
SHORT = 64
"""Tokens of the longest span up to which padding beats a loop on a processor."""
PADDED = 1.8
"""Times as many tokens with padding as without, up to which it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Spans follow each other from token 0. Tokens behind the last belong to no slot."""

    ends: tuple[int, ...]
    ranks: tuple[int, ...]
    """Each slot's own rank; its rows beyond are zeros."""
    way: Way
    stops: torch.Tensor
    """(spans,) int32: `ends`"""
    scale: torch.Tensor
    """(tokens of the spans, 1): alpha / rank of each token's slot."""
    places: torch.Tensor | None
    """(tokens of the spans,) int64: place of each token in the padded copy; None when all spans have one length."""
    longest: int
    """Tokens of the longest."""

    @property
    def tokens(self) -> int:
        return self.ends[-1] if self.ends else 0

    def each(self) -> Iterator[tuple[int, int, int]]:
        """Start, end and rank of each span."""
        return zip((0, *self.ends), self.ends, self.ranks, strict=False)


def make_spans(sizes: Sequence[int], ranks: Sequence[int], scales: Sequence[float], device: torch.device,
               dtype: torch.dtype, way: Way | None = None) -> Spans:
    """Promises spans of `sizes` tokens, one after the other. `ranks` and `scales` (alpha / rank) are the slots' own;
    `dtype` is that of the products. Without `way`, the fastest that `device` and `dtype` have."""
    ends = tuple(accumulate(sizes))
    longest, counts = max(sizes, default=0), torch.tensor(sizes, dtype=torch.int64)
    chosen = way or best_way(sizes, device, dtype)
    per_token = torch.tensor([float(one) for one in scales], dtype=dtype).repeat_interleave(counts)
    places = None
    if chosen == "padded" and len(set(sizes)) > 1:
        places = torch.cat([torch.arange(size) + index * longest for index, size in enumerate(sizes)]).to(device)
    return Spans(
        longest=longest, ends=ends, ranks=tuple(ranks), way=chosen, scale=per_token[:, None].to(device), places=places,
        stops=torch.tensor(ends, dtype=torch.int32, device=device))


def best_way(sizes: Sequence[int], device: torch.device, dtype: torch.dtype) -> Way:
    """On a GPU `grouped` where torch has it in this dtype, else `padded`. On a processor `padded` for short spans that
    are not too unlike and for those of one length, else `loop`.

    Forward and backward of one layer on one core, milliseconds, loop against padded: 16 slots of 150 tokens 17.4 and
    17.0, of 60 to 240 tokens 16.2 and 27.8; of 16 to 64 tokens 2.5 and 2.4; 64 slots of 12 to 28 tokens 4.0 and 1.4.
    Forward alone, as in chat, 576 to 1536: 33 tokens beside 7 of one token 1.8 and 2.3; 8 of one token 0.7 and 0.4.
    """
    if device.type == "cuda":
        return "grouped" if dtype == torch.bfloat16 and _groups(device) else "padded"
    longest = max(sizes, default=0)
    is_short = longest <= SHORT and (longest <= 1 or len(sizes) * longest <= PADDED * sum(sizes))
    return "padded" if sizes and (is_short or min(sizes) == longest) else "loop"


@cache
def _groups(device: torch.device) -> bool:
    """Whether torch's grouped product runs on this device: an old torch or GPU may not have it."""
    try:
        part = torch.ones(16, 16, dtype=torch.bfloat16, device=device)
        torch.nn.functional.grouped_mm(part, part[None], offs=torch.tensor([16], dtype=torch.int32, device=device))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return True


def times(x: torch.Tensor, w: torch.Tensor, spans: Spans, narrow: Literal["in", "out"]) -> torch.Tensor:
    """x: (tokens, m); w: (spans, m, n). Promises (tokens of the spans, n): each span times its own matrix.

    `narrow`: the side of w that is the rank, m ("in") or n ("out").
    """
    match spans.way:
        case "loop":
            out = x.new_zeros(spans.tokens, w.shape[2])
            for own, (start, end, rank) in zip(w, spans.each(), strict=True):
                if narrow == "out":
                    torch.mm(x[start:end], own[:, :rank], out=out[start:end, :rank])
                else:
                    torch.mm(x[start:end, :rank], own[:rank], out=out[start:end])
            return out
        case "padded":
            found = torch.bmm(_padded(x, spans), w).flatten(0, 1)
            return found if spans.places is None else found.index_select(0, spans.places)
        case "grouped":
            return torch.nn.functional.grouped_mm(x[: spans.tokens], w, offs=spans.stops)
        case _:
            assert_never(spans.way)


def add_times(out: torch.Tensor, low: torch.Tensor, w: torch.Tensor, spans: Spans) -> None:
    """low: (tokens, rank); w: (spans, rank, n). Adds `times(low, w)` to the spans' tokens of `out`."""
    if spans.way == "padded" and spans.places is None:
        own = out[: spans.tokens].view(len(spans.ends), spans.longest, w.shape[2])
        own.baddbmm_(low.view(len(spans.ends), spans.longest, w.shape[1]), w)
        return
    if spans.way != "loop":
        out[: spans.tokens] += times(low, w, spans, narrow="in")
        return
    for own, (start, end, rank) in zip(w, spans.each(), strict=True):
        out[start:end].addmm_(low[start:end, :rank], own[:rank])


def outer(low: torch.Tensor, x: torch.Tensor, spans: Spans, rank: int) -> torch.Tensor:
    """low: (tokens, rank); x: (tokens, n). Promises (spans, rank, n): the sum over each span's tokens of the outer
    products."""
    match spans.way:
        case "loop":
            found = x.new_zeros(len(spans.ends), rank, x.shape[1])
            for own, (start, end, used) in zip(found, spans.each(), strict=True):
                torch.mm(low[start:end, :used].t(), x[start:end], out=own[:used])
            return found
        case "padded":
            return torch.bmm(_padded(low, spans).transpose(1, 2), _padded(x, spans))
        case "grouped":
            return torch.nn.functional.grouped_mm(low.t(), x[: spans.tokens], offs=spans.stops)
        case _:
            assert_never(spans.way)


def _padded(x: torch.Tensor, spans: Spans) -> torch.Tensor:
    """(spans, longest, m), zeros behind each span's end."""
    own, longest = x[: spans.tokens], spans.longest
    if spans.places is not None:
        own = x.new_zeros(len(spans.ends) * longest, x.shape[1]).index_copy_(0, spans.places, own)
    return own.view(len(spans.ends), longest, x.shape[1])
