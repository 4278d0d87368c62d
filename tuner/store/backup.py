"""A home as one file, and back: the database as of one moment, the files that it speaks of, a sum of each. Blocking.

The database is copied first and the files are listed after: what a row speaks of was written before the row. Left out
is what belongs to this machine or can be made again: logs, exports, the chat server's address and the keys.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from tuner.problems import Fact, Problem, ProblemError
from tuner.store.faults import FILE_NAME

CONTENTS = "backup.json"
"""The last file in a backup: what is in it, with sums."""
FORMAT = 1
_LEFT_OUT = frozenset({"logs", "exports", "chat.json", "chat.token", "download.key", "bot.alive"})
_RESTORING = ".restoring"
_PIECE = 1 << 20
_LARGEST_CONTENTS = 256 << 20
_BUSY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What was written, or brought back."""

    files: int
    bytes: int
    missing: tuple[str, ...] = ()
    """Folders that the database speaks of and that are not there."""


def write_backup(home: Path, file: Path, now: float) -> Backup:
    """Promises `file`, whole or not at all, while a bot and workers may run on `home`.

    Raises ProblemError: there is no home, `file` exists or lies in the home, the disk is full.
    """
    if not (home / FILE_NAME).is_file():
        raise _problem("no_home", home=str(home))
    if file.exists():
        raise _problem("exists", file=str(file))
    if file.resolve().is_relative_to(home.resolve()):
        raise _problem("inside", file=str(file), home=str(home))
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".onsa-backup-", dir=file.parent) as folder:
            made = _written(home, part, Path(folder) / FILE_NAME, now)
        part.replace(file)
    except OSError as error:
        raise _problem("cannot_write", file=str(file), reason=error.strerror or str(error)) from error
    except sqlite3.Error as error:
        raise _problem("database", home=str(home), reason=str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return made


def _written(home: Path, part: Path, copy: Path, now: float) -> Backup:
    _copy_database(home / FILE_NAME, copy)
    spoken_of = _spoken_of(copy)
    files: dict[str, dict[str, Any]] = {}
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        files[FILE_NAME] = _add(archive, copy, FILE_NAME)
        for path in _files(home):
            name = path.relative_to(home).as_posix()
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile, with its rows
                files[name] = _add(archive, path, name)
        contents = {"format": FORMAT, "made_at": now, "files": files}
        archive.writestr(CONTENTS, json.dumps(contents, ensure_ascii=False, indent=0))
    with part.open("rb") as written:
        os.fsync(written.fileno())
    missing = tuple(folder for folder in spoken_of if not any(name.startswith(f"{folder}/") for name in files))
    return Backup(files=len(files), bytes=part.stat().st_size, missing=missing)


def _copy_database(source: Path, target: Path) -> None:
    """As of one moment, by SQLite itself: others may go on writing."""
    with (
        contextlib.closing(sqlite3.connect(source, timeout=_BUSY_S)) as live,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()


def _spoken_of(database: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(database)) as copy:
        rows = copy.execute("SELECT folder FROM datasets UNION SELECT folder FROM checkpoints ORDER BY 1").fetchall()
    return [str(folder) for (folder,) in rows]


def _files(home: Path) -> Iterator[Path]:
    """Every file of the home that belongs in a backup. Links are not followed, drafts are left out."""
    for path in sorted(home.rglob("*")):
        parts = path.relative_to(home).parts
        is_ours = parts[0] not in _LEFT_OUT and not parts[0].startswith(FILE_NAME)
        if is_ours and not any(part.startswith(".") for part in parts) and not _has_link(home, parts):
            with contextlib.suppress(OSError):
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path


def _has_link(home: Path, parts: tuple[str, ...]) -> bool:
    return any(home.joinpath(*parts[:end]).is_symlink() for end in range(1, len(parts) + 1))


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> dict[str, Any]:
    """Writes one file and promises its sum, of exactly the bytes that were written."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as source:
        info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w", force_zip64=True) as target:
            while piece := source.read(_PIECE):
                digest.update(piece)
                size += len(piece)
                target.write(piece)
    return {"sha256": digest.hexdigest(), "bytes": size}


def unpack(file: Path, home: Path) -> Path:
    """Promises a folder under `home` that holds all files of a backup, each as its sum says; `settle` moves them in.

    Raises ProblemError, and leaves nothing: `home` is not empty, the file is no backup, is damaged, comes from a newer
    Onsa, or would write where it must not.
    """
    _refuse_full(home)
    is_new = not home.exists()
    target = home / _RESTORING
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(mode=0o700)
        with zipfile.ZipFile(file) as archive:
            _extract(archive, _contents(archive, file), file, target)
        _check_database(target / FILE_NAME, file)
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):
                home.rmdir()
        if isinstance(error, FileNotFoundError | IsADirectoryError):
            raise _problem("no_file", file=str(file)) from error
        if isinstance(error, OSError):
            raise _problem("cannot_write", file=str(home), reason=error.strerror or str(error)) from error
        if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | NotImplementedError | RuntimeError):
            raise _problem("damaged", file=str(file), name="") from error
        raise
    return target


def settle(unpacked: Path) -> Backup:
    """Moves what `unpack` made into its home, the database last: before it is there, the home counts as empty."""
    home = unpacked.parent
    files = [path for path in unpacked.rglob("*") if path.is_file()]
    made = Backup(files=len(files), bytes=sum(path.stat().st_size for path in files))
    for path in sorted(unpacked.iterdir(), key=lambda each: each.name.startswith(FILE_NAME)):
        path.replace(home / path.name)
    unpacked.rmdir()
    return made


def forget(unpacked: Path) -> None:
    """Takes back what `unpack` made."""
    shutil.rmtree(unpacked, ignore_errors=True)


def _refuse_full(home: Path) -> None:
    if home.exists() and not home.is_dir():
        raise _problem("not_empty", home=str(home))
    if home.is_dir() and any(path.name != _RESTORING for path in home.iterdir()):
        raise _problem("not_empty", home=str(home))


def _contents(archive: zipfile.ZipFile, file: Path) -> dict[str, dict[str, Any]]:
    """What the backup says is in it. Raises ProblemError where that is not what is in it."""
    infos = {info.filename: info for info in archive.infolist()}
    if CONTENTS not in infos or infos[CONTENTS].file_size > _LARGEST_CONTENTS:
        raise _problem("not_ours", file=str(file))
    try:
        said = json.loads(archive.read(CONTENTS))
        number, files = int(said["format"]), dict(said["files"])
        sums = {str(name): {"sha256": str(each["sha256"]), "bytes": int(each["bytes"])} for name, each in files.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise _problem("not_ours", file=str(file)) from error
    if number > FORMAT:
        raise _problem("newer", file=str(file))
    if len(infos) != len(archive.infolist()) or set(sums) != set(infos) - {CONTENTS} or FILE_NAME not in sums:
        raise _problem("damaged", file=str(file), name="")
    for name, info in infos.items():
        if not _is_safe(name) or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG) or info.is_dir():
            raise _problem("unsafe", file=str(file), name=name[:200])
    return sums


def _is_safe(name: str) -> bool:
    """True for a plain path under the home, however a system may read it."""
    parts = name.split("/")
    plain = not any(part in ("", ".", "..") or part.startswith(_RESTORING) for part in parts)
    return plain and not any(sign in name for sign in ("\\", "\0", ":")) and not PurePosixPath(name).is_absolute()


def _extract(archive: zipfile.ZipFile, sums: dict[str, dict[str, Any]], file: Path, target: Path) -> None:
    needed = sum(each["bytes"] for each in sums.values())
    if needed > shutil.disk_usage(target).free:
        raise _problem("no_room", home=str(target.parent), bytes=needed)
    for name, said in sums.items():
        path = target / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, left = hashlib.sha256(), said["bytes"]
        with archive.open(name) as source, path.open("xb") as out:
            while piece := source.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    break
                digest.update(piece)
                out.write(piece)
            out.flush()
            os.fsync(out.fileno())
        if left != 0 or digest.hexdigest() != said["sha256"]:
            raise _problem("damaged", file=str(file), name=name[:200])


def _check_database(database: Path, file: Path) -> None:
    try:
        with contextlib.closing(sqlite3.connect(database)) as copy:
            if copy.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise _problem("damaged", file=str(file), name=FILE_NAME)
    except sqlite3.Error as error:
        raise _problem("damaged", file=str(file), name=FILE_NAME) from error


def _problem(key: str, **facts: Fact) -> ProblemError:
    return ProblemError([Problem(key=f"backup.{key}", facts=facts)])
