"""`python -m tuner.search`: a stored job's search written for Optuna.

Reads `{"home", "job", "url"}` as JSON from standard input (a URL may hold a password, which no list of processes should
show) and prints one JSON line: what was written, with `problems`. Exit code 0, or 1 with problems.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tuner.problems import Problem, ProblemError
from tuner.store import Store


def main() -> int:
    asked = json.load(sys.stdin)
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not break the one line
    made: dict[str, Any] = {}
    problems: list[dict[str, Any]] = []
    try:
        from tuner.search.study import write_study

        made = write_study(asked["url"], *asyncio.run(_stored(Path(asked["home"]), int(asked["job"]))))
    except ProblemError as error:
        problems = [problem.to_json() for problem in error.problems]
    except ModuleNotFoundError as error:  # a machine for the bot alone has no Optuna
        problems = [Problem(key="optuna.not_here", facts={"package": error.name or "?"}).to_json()]
    print(json.dumps({**made, "problems": problems}), file=told, flush=True)
    return 1 if problems else 0


async def _stored(home: Path, job: int) -> tuple[Any, ...]:
    async with await Store.open(home) as store:
        return await store.job_by_id(job), await store.trials(job), await store.repeats(job), await store.tests(job)


if __name__ == "__main__":
    sys.exit(main())
