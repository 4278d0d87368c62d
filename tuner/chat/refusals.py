"""Why a chat server gave no answer, as Problems for people. Knows the protocol's errors, opens no connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tuner.problems import Fact, Problem

_DETAIL_CHARACTERS = 200
_NOBODY_THERE = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)
_TOO_LONG_WORDS = ("context length", "context_length", "maximum context", "too many tokens")


class ChatUnavailable(Exception):
    """No answer, or none to its end. `problem` says why: `chat.no_server`, `chat.silent`, `chat.refused_token`,
    `chat.unknown_model`, `chat.busy`, `chat.too_long`, `chat.lora_off`, `chat.lora_failed` or `chat.failed`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"{problem.key} {dict(problem.facts)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whom we asked."""

    url: str
    model: str

    def problem(self, name: str, **facts: Fact) -> ChatUnavailable:
        """Names the model as people do: without the team before a checkpoint."""
        _, is_checkpoint, trial = self.model.rpartition("/job-")
        shown = f"job-{trial}" if is_checkpoint else self.model
        return ChatUnavailable(Problem(key=f"chat.{name}", facts={"url": self.url, "model": shown, **facts}))


@contextmanager
def named_failures(source: Source, waited_s: float) -> Iterator[None]:
    """Turns what the network does into ChatUnavailable."""
    try:
        yield
    except _NOBODY_THERE as error:
        raise source.problem("no_server") from error
    except TimeoutError as error:
        raise source.problem("silent", waited_s=waited_s) from error
    except aiohttp.ServerDisconnectedError as error:
        raise failed(source, "the server closed the connection") from error
    except (aiohttp.ClientError, asyncio.IncompleteReadError, OSError) as error:
        raise failed(source, str(error) or type(error).__name__) from error


def failed(source: Source, detail: str, status: int = 0) -> ChatUnavailable:
    """`status` 0: nothing of HTTP is to blame. `detail` is for whoever runs the server."""
    shown = " ".join("".join(character if character.isprintable() else " " for character in detail).split())
    return source.problem("failed", status=status, detail=shown[:_DETAIL_CHARACTERS])


def refused(source: Source, status: int, headers: Mapping[str, str], raw: bytes) -> ChatUnavailable:
    """What an answer with another status than 200 means."""
    error = _error_in(raw)
    match status:
        case 401 | 403:
            return source.problem("refused_token")
        case 404 if source.model:
            return source.problem("unknown_model")
        case 429 | 503:
            return source.problem("busy", retry_s=_retry_s(headers.get("Retry-After", "")))
        case 413:
            return source.problem("too_long")
    return told(source, error, status)


def told(source: Source, error: Any, status: int = 0) -> ChatUnavailable:
    """What an error object means, whichever way it came."""
    fields = error if isinstance(error, Mapping) else {"message": error}
    message, code = str(fields.get("message") or ""), str(fields.get("code") or "")
    if code == "context_length_exceeded" or any(words in message.casefold() for words in _TOO_LONG_WORDS):
        return source.problem("too_long")
    if code == "model_not_found":
        return source.problem("unknown_model")
    return failed(source, message or code, status)


def _error_in(raw: bytes) -> Any:
    """The error that a body tells of, in OpenAI's form or vLLM's older one; else the beginning of its text."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return raw[:1000].decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return value.get("error") or value.get("detail") or value
    return ""


def message_in(raw: bytes) -> str:
    """Promises what a body says to people, in whichever form; empty where it says nothing."""
    error = _error_in(raw)
    return str(error.get("message") or error) if isinstance(error, Mapping) else str(error)


def _retry_s(header: str) -> int:
    """Seconds to wait; a date or nothing at all counts as a few."""
    return min(int(header), 3600) if header.isascii() and header.isdigit() and len(header) < 9 else 5
