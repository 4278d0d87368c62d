"""A small OpenAI-compatible server for tests: answers word by word, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(slots=True, kw_only=True)
class Chat:
    """`words` are sent one by one, `pause_s` apart."""

    words: list[str] = field(default_factory=lambda: ["It ", "is ", "**21**", "."])
    pause_s: float = 0.01
    context: int | None = None
    """Letters of a conversation that the model can hold."""
    says: dict[str, str] = field(default_factory=dict)
    """End of a model's name -> what it answers instead."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    cut_off: int = 0
    """Answers whose reader went away before the end."""
    url: str = ""

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        if self.context is not None and sum(len(each["content"]) for each in body["messages"]) > self.context:
            return web.json_response({"error": {"message": "-", "code": "context_length_exceeded"}}, status=400)
        told = next((text for name, text in self.says.items() if body["model"].endswith(name)), None)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for word in self.words if told is None else [f"{each} " for each in told.split()]:
                piece = {"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]}
                await response.write(f"data: {json.dumps(piece)}\n\n".encode())
                await asyncio.sleep(self.pause_s)
            last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            await response.write(f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode())
        except (ConnectionError, asyncio.CancelledError):
            self.cut_off += 1
            raise
        return response


@asynccontextmanager
async def chatting() -> AsyncIterator[Chat]:
    chat = Chat()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat.complete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    chat.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield chat
    finally:
        await runner.cleanup()
