"""Finds the files that a typed line names, so that `use my.csv` hands the file over as an attachment would."""

from __future__ import annotations

import re
from pathlib import Path

from bot.utterance import Attachment

READ = ("csv", "tsv", "tab", "txt", "xlsx", "xlsm", "json", "jsonl", "ndjson")
REFUSED = ("xls", "ods", "pdf", "doc", "docx", "png", "jpg", "jpeg", "gif", "zip", "gz", "7z", "parquet")
"""Handed over all the same: the data room says what to do instead."""
ENDINGS = (*READ, *REFUSED)
READ_BYTES = 50_000_000
"""What the data room takes (tuner.data.table.MAX_BYTES)."""
MAX_BYTES = 64_000_000
"""Up to here the data room says in words that a file is too large; a larger one is not even read."""

_NEAR = 5
"""Files beside the missing one that are named."""
_QUOTED = re.compile(r"[\"'「『“]([^\"'」』”]{1,400})[\"'」』”]")
_BARE = re.compile(rf"\S{{1,400}}?\.(?:{'|'.join(ENDINGS)})(?![A-Za-z0-9_])", re.IGNORECASE)


def named_file(text: str, folder: Path) -> Path | None:
    """Promises the first existing file with a known ending that `text` names; relative names start at `folder`."""
    for name in (*_QUOTED.findall(text), *_words_with_ending(text)):
        if not name.lower().endswith(tuple(f".{ending}" for ending in ENDINGS)):
            continue
        path: Path = (folder / name).expanduser()
        try:
            if path.is_file():
                return path
        except OSError:
            continue
    return None


def _words_with_ending(text: str) -> list[str]:
    """Bare words that end like a data file; in Japanese a particle may stand right before or behind the name."""
    found = []
    for word in _BARE.findall(text):
        found.append(word)
        found += [
            word[start:] for start in range(1, len(word)) if not word[start - 1].isascii() and word[start].isascii()
        ]
    spaced = text.strip()
    for ending in ENDINGS:
        at = spaced.lower().find(f".{ending}")
        if at > 0:
            words = spaced[: at + len(ending) + 1].split(" ")
            found += [" ".join(words[start:]) for start in range(len(words))]
    return found


class NoFile(Exception):
    """A line names a file that cannot be handed over; `key` names its sentence in prompts/<language>/console.toml."""

    def __init__(self, key: str, path: Path, reason: str = "", near: tuple[str, ...] = (), size: int = 0) -> None:
        super().__init__(key, path)
        self.key = key
        self.facts = {
            "name": path.name,
            "folder": str(path.parent),
            "reason": reason,
            "near": list(near),
            "size": size,
            "most": READ_BYTES,
        }


def attachment_of(path: Path) -> Attachment:
    """Promises the file as an attachment, bounded. Raises NoFile when it cannot be read, or is larger than that."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise NoFile("too_large", path, size=size)
        with path.open("rb") as file:
            return Attachment(name=path.name, content=file.read(MAX_BYTES))
    except OSError as error:
        raise NoFile("cannot_read", path, error.strerror or "") from error


def missing_file(name: str, folder: Path) -> None:
    """Raises NoFile when `name` looks like a data file and there is none of that name: a folder, or nothing at all."""
    if not name.lower().endswith(tuple(f".{ending}" for ending in ENDINGS)):
        return
    path = folder / name
    near: tuple[str, ...] = ()
    try:
        path = path.expanduser()
        if path.is_dir():
            raise NoFile("is_a_folder", path)
        beside = (one.name for one in path.parent.iterdir() if one.suffix[1:].lower() in READ and one.is_file())
        near = tuple(sorted(beside)[:_NEAR])
    except (OSError, RuntimeError):
        pass  # the folder above is missing as well, or may not be read
    raise NoFile("no_such_file", path, near=near)
