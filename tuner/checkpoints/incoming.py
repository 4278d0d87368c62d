"""An export of another Onsa, checked and put into this home's folders. Trusts nothing in it; knows no store.

What is taken is the adapter, its manifest and onsa.json; merged models, bases and cards stay where they are. Nothing
in an export is ever run, and no weights but safetensors are read.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tuner.checkpoints.archive import Opened, opened
from tuner.checkpoints.manifest import MANIFEST, digest, load_manifest, verify
from tuner.checkpoints.origin import base_facts
from tuner.checkpoints.package import FACTS
from tuner.checkpoints.save import publish
from tuner.problems import Problem, ProblemError

VERSION = 1
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
LIMITS = {FACTS: 64 * 1024**2, MANIFEST: 4 * 1024**2, CONFIG: 1024**2, WEIGHTS: 16 * 1024**3}
"""Files that are taken, and the bytes that each may hold."""
HEADER = 100 * 1024**2
"""Bytes that the list of tensors may have."""
MOST_TRIALS = 1_000_000
"""No search has so many; above it lie the numbers of repeats."""
PLAIN = ("auto_mapping", "megatron_config", "layer_replication", "eva_config", "corda_config", "loftq_config",
         "trainable_token_indices")
"""Fields of an adapter's configuration by which peft loads other code or changes the model's shape; Onsa sets none."""


class BaseFacts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = Field(min_length=1, max_length=200)
    origin: str
    files: dict[str, str] = Field(default_factory=dict)


class Facts(BaseModel):
    """The part of onsa.json that an import needs; the rest is passed on as it stands."""

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int
    base: BaseFacts
    plan: dict[str, Any]
    trial: dict[str, Any]
    files: dict[str, str]


def look(source: Path) -> dict[str, Any]:
    """Promises onsa.json of an export, unverified but read safely. Raises ProblemError."""
    with _readable(source) as files:
        return _facts(files)


def take_in(source: Path, into: Path, base_source: str) -> dict[str, Any]:
    """Promises a checkpoint in a folder under `into` that is named after its content, and what is known of it:
    `folder`, `sha256`, `facts`. The same export again is found and left as it is.

    Raises ProblemError for everything that keeps an export from being used, and OSError when the disk is full.
    """
    with _readable(source) as files:
        facts = _facts(files)
        into.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".import-", dir=into))
        try:
            for name in (MANIFEST, CONFIG, WEIGHTS):
                _copy(files, name, draft / name, facts["files"].get(name))
            _check_content(draft, facts, base_source)
            sha256 = digest(draft)
            folder = into / sha256[:16] / f"trial-{int(facts['trial']['number'])}"
            if not (folder / MANIFEST).is_file() or digest(folder) != sha256 or verify(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                publish(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return {"folder": str(folder), "sha256": sha256, "facts": facts}


@contextmanager
def _readable(source: Path) -> Iterator[Opened]:
    """As `opened`, with one problem for every way in which an archive can be broken."""
    try:
        with opened(source) as files:
            yield files
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
        raise ProblemError([Problem(key="import.no_zip", facts={"file": source.name})]) from error


def _facts(files: Opened) -> dict[str, Any]:
    missing = [name for name in LIMITS if name not in files]
    if missing:
        raise ProblemError([Problem(key="import.no_export", facts={"files": missing})])
    try:
        value = json.loads(files.read(FACTS, LIMITS[FACTS]))
        facts = Facts.model_validate(value)
        number = int(facts.trial["number"])
    except (ValueError, ValidationError, KeyError, TypeError, RecursionError) as error:
        raise ProblemError([Problem(key="import.bad_facts", facts={"file": FACTS})]) from error
    if facts.version > VERSION or not 0 <= number < MOST_TRIALS:
        raise ProblemError([Problem(key="import.newer", facts={"version": facts.version})])
    return dict(value)


def _copy(files: Opened, name: str, target: Path, expected: str | None) -> None:
    """Reads no byte more than was announced, and keeps only what has the sum that the export says."""
    size = files.sizes[name]
    if size > LIMITS[name]:
        raise ProblemError([Problem(key="import.too_large", facts={"file": name})])
    found, left = hashlib.sha256(), size
    with files.open(name) as source, target.open("wb") as into:
        while piece := source.read(min(1024 * 1024, left + 1)):
            left -= len(piece)
            if left < 0:
                raise ProblemError([Problem(key="import.unsafe", facts={"file": name, "why": "bomb"})])
            found.update(piece)
            into.write(piece)
    if found.hexdigest() != expected:
        raise ProblemError([Problem(key="import.changed", facts={"file": name})])


def _check_content(draft: Path, facts: dict[str, Any], base_source: str) -> None:
    """Sums, weights, configuration and base, all that is wrong with them at once."""
    problems: list[Problem] = []
    try:
        if verify(draft) or set(load_manifest(draft).files) != {CONFIG, WEIGHTS}:
            problems.append(Problem(key="import.changed", facts={"file": MANIFEST}))
    except ValueError:
        problems.append(Problem(key="import.changed", facts={"file": MANIFEST}))
    if not _is_lora(draft / CONFIG):
        problems.append(Problem(key="import.no_lora", facts={"file": CONFIG}))
    if not _is_safetensors(draft / WEIGHTS):
        problems.append(Problem(key="import.no_lora", facts={"file": WEIGHTS}))
    here = base_facts(base_source)["files"]
    said = facts["base"].get("files") or {}
    weights = [name for name in said if name.endswith(".safetensors") or name == "config.json"]
    if any(name in here and here[name] != said[name] for name in weights):
        problems.append(Problem(key="import.other_base", facts={"base": str(facts["base"]["name"])}))
    if problems:
        raise ProblemError(problems)


def _is_lora(path: Path) -> bool:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    if not isinstance(config, dict) or config.get("peft_type") != "LORA" or config.get("task_type") != "CAUSAL_LM":
        return False
    return not any(config.get(name) for name in PLAIN) and isinstance(config.get("r"), int)


def _is_safetensors(path: Path) -> bool:
    """True for a file whose header fits its size and names LoRA weights only. Reads the header, no weights."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = int.from_bytes(head, "little")
        if len(head) < 8 or not 2 <= length <= min(HEADER, size - 8):
            return False
        try:
            header = json.loads(file.read(length))
            tensors = {name: value for name, value in header.items() if name != "__metadata__"}
            ends = [int(value["data_offsets"][1]) for value in tensors.values()]
        except (ValueError, AttributeError, KeyError, TypeError, IndexError, RecursionError):
            return False
    return bool(tensors) and all("lora_" in name for name in tensors) and max(ends) == size - 8 - length
