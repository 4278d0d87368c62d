"""Random PEFT adapters that really change what a tiny model says. For tests only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def save_adapter(
    base: Path, folder: Path, *, seed: int, rank: int = 4, targets: Sequence[str] = ("q_proj", "v_proj"),
    alpha: int | None = None, **unusual: Any
) -> Path:
    """Writes an adapter with plain peft; the same arguments, the same weights."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
            LoraConfig(task_type="CAUSAL_LM", r=rank, lora_alpha=alpha or 4 * rank,
                       target_modules=list(targets), **unusual),
        )
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.3)
        model.save_pretrained(folder, save_embedding_layers=False)
    return folder
