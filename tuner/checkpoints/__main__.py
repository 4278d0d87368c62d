"""`python -m tuner.checkpoints base|package|zip|push|look|take-in`: what takes a model out of a home, or into one.

Reads one JSON object from standard input and prints one JSON line: what was found or made, with `problems` as
tuner.problems writes them, empty when all went well. Exit code 0, or 1 with problems.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tuner.problems import Problem, ProblemError

Asked = Mapping[str, Any]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tuner.checkpoints")
    parser.add_argument("command", choices=sorted(_COMMANDS))
    chosen = parser.parse_args(arguments)
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not break the one line
    made, problems = _answer(_COMMANDS[chosen.command], json.load(sys.stdin))
    print(json.dumps({**made, "problems": [problem.to_json() for problem in problems]}), file=told, flush=True)
    return 1 if problems else 0


def _answer(command: Callable[[Asked], dict[str, Any]], asked: Asked) -> tuple[dict[str, Any], tuple[Problem, ...]]:
    try:
        return command(asked), ()
    except ProblemError as error:
        return {}, error.problems
    except ModuleNotFoundError as error:  # a machine for the bot alone has no torch
        return {}, (Problem(key="export.not_here", facts={"package": error.name or "?"}),)
    except FileExistsError:
        return {}, (Problem(key="checkpoint.out_exists", facts={"folder": str(asked.get("out", ""))}),)
    except OSError as error:
        facts = {"folder": str(asked.get("out", "")), "reason": error.strerror or str(error)}
        return {}, (Problem(key="checkpoint.not_written", facts=facts),)


def _base(asked: Asked) -> dict[str, Any]:
    from tuner.checkpoints.origin import base_facts, versions

    return {"base": base_facts(asked["base"]), "versions": dict(versions())}


def _package(asked: Asked) -> dict[str, Any]:
    from tuner.checkpoints.package import Order, write_package

    order = Order.model_validate(asked)
    write_package(order)
    return {}


def _zip(asked: Asked) -> dict[str, Any]:
    from tuner.checkpoints.archive import write_zip

    write_zip(Path(asked["folder"]), Path(asked["out"]))
    return {"bytes": Path(asked["out"]).stat().st_size}


def _push(asked: Asked) -> dict[str, Any]:
    from tuner.checkpoints.hub import push

    token = os.environ.get("HF_TOKEN", "").strip()
    pushed = push(Path(asked["folder"]), asked["repository"], token, public=bool(asked.get("public")))
    return dataclasses.asdict(pushed)


def _look(asked: Asked) -> dict[str, Any]:
    from tuner.checkpoints.incoming import look

    return {"facts": look(Path(asked["source"]))}


def _take_in(asked: Asked) -> dict[str, Any]:
    from tuner.checkpoints.incoming import take_in

    return take_in(Path(asked["source"]), Path(asked["out"]), asked["base"])


_COMMANDS: dict[str, Callable[[Asked], dict[str, Any]]] = {
    "base": _base, "package": _package, "zip": _zip, "push": _push, "look": _look, "take-in": _take_in,
}


if __name__ == "__main__":
    sys.exit(main())
