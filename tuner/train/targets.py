"""Which of a model's own layers `attention`, `mlp` and `all` mean."""

from __future__ import annotations

from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from tuner.problems import Problem, ProblemError
from tuner.train.settings import Targets

_ATTENTION = frozenset({
    "q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "qkv_proj", "query_key_value", "dense", "c_attn", "q_attn",
    "Wqkv", "query", "key", "value", "in_proj", "qkv", "wq", "wk", "wv", "wo",
})
_MLP = frozenset({
    "gate_proj", "up_proj", "down_proj", "gate_up_proj", "c_fc", "fc1", "fc2", "fc_in", "fc_out", "dense_h_to_4h",
    "dense_4h_to_h", "w1", "w2", "w3", "wi", "lin1", "lin2",
})
_BLOCKS = {"attention": ("attn", "attention"), "mlp": ("mlp", "feed_forward", "ffn", "block_sparse_moe", "experts")}


def target_names(model: Any, group: Targets) -> list[str]:
    """Promises the full names of the layers to tune, in the model's order, embeddings and the head left out.

    Raises ProblemError `runner.no_layers` when the model has none that the group could mean.
    """
    heads = {id(layer) for layer in (model.get_output_embeddings(), model.get_input_embeddings()) if layer is not None}
    found: list[str] = []
    for name, layer in model.named_modules():
        if isinstance(layer, torch.nn.Linear | Conv1D) and id(layer) not in heads:
            kind = _kind(name)
            if group == "all" or kind == group:
                found.append(name)
    if not found:
        raise ProblemError([Problem(key="runner.no_layers", facts={"model": model.config.model_type, "group": group})])
    return found


def _kind(name: str) -> Targets | None:
    """`attention` or `mlp` by the block that a layer stands in, else by its own name; None when neither tells."""
    *blocks, last = name.split(".")
    for block in reversed(blocks):
        for kind, words in _BLOCKS.items():
            if any(word in block.lower() for word in words):
                return kind  # type: ignore[return-value]
    if last in _ATTENTION:
        return "attention"
    return "mlp" if last in _MLP else None
