"""A checkpoint for use elsewhere: the adapter without this machine's folders in it, or merged into a whole model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tuner.checkpoints.adapters import attach_saved
from tuner.checkpoints.manifest import MANIFEST, file_sha256, load_manifest

LARGE = 1_000_000_000
"""Weights above which a merged model in fp32 would be too big to be of use."""


def copy_public(folder: Path, out: Path, base_name: str) -> None:
    """Promises in `out`, which exists, the files of a sound checkpoint, its base named `base_name` wherever the
    checkpoint names the place where it lay, and a manifest with the sums of that.
    """
    manifest = load_manifest(folder)
    for name in manifest.files:
        if Path(name).name == name:
            shutil.copyfile(folder / name, out / name)
    config = json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base_name
    (out / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    files = {name: file_sha256(out / name) for name in manifest.files}
    public = manifest.model_copy(update={"base": base_name, "files": files})
    (out / MANIFEST).write_text(public.model_dump_json(indent=2) + "\n", encoding="utf-8")


def merge_into(base_source: str, folder: Path, out: Path) -> None:
    """Promises under `out` a model in Hugging Face format that needs no adapter, with its tokenizer: in fp32, or in the
    base's own dtype when the model has more than `LARGE` weights. Raises OSError: the base is gone, the disk is full.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(
        base_source, trust_remote_code=False, use_safetensors=True, dtype="auto"
    )
    if base.num_parameters() <= LARGE:
        base = base.to(torch.float32)
    merged = attach_saved(base, folder).merge_and_unload(safe_merge=True)
    merged.save_pretrained(str(out))
    AutoTokenizer.from_pretrained(base_source, trust_remote_code=False).save_pretrained(str(out))
