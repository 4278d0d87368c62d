"""Tells one answer to whoever asked: whole, or as a stream of server-sent events. Knows no route and no engine."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Any, Protocol

from aiohttp import web

from tuner.chat import wire
from tuner.chat.asks import Answered, Begun, Done, Piece
from tuner.chat.wire import ChatBody


class Answering(Protocol):
    """One answer on its way (tuner.chat.engine.Answer)."""

    async def next(self) -> Answered: ...

    def cancel(self) -> None: ...


async def whole(body: ChatBody, created: int, answer: Answering) -> dict[str, Any]:
    """Promises the whole answer as one object. Raises AskError."""
    text: list[str] = []
    prompt_tokens = 0
    while True:
        match await answer.next():
            case Begun(prompt_tokens=count):
                prompt_tokens = count
            case Piece(text=piece):
                text.append(piece)
            case Done(reason=reason, tokens=tokens):
                return wire.completion(
                    answer_id=_answer_id(),
                    created=created,
                    model=body.model,
                    text="".join(text),
                    reason=reason,
                    counts=wire.usage(prompt_tokens, tokens),
                )


class Stream:
    """One answer as server-sent events."""

    def __init__(self, response: web.StreamResponse, body: ChatBody, created: int, *, write_s: float,
                 quiet_s: float) -> None:
        """`write_s`: for a slow reader to take one piece; after `quiet_s` without news the stream is kept open."""
        self._response = response
        self._body = body
        self._write_s, self._quiet_s = write_s, quiet_s
        self._same: dict[str, Any] = {"answer_id": _answer_id(), "created": created, "model": body.model}

    async def tell(self, first: Answered | None, answer: Answering) -> None:
        """Sends `first` and all that follows. Raises AskError, ConnectionError, TimeoutError."""
        prompt_tokens = 0
        event = first
        await self._chunk(delta={"role": "assistant", "content": ""})
        while True:
            match event:
                case None:
                    await self._write(": waiting\n\n")
                case Begun(prompt_tokens=count):
                    prompt_tokens = count
                case Piece(text=text):
                    await self._chunk(delta={"content": text})
                case Done(reason=reason, tokens=tokens):
                    await self._chunk(delta={}, reason=reason)
                    if self._body.wants_usage:
                        await self._chunk(counts=wire.usage(prompt_tokens, tokens))
                    await self.send("[DONE]")
                    return
            event = await self._next(answer)

    async def _next(self, answer: Answering) -> Answered | None:
        try:
            async with asyncio.timeout(self._quiet_s):
                return await answer.next()
        except TimeoutError:
            return None

    async def _chunk(self, **parts: Any) -> None:
        await self.send(json.dumps(wire.chunk(**self._same, **parts), ensure_ascii=False))

    async def send(self, data: str) -> None:
        await self._write(f"data: {data}\n\n")

    async def _write(self, text: str) -> None:
        async with asyncio.timeout(self._write_s):
            await self._response.write(text.encode())


def _answer_id() -> str:
    return f"chatcmpl-{secrets.token_hex(12)}"
