"""What lies beside an adapter: where it comes from, what it scored, and a sha256 of each of its files.

Knows no torch, so that the worker can check a checkpoint too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tuner.problems import Problem

MANIFEST = "onsa-manifest.json"
VERSION = 1


class Manifest(BaseModel):
    """onsa-manifest.json. Fields that a later version adds are kept, not refused."""

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int = VERSION
    base: str
    """Folder or hub id of the base model."""
    base_config_sha256: str
    """Of the base model's configuration."""
    data: str = ""
    """Id of the data set."""
    plan: str = ""
    """Hash of the plan."""
    job: int | str = ""
    trial: int
    settings: Mapping[str, Any]
    scores: Mapping[str, Any] = Field(default_factory=dict)
    """Validation scores."""
    created_at: float
    """Seconds since the epoch."""
    files: Mapping[str, str] = Field(default_factory=dict)
    """File name -> sha256."""


def file_sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def load_manifest(folder: Path) -> Manifest:
    """Promises a checkpoint's manifest. Raises FileNotFoundError, or ValueError for one that is damaged or newer."""
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except ValidationError as error:
        raise ValueError(f"{MANIFEST} must hold a manifest, got {error.error_count()} errors") from error
    if manifest.version > VERSION:
        raise ValueError(f"version <= {VERSION} must hold, got {manifest.version}")
    return manifest


def digest(folder: Path) -> str:
    """sha256 of a checkpoint as a whole: of its manifest, which holds the sha256 of every other file."""
    return file_sha256(folder / MANIFEST)


def verify(folder: Path) -> list[Problem]:
    """Promises every damage at once: `checkpoint.no_manifest`, `.bad_manifest`, `.missing_file`, `.changed_file`."""
    facts = {"folder": folder.name}
    try:
        manifest = load_manifest(folder)
    except FileNotFoundError:
        return [Problem(key="checkpoint.no_manifest", facts=facts)]
    except ValueError:
        return [Problem(key="checkpoint.bad_manifest", facts=facts)]
    problems: list[Problem] = []
    for name, expected in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            problems.append(Problem(key="checkpoint.missing_file", facts={**facts, "file": name}))
        elif file_sha256(path) != expected:
            problems.append(Problem(key="checkpoint.changed_file", facts={**facts, "file": name}))
    return problems
