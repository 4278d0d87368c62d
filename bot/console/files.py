"""Finds the files that a typed line names, so that `use my.csv` hands the file over as an attachment would."""

from __future__ import annotations

import re
from pathlib import Path

from bot.utterance import Attachment

ENDINGS = ("csv", "tsv", "txt", "xlsx", "json", "jsonl")
MAX_BYTES = 64_000_000
"""More than the data room takes: it says the limit in words; this only bounds what is read."""

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


def attachment_of(path: Path) -> Attachment:
    """Promises the file as an attachment, bounded. Raises OSError when it cannot be read."""
    with path.open("rb") as file:
        return Attachment(name=path.name, content=file.read(MAX_BYTES))
