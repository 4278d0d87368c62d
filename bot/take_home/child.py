"""One errand of the tuner's, in a process of its own: it holds the heavy libraries and checks the files' sums."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from tuner.problems import Problem, ProblemError

LIMIT_S = 3600.0
"""Merging, packing or sending a model of many gigabytes."""

Made = Mapping[str, Any]


async def made_by(
    module: str, *arguments: str, asked: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Made:
    """Promises what `python -m MODULE ARGUMENTS` made of `asked`: its one line of JSON, without `problems`.

    Raises ProblemError with the problems that it names, or `checkpoint.export_failed` when it died.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **(environment or {})},
    )
    try:
        said, _ = await asyncio.wait_for(child.communicate(json.dumps(asked).encode()), LIMIT_S)
        made = dict(json.loads(said))
        problems = made.pop("problems")
    except (TimeoutError, ValueError, KeyError, TypeError) as error:
        raise ProblemError([Problem(key="checkpoint.export_failed", facts={"code": child.returncode})]) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if problems:
        raise ProblemError(Problem.from_json(problem) for problem in problems)
    return made
