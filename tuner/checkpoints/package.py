"""What people take home: the adapter, the whole model if wanted, the model card and onsa.json, as a folder or a zip.

Knows no sentence: the card comes written. What it writes names no folder of this machine.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from tuner.checkpoints.archive import write_zip
from tuner.checkpoints.export import copy_public, merge_into
from tuner.checkpoints.manifest import MANIFEST, file_sha256, verify
from tuner.checkpoints.origin import base_folder
from tuner.checkpoints.save import publish
from tuner.problems import Problem, ProblemError

FACTS = "onsa.json"
CARD = "README.md"
CONVERTER = "convert_hf_to_gguf.py"
"""llama.cpp's; its PyPI package `gguf` has the file format and no converter (looked up at 0.19.0)."""


class Order(BaseModel):
    """What to write, and where."""

    model_config = ConfigDict(frozen=True)

    adapter: Path
    """Folder of the checkpoint."""
    out: Path
    """A folder, or a file that ends in .zip."""
    base_source: str
    """Folder or hub id of the base on this machine."""
    base_name: str
    """What the base is called elsewhere: a hub id, or a bare name."""
    with_base: bool = False
    """Also the base itself, where nobody can fetch it from a hub."""
    merged: bool = False
    """Also the whole model with the adapter merged in."""
    gguf: Path | None = None
    """llama.cpp's folder: the merged model is converted by it too."""
    replace: bool = False
    """An older export gives way; one that is the same already is left as it is."""
    card: str
    facts: Mapping[str, Any]


def write_package(order: Order) -> None:
    """Promises `order.out`, whole or not at all; the same order, the same bytes.

    Raises ProblemError for a damaged checkpoint or a converter that fails, FileExistsError, and OSError when the base
    is gone or the disk is full.
    """
    if problems := verify(order.adapter):
        raise ProblemError(problems)
    is_zip = order.out.suffix == ".zip"
    if order.out.exists() and not _may_replace(order):
        raise FileExistsError(f"what is written must not exist, got {order.out}")
    if not is_zip and order.replace and _is_same(order):
        return
    order.out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{order.out.name}-", dir=order.out.parent))
    try:
        _fill(draft, order)
        if is_zip:
            write_zip(draft, order.out)
            shutil.rmtree(draft, ignore_errors=True)
        else:
            publish(draft, order.out)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _may_replace(order: Order) -> bool:
    """An empty folder counts as none."""
    return order.replace or (order.out.is_dir() and not any(order.out.iterdir()))


def _is_same(order: Order) -> bool:
    try:
        facts = json.loads((order.out / FACTS).read_text(encoding="utf-8"))
        card = (order.out / CARD).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    files = facts.pop("files", {})
    return facts == json.loads(json.dumps(dict(order.facts))) and card == order.card and all(
        (order.out / name).is_file() for name in files
    )


def _fill(draft: Path, order: Order) -> None:
    copy_public(order.adapter, draft, order.base_name)
    if order.with_base and (folder := base_folder(order.base_source)) is not None:
        (draft / "base").mkdir()
        for path in sorted(folder.iterdir()):
            if path.is_file() and path.suffix in (".json", ".jinja", ".safetensors", ".md"):
                shutil.copyfile(path, draft / "base" / path.name)
    if order.merged or order.gguf is not None:
        merge_into(order.base_source, order.adapter, draft / "merged")
    if order.gguf is not None:
        _convert(order.gguf, draft)
        if not order.merged:
            shutil.rmtree(draft / "merged")
    (draft / CARD).write_text(order.card, encoding="utf-8", newline="\n")
    names = sorted(path.relative_to(draft).as_posix() for path in draft.rglob("*") if path.is_file())
    facts = {**order.facts, "files": {name: file_sha256(draft / name) for name in names}}
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    (draft / FACTS).write_text(text + "\n", encoding="utf-8", newline="\n")


def _convert(llama: Path, draft: Path) -> None:
    """Runs llama.cpp's own converter on the merged model. Raises ProblemError with its last line."""
    script = llama / CONVERTER if llama.is_dir() else llama
    if not script.is_file():
        raise ProblemError([Problem(key="export.no_converter", facts={"file": CONVERTER})])
    out = draft / "model.gguf"
    command = [sys.executable, str(script), str(draft / "merged"), "--outfile", str(out), "--outtype", "f16"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=1800, check=False)
    if done.returncode or not out.is_file():
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise ProblemError([Problem(key="export.not_converted", facts={"said": (lines or ["?"])[-1][:300]})])


__all__ = ["CARD", "CONVERTER", "FACTS", "MANIFEST", "Order", "write_package"]
