"""A checkpoint for use elsewhere: the adapter as it is, or merged into a whole model."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tuner.checkpoints.adapters import attach_saved
from tuner.checkpoints.manifest import verify
from tuner.checkpoints.save import publish
from tuner.problems import ProblemError

LARGE = 1_000_000_000
"""Weights above which a merged model in fp32 would be too big to be of use."""


def export_adapter(folder: Path, out: Path) -> None:
    """Promises a copy of a checkpoint under `out`, which must not exist. Raises ProblemError when it is damaged."""
    _check(folder, out)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=_parent(out)))
    try:
        shutil.copytree(folder, draft, dirs_exist_ok=True)
        publish(draft, out)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def export_merged(base_source: str, folder: Path, out: Path) -> None:
    """Promises under `out`, which must not exist, a model in Hugging Face format that needs no adapter, with its
    tokenizer: in fp32, or in the base's own dtype when the model has more than `LARGE` weights.

    Raises ProblemError when the checkpoint is damaged, OSError when the base is gone or the disk is full.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _check(folder, out)
    base = AutoModelForCausalLM.from_pretrained(
        base_source, trust_remote_code=False, use_safetensors=True, dtype="auto"
    )
    if base.num_parameters() <= LARGE:
        base = base.to(torch.float32)
    merged = attach_saved(base, folder).merge_and_unload(safe_merge=True)
    tokenizer = AutoTokenizer.from_pretrained(base_source, trust_remote_code=False)
    draft = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=_parent(out)))
    try:
        merged.save_pretrained(str(draft))
        tokenizer.save_pretrained(str(draft))
        publish(draft, out)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _check(folder: Path, out: Path) -> None:
    if out.exists():
        raise FileExistsError(f"the folder to write must not exist, got {out}")
    if problems := verify(folder):
        raise ProblemError(problems)


def _parent(out: Path) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    return out.parent
