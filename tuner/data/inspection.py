"""A person's file into a data set on disk, in a child process: a hostile or broken file cannot take the bot along."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import logging
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.data.card import ReportCard
from tuner.problems import Problem, ProblemError

_log = logging.getLogger(__name__)

ORIGINAL, EXAMPLES, REPORT, REQUEST = "original.bin", "examples.jsonl", "report.json", "request.json"
_FILES = (ORIGINAL, EXAMPLES, REPORT)
_LOGGED = 4_000
"""Last characters of the child's complaints that the log keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    id: str
    """sha256 over the file's bytes and the column mapping; the name of its folder."""
    card: ReportCard
    mapping: Mapping[str, str]
    """Role -> column as it was understood."""


async def inspect_file(
    content: bytes,
    name: str,
    *,
    model_source: str,
    max_length: int,
    out: Path,
    mapping: Mapping[str, str] | None = None,
    timeout_s: float = 120,
) -> Inspection:
    """Promises the inspection, and the folder `out / <id>` with original.bin, examples.jsonl and report.json, whole or
    not at all. The same bytes, mapping, model and length are not read twice.

    `name` is what the person calls the file: data, never a path.
    Raises ProblemError for a file that cannot be used, with what to change, `data.cannot_keep` where `out` cannot be
    written, and `data.reader_failed` with a reference number for the log when the reader crashed or took longer than
    `timeout_s`.
    """
    request = {"name": name, "model": model_source, "max_length": max_length, "mapping": dict(mapping or {})}
    identity = await asyncio.to_thread(_identity, content, request["mapping"])
    ready = await asyncio.to_thread(_existing, out / identity, request)
    if ready is not None:
        return ready
    folder = await asyncio.to_thread(_prepare, out, content, request)
    try:
        answer = await _run(folder, timeout_s)
        if answer["problems"]:
            raise ProblemError(Problem.from_json(problem) for problem in answer["problems"])
        await asyncio.to_thread(_publish, folder, out / identity)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
    ready = await asyncio.to_thread(_existing, out / identity, request)
    if ready is None:
        raise _failed("the result is not where it was put")
    return ready


def _identity(content: bytes, mapping: Any) -> str:
    digest = hashlib.sha256(content)
    digest.update(json.dumps(mapping, sort_keys=True, ensure_ascii=False).encode())
    return digest.hexdigest()


def _existing(folder: Path, request: Mapping[str, Any]) -> Inspection | None:
    """What was found earlier, if it was for the same model and length."""
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        if any(report[name] != request[name] for name in ("model", "max_length")) or not (folder / EXAMPLES).is_file():
            return None
        card = ReportCard.from_json(report["card"])
    except (OSError, ValueError, KeyError, TypeError):  # absent, half written by an older version, or of one
        return None
    return Inspection(id=folder.name, card=card, mapping=card.mapping)


def _prepare(out: Path, content: bytes, request: Mapping[str, Any]) -> Path:
    folder = None
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".new-", dir=out))
        (folder / ORIGINAL).write_bytes(content)
        (folder / REQUEST).write_text(json.dumps(request, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        raise cannot_keep(error) from error
    return folder


def cannot_keep(error: OSError) -> ProblemError:
    """Promises the Problem of a disk that takes no file: `full`, `no_permission` or `other`."""
    reasons = {errno.ENOSPC: "full", errno.EDQUOT: "full", errno.EACCES: "no_permission", errno.EPERM: "no_permission",
               errno.EROFS: "no_permission"}
    reason = reasons.get(error.errno or 0, "other")
    return ProblemError([Problem(key="data.cannot_keep", facts={"reason": reason, "detail": error.strerror or ""})])


async def _run(folder: Path, timeout_s: float) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "tuner.data", str(folder),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=await asyncio.to_thread(_environment),
    )
    try:
        said, complained = await asyncio.wait_for(child.communicate(), timeout_s)
    except TimeoutError as error:
        raise _failed(f"no result after {timeout_s:g} s", is_slow=True) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        answer = json.loads(said.decode("utf-8").rpartition("\n")[2])
        if child.returncode == 0 and isinstance(answer["problems"], list):
            return dict(answer)
    except (ValueError, KeyError, TypeError):
        pass
    raise _failed(f"exit status {child.returncode}: {complained.decode('utf-8', 'replace')[-_LOGGED:]}")


def _environment() -> dict[str, str]:
    """The child finds this very package, and nothing that happens to lie in the working directory."""
    here = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": paths, "TOKENIZERS_PARALLELISM": "false", "PYTHONUTF8": "1"}


def _failed(reason: str, *, is_slow: bool = False) -> ProblemError:
    reference = secrets.token_hex(4)
    _log.error("data.reader_failed reference=%s %s", reference, reason)
    return ProblemError([Problem(key="data.reader_failed", facts={"reference": reference, "is_slow": is_slow})])


def _publish(folder: Path, place: Path) -> None:
    try:
        (folder / REQUEST).unlink(missing_ok=True)
        if place.is_dir():  # read before, for another model or at the same moment: each file is replaced whole
            _replace(folder, place)
        else:
            try:
                folder.rename(place)
            except OSError:
                if not place.is_dir():
                    raise
                _replace(folder, place)
    except OSError as error:
        raise cannot_keep(error) from error


def _replace(folder: Path, place: Path) -> None:
    for name in _FILES:
        (folder / name).replace(place / name)
