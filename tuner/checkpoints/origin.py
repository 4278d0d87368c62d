"""What can be said of a base model without loading it: the sums of its files, its revision, its licence, and versions.

Blocking file work, no network: of a hub id only what this machine's cache holds.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from tuner.checkpoints.manifest import file_sha256

PACKAGES = ("onsa", "torch", "transformers", "peft", "safetensors", "tokenizers", "optuna", "numpy")
"""What a repetition has to have in the same version to be the same."""
_WEIGHTS = ("config.json", "*.safetensors", "tokenizer.json", "chat_template.jinja")
_FRONT = re.compile(r"\A---\r?\n(?P<front>.*?)\r?\n---\r?\n", re.DOTALL)
_LICENSE = re.compile(
    r"^(?P<key>license|license_name):[ \t]*['\"]?(?P<name>[A-Za-z0-9][\w.+-]{0,79})['\"]?[ \t]*$", re.MULTILINE
)


def base_folder(source: str) -> Path | None:
    """Promises the folder that holds the base on this machine; None for a hub id that was never fetched."""
    folder = Path(source).expanduser()
    if (folder / "config.json").is_file():
        return folder
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(source, "config.json")
    except HFValidationError:
        return None
    return Path(found).parent if isinstance(found, str) else None


def base_facts(source: str) -> dict[str, Any]:
    """Promises `files` (name -> sha256 of configuration, weights and tokenizer), `revision` (a hub commit or None) and
    `license` (what its own card says, or None)."""
    folder = base_folder(source)
    if folder is None:
        return {"files": {}, "revision": None, "license": None}
    paths = sorted({path for pattern in _WEIGHTS for path in folder.glob(pattern)})
    hub = not Path(source).expanduser().is_dir()
    return {
        "files": {path.name: file_sha256(path) for path in paths},
        "revision": folder.name if hub else None,
        "license": license_in(folder / "README.md"),
    }


def license_in(card: Path) -> str | None:
    """The licence that a model card's front matter names; None where there is none."""
    try:
        front = _FRONT.match(card.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    said = {each["key"]: each["name"] for each in _LICENSE.finditer(front["front"])} if front else {}
    return said.get("license_name", said.get("license")) if said.get("license") == "other" else said.get("license")


def versions() -> Mapping[str, str]:
    """Of Python and the packages that have a say in a run; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
