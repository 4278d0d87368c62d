"""A folder as one zip file, the same bytes at every call, and a zip of somebody else's read without trusting it."""

from __future__ import annotations

import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from tuner.problems import Problem, ProblemError

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: when it was packed says nothing about what is in it."""
STORED = (".safetensors", ".gguf")
"""Weights hardly shrink; packing them would take minutes."""
MOST_FILES = 2000
MOST_BYTES = 200 * 1024**3
GROWS = 200
"""Times a file may be larger unpacked than packed, above `SMALL` bytes."""
SMALL = 1024 * 1024
CODE = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz", ".py", ".so", ".dll",
                  ".pyc", ".h5", ".msgpack"})
"""Endings of files that can run something when they are opened, or that no export holds."""


def write_zip(folder: Path, target: Path) -> None:
    """Promises `target`, whole or not at all: the folder's files under the folder's name, in order. Raises OSError."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            with zipfile.ZipFile(file, "w", strict_timestamps=True) as archive:
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    _add(archive, path, f"{target.stem}/{path.relative_to(folder).as_posix()}")
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o644)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, EARLIEST)
    entry.compress_type = zipfile.ZIP_STORED if path.suffix in STORED else zipfile.ZIP_DEFLATED
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.create_system = 3  # Unix, also where Windows packs it
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=path.stat().st_size >= 2**31 - 1) as into:
        while piece := source.read(1024 * 1024):
            into.write(piece)


class Opened:
    """What somebody gave, looked at but not unpacked: files by their name inside, as they may be read."""

    def __init__(self, sizes: Mapping[str, int], opens: Mapping[str, object], archive: zipfile.ZipFile | None) -> None:
        self.sizes = sizes
        self._opens = opens
        self._archive = archive

    def __contains__(self, name: str) -> bool:
        return name in self.sizes

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Raises KeyError for a file that is not there, OSError or zipfile.BadZipFile for one that cannot be read."""
        inner = self._opens[name]
        if self._archive is None:
            with Path(str(inner)).open("rb") as file:
                yield file
        else:
            with self._archive.open(str(inner)) as packed:
                yield packed

    def read(self, name: str, limit: int) -> bytes:
        """At most `limit` bytes. Raises ProblemError for a file that holds more."""
        with self.open(name) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise ProblemError([Problem(key="import.too_large", facts={"file": name})])
        return content


@contextmanager
def opened(source: Path) -> Iterator[Opened]:
    """Promises the files of a folder or a zip, a single folder around them taken away.

    Raises ProblemError for what is no such thing, and for names that lead outside, links, two files of one name,
    files that can run code, and archives that grow out of all proportion.
    """
    if source.is_dir():
        yield _of_folder(source)
        return
    if not source.is_file():
        raise ProblemError([Problem(key="import.missing", facts={"file": source.name})])
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ProblemError([Problem(key="import.no_zip", facts={"file": source.name})]) from error
    with archive:
        yield _of_zip(archive)


def _of_folder(folder: Path) -> Opened:
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _unsafe(name, "link")
        if path.is_file():
            found[name] = path
    _check_names(found)
    return Opened({name: path.stat().st_size for name, path in found.items()}, found, None)


def _of_zip(archive: zipfile.ZipFile) -> Opened:
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _unsafe(entry.filename, "link")
        if entry.flag_bits & 1:
            raise _unsafe(entry.filename, "locked")
        if entry.is_dir():
            _check_name(entry.filename.rstrip("/"))
            continue
        if entry.filename in found:
            raise _unsafe(entry.filename, "twice")
        if entry.file_size > SMALL and entry.file_size > GROWS * max(1, entry.compress_size):
            raise _unsafe(entry.filename, "bomb")
        found[entry.filename] = entry
    _check_names(found)
    if sum(entry.file_size for entry in found.values()) > MOST_BYTES:
        raise _unsafe("", "bomb")
    top = _top(found)
    sizes = {name.removeprefix(top): entry.file_size for name, entry in found.items()}
    return Opened(sizes, {name.removeprefix(top): name for name in found}, archive)


def _top(names: Mapping[str, object]) -> str:
    """The one folder that holds everything, with its slash; empty where there is none."""
    tops = {name.partition("/")[0] for name in names if "/" in name}
    only = f"{next(iter(tops))}/" if len(tops) == 1 else ""
    return only if only and all(name.startswith(only) for name in names) else ""


def _check_names(names: Mapping[str, object]) -> None:
    if len(names) > MOST_FILES:
        raise _unsafe("", "many")
    for name in names:
        _check_name(name)
        if PurePosixPath(name).suffix.lower() in CODE:
            raise _unsafe(name, "code")


def _check_name(name: str) -> None:
    parts = name.split("/")
    if any(sign in name for sign in "\\:\x00") or any(part in ("", ".", "..") for part in parts):
        raise _unsafe(name, "outside")


def _unsafe(name: str, why: str) -> ProblemError:
    return ProblemError([Problem(key="import.unsafe", facts={"file": name[:100], "why": why})])
