"""Logits at the answer tokens only: the vocabulary head is most of the memory and half of the time of a small model.

Two layouts give the same numbers: `packed` (no padding) and `padded` (any causal model). `choose_layout` finds out by
trying which one a model supports. Training and evaluation share this code, so that both mean the same loss.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import torch

from tuner.data.render import Encoded
from tuner.evaluate.late import last_feedforward, only_at
from tuner.evaluate.packing import Packed, pack, packed_attention

Layout = Literal["packed", "padded"]

log = logging.getLogger(__name__)


@contextmanager
def laid_out(model: Any, layout: Layout) -> Iterator[None]:
    """Opens what `answer_logits` needs for `layout`; generation belongs outside."""
    with packed_attention(model) if layout == "packed" else nullcontext():
        yield


def answer_logits(model: Any, batch: Packed, layout: Layout) -> torch.Tensor:
    """Promises (answers, vocabulary) in the model's own dtype, in the order of `batch.targets`.

    Call inside `laid_out(model, layout)`. No cache is built.
    """
    if layout == "packed":
        late = None if torch.is_grad_enabled() else last_feedforward(model)
        with nullcontext() if late is None else only_at(late[1], batch.predictors):
            out = model(input_ids=batch.ids, position_ids=batch.positions, use_cache=False,
                        logits_to_keep=batch.predictors, rows=batch.rows)
        return out.logits[0]
    ids, mask = _pad(batch)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    return logits.flatten(0, 1).index_select(0, batch.rows.gather.index_select(0, batch.predictors))


def _pad(batch: Packed) -> tuple[torch.Tensor, torch.Tensor]:
    """(examples, longest) ids and mask, padding at the end; the padding's id is never looked at."""
    shape = (batch.rows.count, batch.rows.longest)
    ids = batch.ids[0].index_select(0, batch.rows.spread).view(shape)
    lengths = torch.tensor(batch.lengths, device=ids.device)
    mask = torch.arange(shape[1], device=ids.device)[None, :] < lengths[:, None]
    return ids, mask.to(torch.int64)


def choose_layout(model: Any, vocabulary: int) -> Layout:
    """Promises `packed` only when the model, tried on two short examples, gives the padded layout's logits in it."""
    parameters = inspect.signature(model.forward).parameters
    if not {"position_ids", "logits_to_keep"} <= parameters.keys():
        return "padded"
    probes = [_probe(5, 3, vocabulary), _probe(9, 5, vocabulary)]
    batch = pack(probes, next(model.parameters()).device)
    with torch.no_grad():
        expected = answer_logits(model, batch, "padded").float()
    try:
        with torch.no_grad(), laid_out(model, "packed"):
            got = answer_logits(model, batch, "packed").float()
    except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
        log.info("the model takes no packed rows (%s): padding instead", error)
        return "padded"
    tolerance = 1e-3 if next(model.parameters()).dtype == torch.float32 else 5e-2
    scale = expected.norm().clamp_min(1e-6)
    same = got.shape == expected.shape and bool((got - expected).norm() / scale < tolerance)
    return "packed" if same else "padded"


def _probe(length: int, stride: int, vocabulary: int) -> Encoded:
    ids = [(7 + stride * place) % vocabulary for place in range(length)]
    return Encoded(ids=ids, learn=[place > 0 for place in range(length)], cut=False)
