"""Writes a checkpoint to a folder outside the home, in a process of the tuner's: it checks the files' sums first."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Literal

from tuner.problems import Problem, ProblemError

LIMIT_S = 1800.0
"""Merging a model of many gigabytes."""


async def take_home(kind: Literal["adapter", "merged"], folder: Path, out: Path, base: str = "") -> None:
    """Promises the adapter, or the whole model with it merged in, under `out`, whole or not at all.

    Raises ProblemError: the checkpoint is damaged, `out` exists, the disk is full.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tuner.checkpoints",
        kind,
        str(folder),
        str(out),
        "--base",
        base,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        said, _ = await asyncio.wait_for(child.communicate(), LIMIT_S)
        problems = json.loads(said)["problems"]
    except (TimeoutError, ValueError, KeyError) as error:
        raise ProblemError([Problem(key="checkpoint.export_failed", facts={"code": child.returncode})]) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if problems:
        raise ProblemError(Problem.from_json(problem) for problem in problems)
