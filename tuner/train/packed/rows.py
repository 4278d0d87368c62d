"""The slots' products while answers are written: one token a request, no gradient, and no loop over requests.

The adapters in use stand one below the other, (rows, in) and (rows, out), ranks unpadded. One product with all of
their rows and one back serve every request at once; in between, what is not a request's own row is set to 0 (set, not
multiplied: an infinity of a stranger's row must not become a NaN). Each adapter is read once a step, as it would be
alone, and however many there are, a layer's work is the same few operations. Pieces of prompts, many tokens of one
slot, take that slot's rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import torch

from tuner.train.packed.layers import plain
from tuner.train.packed.stack import Weights

Owner = int
"""Number of an adapter; requests of NOBODY use the untouched model."""
NOBODY: Owner = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One layer's adapters, one below the other."""

    down: torch.Tensor
    """(in, rows): every A, transposed."""
    up: torch.Tensor
    """(rows, out): every B, transposed, times alpha / rank."""
    spans: Mapping[Owner, slice]
    """Whose rows are where."""
    kind: int
    """The same for layers with the same spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Tokens start:end of the stream, all of one owner."""

    owner: Owner
    start: int
    end: int


@dataclass(slots=True, kw_only=True)
class Desk:
    """What the layers look at while the model runs. Set it before each forward."""

    blocks: Mapping[str, Block] = field(default_factory=dict)
    singles: int = 0
    """So many tokens at the start of the stream are requests of one token."""
    strange: Mapping[int, torch.Tensor | None] = field(default_factory=dict)
    """By kind, (singles, rows) bool: rows that are not the request's own; None when all are."""
    pieces: Sequence[Piece] = ()


def stacked(adapters: Mapping[Owner, Mapping[str, tuple[torch.Tensor, torch.Tensor]]],
            names: Sequence[str]) -> dict[str, Block]:
    """Promises the blocks of the layers that some adapter tunes. `adapters`: as `prepared` made them."""
    found: dict[str, Block] = {}
    kinds: dict[tuple[tuple[Owner, int], ...], int] = {}
    for name in names:
        own = [(owner, *weights[name]) for owner, weights in adapters.items() if name in weights]
        if not own:
            continue
        ends = list(accumulate(down.shape[0] for _, down, _ in own))
        spans = {owner: slice(end - down.shape[0], end) for (owner, down, _), end in zip(own, ends, strict=True)}
        kind = kinds.setdefault(tuple((owner, part.stop) for owner, part in spans.items()), len(kinds))
        found[name] = Block(down=torch.cat([down for _, down, _ in own]).t(), up=torch.cat([up for *_, up in own]),
                            spans=spans, kind=kind)
    return found


def prepared(weights: Weights, scale: float, dtype: torch.dtype,
             device: torch.device) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Promises A (rank, in) and Bᵀ (rank, out) times `scale`. Raises ValueError for numbers that are none."""
    found = {}
    for name, (a, b) in weights.items():
        down, up = a.to(device, dtype), (b.t() * scale).to(device, dtype).contiguous()
        if not (torch.isfinite(down).all() and torch.isfinite(up).all()):
            raise ValueError(f"an adapter's weights must be finite, those of {name} are not")
        found[name] = (down.contiguous(), up)
    return found


def strangers(blocks: Mapping[str, Block], owners: Sequence[Owner],
              device: torch.device) -> dict[int, torch.Tensor | None]:
    """Promises `Desk.strange` for requests of these owners, in order."""
    found: dict[int, torch.Tensor | None] = {}
    wanted = torch.tensor(owners, device=device)[:, None]
    for kind, spans in {block.kind: block.spans for block in blocks.values()}.items():
        if len(spans) == 1 and all(owner in spans for owner in owners):
            found[kind] = None
            continue
        whose = [owner for owner, part in spans.items() for _ in range(part.start, part.stop)]
        found[kind] = torch.tensor(whose, device=device) != wanted
    return found


@contextmanager
def row_routed(model: Any, names: Sequence[str], desk: Desk) -> Iterator[None]:
    """While open, the named layers add what `desk` says, without gradients; the model itself is left as it is."""
    changed = [(model.get_submodule(name), name) for name in names]
    for layer, name in changed:
        layer.forward = _Forward(layer, name, desk)
    try:
        yield
    finally:
        for layer, _ in changed:
            del layer.forward


class _Forward:
    def __init__(self, layer: Any, name: str, desk: Desk) -> None:
        self.weight, self.bias = plain(layer)
        self.name, self.desk = name, desk

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.nn.functional.linear(x, self.weight, self.bias)
        block = self.desk.blocks.get(self.name)
        if block is not None:
            _add(out.view(-1, out.shape[-1]), x.reshape(-1, x.shape[-1]), block, self.desk)
        return out


def _add(out: torch.Tensor, x: torch.Tensor, block: Block, desk: Desk) -> None:
    """x: (tokens, in); adds to out: (tokens, out)."""
    if desk.singles:
        low = x[: desk.singles] @ block.down
        strange = desk.strange[block.kind]
        if strange is not None:
            low.masked_fill_(strange, 0.0)
        out[: desk.singles].addmm_(low, block.up)
    for piece in desk.pieces:
        own = block.spans.get(piece.owner)
        if own is not None:
            low = x[piece.start : piece.end] @ block.down[:, own]
            out[piece.start : piece.end].addmm_(low, block.up[own])
