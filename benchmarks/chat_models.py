"""Random models and checkpoints of a given shape for benchmarks.chat, as folders that transformers and peft read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tuner.embedded import model_path

RANK = 16
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json")
SHAPES: dict[str, dict[str, Any]] = {
    # SmolLM2-135M's: 106 million weights beside the embeddings.
    "100m": {"hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
             "num_key_value_heads": 3, "vocab_size": 49152},
    "qwen2.5-0.5b": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
                     "num_key_value_heads": 2, "vocab_size": 151936},
    "tiny": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": 4096},
}


def base_model(shape: str, folder: Path) -> Path:
    """Promises the embedded model for `embedded`, else random weights of the shape with the embedded tokenizer."""
    if shape == "embedded":
        return model_path()
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config

    torch.manual_seed(0)
    common = {"max_position_embeddings": 4096, "tie_word_embeddings": True, "pad_token_id": 0, "bos_token_id": None,
              "eos_token_id": 1}
    kind: Any = Qwen2Config if shape.startswith("qwen") else LlamaConfig
    model: Any = AutoModelForCausalLM.from_config(kind(**common, **SHAPES[shape]))
    model.save_pretrained(folder)
    for name in _TOKENIZER:
        if (model_path() / name).is_file():
            shutil.copy(model_path() / name, folder / name)
    return folder


def checkpoints(base: Path, folder: Path, count: int) -> list[Path]:
    """Promises so many adapters of rank 16 on all linear layers; their files are one file under several names."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM

    from tuner.train.targets import target_names

    torch.manual_seed(1)
    model: Any = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    names = target_names(model, "all")
    weights = {}
    for name in names:
        layer = model.get_submodule(name)
        weights[f"base_model.model.{name}.lora_A.weight"] = torch.randn(RANK, layer.in_features) * 0.02
        weights[f"base_model.model.{name}.lora_B.weight"] = torch.randn(layer.out_features, RANK) * 0.02
    folder.mkdir()
    save_file(weights, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": RANK, "lora_alpha": 2 * RANK, "lora_dropout": 0.0,
              "target_modules": sorted({name.rsplit(".", 1)[1] for name in names}), "bias": "none",
              "base_model_name_or_path": str(base)}
    made = []
    for place in range(count):
        one = folder / str(place)
        one.mkdir()
        (one / "adapter_model.safetensors").hardlink_to(folder / "adapter_model.safetensors")
        (one / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
        made.append(one)
    return made
