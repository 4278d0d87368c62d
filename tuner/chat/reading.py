"""Reads what a chat server sends back: streams of events, whole answers, bodies of errors. Opens no connection."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Any

import aiohttp

from tuner.chat.refusals import Source, failed, named_failures, told
from tuner.chat.sse import EventReader, EventTooLarge

_MAX_REPLY_BYTES = 8_000_000


class Pieces:
    """The text of one streamed answer."""

    def __init__(
        self, response: aiohttp.ClientResponse, source: Source, *, timeout_s: float, deadline: float
    ) -> None:
        self._response = response
        self._source = source
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._reader = EventReader()
        self._events: deque[str] = deque()
        self._is_over = False
        """Nothing more can be read."""
        self._has_ended = False
        """The server said that the answer is complete."""

    async def next(self) -> str | None:
        """Promises text, or None at the end of a complete answer. Raises ChatUnavailable."""
        while True:
            while self._events:
                data = self._events.popleft()
                if data.strip() == "[DONE]":
                    return None
                text = self._text(data)
                if text:
                    return text
            if self._is_over:
                if self._has_ended:
                    return None
                raise failed(self._source, "the answer broke off")
            await self._receive()

    async def _receive(self) -> None:
        now = asyncio.get_running_loop().time()
        until = min(now + self._timeout_s, self._deadline)
        with named_failures(self._source, self._timeout_s):
            async with asyncio.timeout_at(until):
                chunk = await self._response.content.readany()
        try:
            self._events.extend(self._reader.feed(chunk) if chunk else self._reader.finish())
        except EventTooLarge as error:
            raise failed(self._source, str(error)) from error
        self._is_over = not chunk

    def _text(self, data: str) -> str:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise failed(self._source, f"no JSON: {data}") from error
        choice = _choice(value, self._source)
        self._has_ended = self._has_ended or bool(choice.get("finish_reason"))
        return _content(choice.get("delta"))


def whole_answer(value: Any, source: Source) -> str:
    """Promises the text of an answer that was not streamed although we asked for that. Raises ChatUnavailable."""
    choice = _choice(value, source)
    if not choice:
        raise failed(source, "no answer in the reply")
    return _content(choice.get("message"))


def _choice(value: Any, source: Source) -> Mapping[str, Any]:
    """The first choice; empty where an event has none, such as the one with the usage. Raises what an error tells."""
    if not isinstance(value, Mapping):
        raise failed(source, "an event must be an object")
    if value.get("error"):
        raise told(source, value["error"])
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return first if isinstance(first, Mapping) else {}


def _content(message: Any) -> str:
    content = message.get("content") if isinstance(message, Mapping) else None
    return content if isinstance(content, str) else ""


async def json_of(response: aiohttp.ClientResponse, source: Source, timeout_s: float) -> Any:
    """Promises the body's value. Raises ChatUnavailable."""
    with named_failures(source, timeout_s):
        async with asyncio.timeout(timeout_s):
            raw = await read(response, _MAX_REPLY_BYTES)
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise failed(source, f"no JSON: {raw[:100].decode('utf-8', 'replace')}", response.status) from error


async def read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Promises at most `limit` bytes of the body."""
    parts: list[bytes] = []
    size = 0
    while size < limit and (part := await response.content.readany()):
        parts.append(part)
        size += len(part)
    return b"".join(parts)[:limit]
