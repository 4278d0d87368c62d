"""Every sentence that a person reads, by language. Holds texts only: Python chooses the key and the facts."""

from pathlib import Path


def folder() -> Path:
    """Promises the folder that holds one sub-folder a language."""
    return Path(__file__).resolve().parent
