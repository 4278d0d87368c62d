"""Several examples end to end in one row without padding, and the attention that keeps them apart.

Knows no loss and no optimiser. Attention alone works on a padded copy: with padding at the end and a causal mask no
real token ever sees a padding token, so no mask has to be built.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from tuner.data.render import Encoded

PACKED_ATTENTION = "onsa_packed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Where each example's tokens lie in the row, for attention."""

    count: int
    """Examples."""
    longest: int
    """Tokens of the longest example."""
    spread: torch.Tensor
    """(count * longest,) int64: token of the row behind each place of the padded copy; padding points at token 0."""
    gather: torch.Tensor
    """(tokens,) int64: place in the padded copy of each token of the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A micro-batch as tensors on the model's device."""

    ids: torch.Tensor
    """(1, tokens) int64."""
    positions: torch.Tensor
    """(1, tokens) int64: from 0 in each example."""
    lengths: tuple[int, ...]
    """Tokens of each example."""
    predictors: torch.Tensor
    """(answers,) int64: tokens of the row whose successor is to be learnt."""
    targets: torch.Tensor
    """(answers,) int64: those successors."""
    owners: torch.Tensor
    """(answers,) int64: index of the example that each target belongs to."""
    rows: Rows

    @property
    def answers(self) -> int:
        return int(self.targets.numel())


def pack(examples: Sequence[Encoded], device: torch.device) -> Packed:
    """Promises the examples in the given order in one row. Raises ValueError when there are none."""
    if not examples:
        raise ValueError("a micro-batch holds at least one example, got none")
    ids: list[int] = []
    positions: list[int] = []
    predictors: list[int] = []
    owners: list[int] = []
    longest = max(len(example.ids) for example in examples)
    spread = [0] * (len(examples) * longest)
    gather: list[int] = []
    for index, example in enumerate(examples):
        start, length = len(ids), len(example.ids)
        ids.extend(example.ids)
        positions.extend(range(length))
        learnt = [start + place - 1 for place in range(1, length) if example.learn[place]]
        predictors.extend(learnt)
        owners.extend([index] * len(learnt))
        spread[index * longest : index * longest + length] = range(start, start + length)
        gather.extend(range(index * longest, index * longest + length))

    def tensor(values: list[int]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.int64, device=device)

    targets = tensor([ids[place + 1] for place in predictors])
    rows = Rows(count=len(examples), longest=longest, spread=tensor(spread), gather=tensor(gather))
    return Packed(
        ids=tensor(ids)[None], positions=tensor(positions)[None], predictors=tensor(predictors), targets=targets,
        lengths=tuple(len(example.ids) for example in examples), owners=tensor(owners), rows=rows,
    )


@contextmanager
def attending(model: Any, implementation: str) -> Iterator[None]:
    """While open, `model` attends as the registered `implementation` does; then as before."""
    before = model.config._attn_implementation
    model.set_attn_implementation(implementation)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def packed_attention(model: Any) -> AbstractContextManager[None]:
    """While open, `model` attends inside each example of a packed row only; `rows` must be given to its forward."""
    return attending(model, PACKED_ATTENTION)


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor,
    attention_mask: torch.Tensor | None, dropout: float = 0.0, scaling: float | None = None,
    sliding_window: int | None = None, rows: Rows | None = None, **others: Any,
) -> tuple[torch.Tensor, None]:
    """query: (1, heads, tokens, width); key and value may have fewer heads. Gives (1, tokens, heads, width)."""
    if rows is None:
        raise ValueError("packed attention needs `rows`, got None: the model does not pass it on")
    strange = [name for name in ("softcap", "position_bias", "s_aux") if others.get(name) is not None]
    if strange or attention_mask is not None:
        raise ValueError(f"packed attention knows no mask, soft cap, bias or sink, got {strange or 'a mask'}")
    query, key, value = (_spread(part, rows) for part in (query, key, value))
    mask = _window(rows.longest, sliding_window, query.device)
    out = scaled_dot_product_attention(
        query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=mask is None, scale=scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )
    flat = out.transpose(1, 2).reshape(rows.count * rows.longest, out.shape[1], out.shape[3])
    return flat.index_select(0, rows.gather)[None], None


def _spread(part: torch.Tensor, rows: Rows) -> torch.Tensor:
    """(1, heads, tokens, width) -> (examples, heads, longest, width)."""
    heads, width = part.shape[1], part.shape[3]
    flat = part[0].transpose(0, 1).index_select(0, rows.spread)
    return flat.view(rows.count, rows.longest, heads, width).transpose(1, 2)


def _window(longest: int, sliding_window: int | None, device: torch.device) -> torch.Tensor | None:
    """A causal mask that looks back `sliding_window` tokens; None when plain causal attention does the same."""
    if sliding_window is None or longest <= sliding_window:
        return None
    place = torch.arange(longest, device=device)
    back = place[:, None] - place[None, :]
    return (back >= 0) & (back < sliding_window)


AttentionInterface.register(PACKED_ATTENTION, _attend)
