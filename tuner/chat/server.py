"""The OpenAI-compatible HTTP server: routes, token, limits. Knows no torch: the engine is handed in."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from tuner.chat import wire
from tuner.chat.address import LOOPBACK
from tuner.chat.asks import Answered, Ask, AskError, Failed, ModelRef
from tuner.chat.errors import as_api_error, error_response, json_response, of_http
from tuner.chat.links import PREFIX
from tuner.chat.telling import Answering, Stream, whole
from tuner.chat.wire import ApiError, ChatBody

log = logging.getLogger(__name__)


class Engine(Protocol):
    @property
    def is_ready(self) -> bool: ...

    def ask(self, ask: Ask) -> Answering:
        """Raises Busy."""


class ModelNames(Protocol):
    async def names(self, team: str | None = None) -> tuple[str, ...]: ...

    async def find(self, name: str) -> ModelRef | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    body_bytes: int = 1024 * 1024
    max_tokens: int = 2048
    """Of one answer."""
    body_s: float = 30.0
    """For a body to arrive."""
    write_s: float = 60.0
    """For a slow reader to take one piece."""
    quiet_s: float = 5.0
    """After this long without news a stream is opened, and kept open by comments."""


class Api:
    """The routes. Holds nothing of a conversation: each request brings all of it."""

    def __init__(
        self,
        models: ModelNames,
        engine: Engine,
        *,
        token: str | None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._models = models
        self._engine = engine
        self._token = token
        self._limits = limits or Limits()
        self._clock = clock
        self._started_at = int(clock())
        self.last_asked_at = clock()
        self.under_way = 0
        """Requests for an answer that are being served."""

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._errors, self._door], client_max_size=self._limits.body_bytes)
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._list_models)
        app.router.add_get("/v1/models/{name:.+}", self._show_model)
        app.router.add_post("/v1/chat/completions", self._complete)
        return app

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The process edge: whatever goes wrong leaves as an error in OpenAI's form."""
        try:
            return await handler(request)
        except ApiError as error:
            return error_response(error)
        except AskError as error:
            return error_response(as_api_error(error))
        except web.HTTPException as error:
            return error_response(of_http(error))
        except ConnectionError:
            raise
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("request failed, reference %s", reference)
            return error_response(as_api_error(Failed(reference)))

    @web.middleware
    async def _door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != "/health" and not request.path.startswith(PREFIX):
            self._check(request)
        return await handler(request)

    def _check(self, request: web.Request) -> None:
        """Without a token only this machine's own names open the door: no web page gets in under a new name."""
        if self._token is None:
            if urlsplit(f"//{request.host}").hostname not in LOOPBACK:
                raise ApiError(403, "Without a token this server answers to 127.0.0.1 only.", code="forbidden_host")
            return
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token.encode())
        if kind.casefold() != "bearer" or not same:
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "ready": self._engine.is_ready})

    async def _list_models(self, request: web.Request) -> web.Response:
        names = await self._models.names(request.query.get("team"))
        return json_response(wire.model_list(names, self._started_at))

    async def _show_model(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        await self._find(name)
        return json_response(wire.model_list([name], self._started_at)["data"][0])

    async def _find(self, name: str) -> ModelRef:
        model = await self._models.find(name)
        if model is None:
            raise ApiError(404, f"The model '{name[:200]}' does not exist.", code="model_not_found", param="model")
        return model

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.under_way += 1
        try:
            body = await self._read(request)
            answer = self._engine.ask(_ask(body, await self._find(body.model)))
            try:
                if body.stream:
                    return await self._stream(request, body, answer)
                return json_response(await whole(body, int(self._clock()), answer))
            finally:
                answer.cancel()
        finally:
            self.under_way -= 1
            self.last_asked_at = self._clock()

    async def _read(self, request: web.Request) -> ChatBody:
        try:
            async with asyncio.timeout(self._limits.body_s):
                raw = await request.read()
        except TimeoutError as error:
            raise ApiError(408, "The body did not arrive in time.", code="request_timeout") from error
        body = wire.read_body(raw)
        if body.answer_tokens is not None and body.answer_tokens > self._limits.max_tokens:
            raise ApiError(
                400,
                f"max_tokens is too large: {body.answer_tokens}. This server gives at most {self._limits.max_tokens}.",
                code="invalid_value",
                param="max_tokens" if body.max_completion_tokens is None else "max_completion_tokens",
            )
        return body

    async def _stream(self, request: web.Request, body: ChatBody, answer: Answering) -> web.StreamResponse:
        """An ask that is wrong gets its status; only when that takes long the stream opens first."""
        first: Answered | None = None
        try:
            async with asyncio.timeout(self._limits.quiet_s):
                first = await answer.next()
        except TimeoutError:
            log.info("an answer is slow to begin")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        stream = Stream(
            response, body, int(self._clock()), write_s=self._limits.write_s, quiet_s=self._limits.quiet_s
        )
        try:
            await stream.tell(first, answer)
        except AskError as error:
            await stream.send(json.dumps(as_api_error(error).body, ensure_ascii=False))
        except ConnectionError:
            log.info("a reader left in the middle of an answer")
        except TimeoutError:
            log.info("a reader took nothing for %s s", self._limits.write_s)
            if request.transport is not None:
                request.transport.abort()
        return response


def _ask(body: ChatBody, model: ModelRef) -> Ask:
    return Ask(
        model=model,
        messages=tuple(message.plain() for message in body.messages),
        max_tokens=body.answer_tokens,
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        seed=body.seed,
        stop=body.stops,
        person=f"{body.model.rpartition('/')[0]}/{body.user or ''}",
    )
