"""Writes the trained network, its tokenizer and its generation settings as one Hugging Face folder in bf16."""

import copy
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

_NEW_TOKENS = 96


def export(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes everything but the model card into ``folder``."""
    halved = copy.deepcopy(model).to(torch.bfloat16)
    halved.config._attn_implementation = "sdpa"
    halved.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=_NEW_TOKENS,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    halved.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
