"""The lines between the worker and a runner's child process: one JSON object a line, in both directions.

Knows no process and no model; importing it costs nothing, so both ends do.
Worker to child: `{"setup": {...}}` first, then `start`, `stop`, `score`, `close`; end of file: the worker is gone.
Child to worker: `{"event": "StepDone", ...fields}`, named after the classes of tuner/runners/base.py.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from tuner.events import test_result_from_json
from tuner.runners.base import (
    Broken,
    Narrowed,
    Ready,
    RunnerEvent,
    Scored,
    Setup,
    StepDone,
    StopAs,
    TrialEnded,
    TrialSpec,
    Validated,
)

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a `Scored` line holds every answer to the sealed test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    slot: int
    trial: TrialSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    number: int
    outcome: StopAs


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Opens the sealed test; `checkpoint` is a sub-folder of `Setup.checkpoints`, None for the base model."""

    subject: str
    trial: int | None
    checkpoint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Finish the line at hand and end; a trial under way is dropped."""


Request = Setup | Start | Stop | Score | Close

_EVENTS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (Ready, Narrowed, StepDone, Validated, TrialEnded, Broken)}


def encode_request(request: Request) -> bytes:
    """Promises one line, newline included, that `decode_request` turns back into an equal request."""
    match request:
        case Setup():
            body: dict[str, Any] = {"setup": dataclasses.asdict(request)}
        case Start():
            trial = {**dataclasses.asdict(request.trial), "settings": dict(request.trial.settings)}
            body = {"start": {"slot": request.slot, **trial}}
        case Stop():
            body = {"stop": dataclasses.asdict(request)}
        case Score():
            body = {"score": dataclasses.asdict(request)}
        case Close():
            body = {"close": {}}
        case _:
            assert_never(request)
    return _line(body)


def decode_request(line: bytes | str) -> Request:
    """The reverse of `encode_request`. Raises ValueError for a line that is no request."""
    body = _object(line)
    if len(body) != 1:
        raise ValueError(f"a request has exactly one key, got {sorted(body)}")
    [(name, fields)] = body.items()
    match name:
        case "setup":
            return Setup(**{**fields, "split": tuple(fields["split"])})
        case "start":
            return Start(slot=fields.pop("slot"), trial=TrialSpec(**fields))
        case "stop":
            return Stop(**fields)
        case "score":
            return Score(**fields)
        case "close":
            return Close()
    raise ValueError(f"a request is setup, start, stop, score or close, got {name!r}")


def encode_event(event: RunnerEvent) -> bytes:
    """Promises one line, newline included, that `decode_event` turns back into an equal event."""
    return _line({"event": type(event).__name__, **dataclasses.asdict(event)})


def decode_event(line: bytes | str) -> RunnerEvent:
    """The reverse of `encode_event`. Raises ValueError for a line that is no event."""
    body = _object(line)
    name = body.pop("event", None)
    if name == "Scored":
        return Scored(result=test_result_from_json(body["result"]))
    if name not in _EVENTS:
        raise ValueError(f"an event is one of {[*_EVENTS, 'Scored']}, got {name!r}")
    event: RunnerEvent = _EVENTS[name](**body)
    return event


def _line(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _object(line: bytes | str) -> dict[str, Any]:
    body = json.loads(line)
    if not isinstance(body, dict):
        raise ValueError(f"a line is one JSON object, got {type(body).__name__}")
    return body
