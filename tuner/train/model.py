"""Loads the base model, and puts a fresh adapter on it for each trial. Knows no data and no loss."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from tuner.checkpoints.adapters import attach_new, attach_saved
from tuner.evaluate.base import Base
from tuner.evaluate.forward import choose_layout
from tuner.problems import Problem, ProblemError
from tuner.train.settings import TrialSettings
from tuner.train.targets import target_names

_SMALL = 30_000_000
"""Weights up to which the products of a step are too small to share among cores."""
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")

log = logging.getLogger(__name__)


def pick_device() -> torch.device:
    """CUDA, then MPS, then CPU, by what is there."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def pick_dtype(device: torch.device) -> torch.dtype:
    """bf16 on a GPU that computes in it, else fp32."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32


def load_base(source: str, device: torch.device | None = None) -> Base:
    """Promises the model and tokenizer of a folder or hub id, from safetensors, without running any code of theirs.

    Raises ProblemError: `runner.model_missing`, `runner.model_unsafe` (weights are pickles only),
    `runner.model_needs_code`, `runner.model_damaged` (weights are missing or cut off), `runner.model_unsupported`,
    `runner.no_memory`.
    """
    device = device or pick_device()
    facts = {"model": source}
    _refuse_pickles(source)
    _refuse_missing_shards(source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model, found = AutoModelForCausalLM.from_pretrained(
            source, trust_remote_code=False, use_safetensors=True, dtype=pick_dtype(device), output_loading_info=True
        )
        model = model.to(device)
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise ProblemError([Problem(key="runner.no_memory", facts=facts)]) from error
    except SafetensorError as error:
        raise ProblemError([Problem(key="runner.model_damaged", facts=facts)]) from error
    except (OSError, ValueError, KeyError) as error:
        raise ProblemError([Problem(key=_loading_key(error), facts=facts)]) from error
    if set(found["missing_keys"]) & {name for name, _ in model.named_parameters()}:
        # The library fills them with random numbers and goes on, and every trial would tune noise.
        raise ProblemError([Problem(key="runner.model_damaged", facts=facts)])
    model.eval().requires_grad_(False)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return Base(
        model=model, tokenizer=tokenizer, device=device, device_name=name, source=source,
        config_sha256=config_sha256(model), layout=choose_layout(model, int(model.config.vocab_size)),
        longest=int(getattr(model.config, "max_position_embeddings", None) or 4096),
    )


def is_small(base: Base) -> bool:
    """Whether the products of a step are too small to share among a processor's cores."""
    return base.device.type == "cpu" and sum(part.numel() for part in base.model.parameters()) <= _SMALL


def choose_threads(base: Base) -> None:
    """Makes torch compute a small model on a processor in one thread, unless OMP_NUM_THREADS says otherwise.

    Threads that share small products wait for each other in busy loops. Measured with the embedded model beside other
    work on two cores: 23 steps a second in one thread, 5 in two.
    """
    if is_small(base) and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def _refuse_pickles(source: str) -> None:
    folder = Path(source)
    if not folder.is_dir() or any(folder.glob("*.safetensors")):
        return
    found = sorted(path.name for pattern in _PICKLES for path in folder.glob(pattern))
    if found:
        raise ProblemError([Problem(key="runner.model_unsafe", facts={"model": source, "file": found[0]})])


def _refuse_missing_shards(source: str) -> None:
    """The transformers library would say that there are no safetensors."""
    index = Path(source) / "model.safetensors.index.json"
    if not index.is_file() or index.with_name("model.safetensors").is_file():
        return
    try:
        shards = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        lost = next((shard for shard in shards if not index.with_name(shard).is_file()), None)
    except (ValueError, KeyError, AttributeError, TypeError):
        lost = index.name
    if lost is not None:
        raise ProblemError([Problem(key="runner.model_damaged", facts={"model": source, "file": lost})])


def _loading_key(error: Exception) -> str:
    """The transformers library tells these apart by its message only."""
    text = str(error)
    if "trust_remote_code" in text:
        return "runner.model_needs_code"
    if "safetensors" in text:
        return "runner.model_unsafe"
    if isinstance(error, OSError):
        return "runner.model_missing"
    return "runner.model_unsupported"


def config_sha256(model: Any) -> str:
    """Of the configuration as the library writes it, the path it came from left out."""
    text = model.config.to_json_string(use_diff=True)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def fresh_adapter(base: Base, settings: TrialSettings) -> Iterator[Any]:
    """While open, the base carries one new LoRA adapter (a PeftModel), drawn from `settings.seed`; after it, none.

    """
    names = target_names(base.model, settings.target_modules)
    torch.manual_seed(settings.seed)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=settings.lora_rank, lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout, target_modules=names, fan_in_fan_out=_is_conv1d(base.model, names[0]),
    )
    adapted = attach_new(base.model, config)
    base.model.eval()
    try:
        yield adapted
    finally:
        adapted.unload()
        base.model.requires_grad_(False)
        base.model.eval()


@contextmanager
def saved_adapter(base: Base, folder: Path) -> Iterator[Any]:
    """While open, the base carries the adapter of a checkpoint, frozen; after it, none."""
    adapted = attach_saved(base.model, folder)
    base.model.eval()
    try:
        yield adapted
    finally:
        adapted.unload()


def _is_conv1d(model: Any, name: str) -> bool:
    """GPT-2 keeps its weights transposed."""
    return type(model.get_submodule(name)).__name__ == "Conv1D"
