"""Tiny random models in Hugging Face format, with a byte-level tokenizer made on the spot. For tests only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message.role == 'assistant' %}{{ '<|assistant|>' }}{% generation %}"
    "{{ message.content + '<|end|>' }}{% endgeneration %}{% else %}{{ '<|' + message.role + '|>' + message.content + "
    "'<|end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
SPECIAL = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "gemma", "gpt2")


def tokenizer() -> Any:
    """Bytes and five special tokens: 261 in all."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: place for place, token in enumerate((*SPECIAL, *alphabet))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens(list(SPECIAL))
    made = PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<|pad|>", eos_token="<|end|>")
    made.chat_template = CHAT_TEMPLATE
    return made


def config(family: str, **changes: Any) -> Any:
    """Two layers, width 32; weights large enough that every example gives other logits."""
    import transformers

    common = {"vocab_size": 261, "bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0, "initializer_range": 0.2}
    if family == "gpt2":
        return transformers.GPT2Config(**{**common, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256,
                                          **changes})
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256}
    kinds = {"llama": transformers.LlamaConfig, "qwen2": transformers.Qwen2Config, "qwen3": transformers.Qwen3Config,
             "mistral": transformers.MistralConfig, "gemma": transformers.GemmaConfig,
             "gemma2": transformers.Gemma2Config, "gemma3": transformers.Gemma3TextConfig,
             "mixtral": transformers.MixtralConfig}
    return kinds[family](**{**common, **shape, **changes})


def save_model(folder: Path, family: str = "llama", seed: int = 0, **changes: Any) -> Path:
    """Writes a random model of the family and its tokenizer; the same arguments, the same bytes of weights."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config(family, **changes))
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
