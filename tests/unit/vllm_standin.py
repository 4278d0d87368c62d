"""Behaves as vLLM's documentation says of adapters at runtime: its list of models, load, unload, and its refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

BASE = "Qwen/Qwen2.5-0.5B-Instruct"


@dataclass(slots=True, kw_only=True)
class Vllm:
    """What the server holds, and what was asked of it."""

    url: str = ""
    updates: bool = True
    """Started with VLLM_ALLOW_RUNTIME_LORA_UPDATING: without it there are no such addresses."""
    sees: Path | None = None
    """Where it finds the files; None: nowhere."""
    adapters: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(address, model or adapter) in order."""
    hold: asyncio.Event | None = None
    """An answer under way waits for it."""

    def _error(self, status: int, message: str, kind: str) -> web.Response:
        error = {"message": message, "type": kind, "param": None, "code": status}
        return web.json_response({"error": error}, status=status)

    async def models(self, _: web.Request) -> web.Response:
        base = {"id": BASE, "object": "model", "owned_by": "vllm", "root": BASE, "parent": None}
        cards: list[dict[str, Any]] = [base]
        cards += [{"id": name, "object": "model", "owned_by": "vllm", "root": path, "parent": BASE}
                  for name, path in self.adapters.items()]
        return web.json_response({"object": "list", "data": cards})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        model = (await request.json())["model"]
        self.calls.append(("chat", model))
        if model != BASE and model not in self.adapters:
            return self._error(404, f"The model `{model}` does not exist.", "NotFoundError")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for text, reason in (("I am ", None), (model, "stop")):
            choice = {"choices": [{"delta": {"content": text}, "finish_reason": reason}]}
            await response.write(f"data: {json.dumps(choice)}\n\n".encode())
            if self.hold is not None and reason is None:
                await self.hold.wait()
        await response.write(b"data: [DONE]\n\n")
        return response

    async def load(self, request: web.Request) -> web.Response:
        body = await request.json()
        name, path = body["lora_name"], body["lora_path"]
        self.calls.append(("load", name))
        if name in self.adapters:
            words = "has already been loaded. If you want to load the adapter in place, set 'load_inplace' to True."
            return self._error(400, f"The lora adapter '{name}' {words}", "InvalidUserInput")
        if self.sees is None or not (self.sees / path.lstrip("/") / "adapter_config.json").is_file():
            return self._error(404, f"Loading lora {name} failed: No adapter found for {path}", "NotFoundError")
        self.adapters[name] = path
        return web.Response(text=f"Success: LoRA adapter '{name}' added successfully.")

    async def unload(self, request: web.Request) -> web.Response:
        name = (await request.json())["lora_name"]
        self.calls.append(("unload", name))
        if self.adapters.pop(name, None) is None:
            return self._error(404, f"The lora adapter '{name}' cannot be found.", "NotFoundError")
        return web.Response(text=f"Success: LoRA adapter '{name}' removed successfully.")


async def _nothing_there(_: web.Request) -> web.Response:
    return web.json_response({"detail": "Not Found"}, status=404)


@asynccontextmanager
async def vllm(**given: Any) -> AsyncIterator[Vllm]:
    made = Vllm(**given)
    app = web.Application()
    app.router.add_get("/v1/models", made.models)
    app.router.add_post("/v1/chat/completions", made.chat)
    if made.updates:
        app.router.add_post("/v1/load_lora_adapter", made.load)
        app.router.add_post("/v1/unload_lora_adapter", made.unload)
    app.router.add_post("/v1/{rest:.*}", _nothing_there)
    async with TestServer(app, handler_cancellation=True) as server:
        made.url = str(server.make_url("/"))
        yield made
