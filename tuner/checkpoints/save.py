"""Writes a trained adapter as an ordinary PEFT folder with a manifest, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from tuner.checkpoints.manifest import MANIFEST, Manifest, file_sha256


def save(adapted: Any, folder: Path, manifest: Manifest) -> Manifest:
    """Promises that `folder` holds `adapted`'s adapter and the manifest, on disk, when it returns.

    Whoever reads the folder sees nothing or everything, whenever the process dies. An older folder is replaced.
    Plain `PeftModel.from_pretrained(base, folder)` loads it. Raises OSError when the disk does not take it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        adapted.save_pretrained(str(draft), save_embedding_layers=False)
        (draft / "README.md").unlink(missing_ok=True)
        _sort_lists(draft / "adapter_config.json")
        files = {path.name: file_sha256(path) for path in sorted(draft.iterdir())}
        whole = manifest.model_copy(update={"files": files})
        (draft / MANIFEST).write_text(whole.model_dump_json(indent=2) + "\n", encoding="utf-8")
        publish(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return whole


def publish(draft: Path, folder: Path) -> None:
    """Promises `draft`'s files on disk under the name `folder`; an older folder of that name gives way."""
    for path in [*draft.rglob("*"), draft]:
        _sync(path)
    draft.chmod(0o755)
    old = folder.with_name(f".{folder.name}-old-{os.getpid()}")
    if folder.exists():
        folder.rename(old)
    draft.rename(folder)
    _sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def forget_drafts(folder: Path) -> list[str]:
    """Promises that under `folder` nothing is left of checkpoints that a killed process was writing; says their names.

    Call it where nobody writes there. What cannot be removed stays: it costs room and nothing else.
    """
    left = [path for path in folder.glob(".trial-*") if path.is_dir()]
    for path in left:
        shutil.rmtree(path, ignore_errors=True)
    return sorted(path.name for path in left)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sort_lists(path: Path) -> None:
    """peft writes its sets in a random order; the same trial shall give the same file."""
    config = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(config.get("target_modules"), list):
        config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
