"""The network's loss on packed rows, and the attention that makes it fast on a CPU."""

from typing import Any

import torch
from torch.nn import functional
from transformers import LlamaForCausalLM

from tuner.embedded.packing import IGNORED, Batch


def fp32_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Masked attention in fp32: on a CPU its bf16 backward is several times slower.

    query, key, value: (rows, heads, length, width); the answer: (rows, length, heads, width).
    """
    with torch.autocast("cpu", enabled=False):
        mixed = functional.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=mask, scale=scaling
        )
    return mixed.transpose(1, 2), None


def answer_loss(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Mean cross entropy of the answer tokens; logits are made for these alone."""
    hidden = model.model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).last_hidden_state
    learnt = batch.targets != IGNORED
    logits = functional.linear(hidden[learnt], model.lm_head.weight)
    return functional.cross_entropy(logits.float(), batch.targets[learnt])
