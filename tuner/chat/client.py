"""Talks to any OpenAI-compatible chat server: Onsa's own, vLLM, others. Light: aiohttp only."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from types import TracebackType
from typing import Any, Self

import aiohttp

from tuner.chat.lora import Adapters
from tuner.chat.reading import Pieces, json_of, read, whole_answer
from tuner.chat.refusals import ChatUnavailable, Source, failed, message_in, named_failures, refused

__all__ = ["ChatClient", "ChatUnavailable", "ModelName"]

ModelName = str
Messages = Sequence[Mapping[str, Any]]

_CONNECT_S = 10.0
_ATTEMPTS = 3
"""Of one question: as it was asked, with an adapter that the server lacked, without a length that did not fit."""
_JSON = {"Content-Type": "application/json"}


class ChatClient:
    """One server. Keeps connections open between calls: close it, or use it with `async with`."""

    def __init__(self, url: str, token: str | None = None, *, timeout_s: float = 60.0, answer_s: float = 900.0,
                 adapters: Adapters | None = None) -> None:
        """`url` with or without `/v1`. `timeout_s`: the longest silence borne; `answer_s`: the longest answer.
        `adapters`: our checkpoints, for a server that is not Onsa's own."""
        trimmed = url.rstrip("/")
        self._root = trimmed if trimmed.endswith("/v1") else f"{trimmed}/v1"
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout_s = timeout_s
        self._answer_s = answer_s
        self._adapters = adapters
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """May be called twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def models(self, team: str | None = None) -> tuple[ModelName, ...]:
        """Promises the names that the server offers. Onsa's own leaves out other teams'; other servers ignore `team`.

        Raises ChatUnavailable.
        """
        source = Source(url=self._url, model="")
        try:
            return tuple(str(model["id"]) for model in await self._served(source, team))
        except (KeyError, TypeError) as error:
            raise failed(source, "no list of models") from error

    async def _served(self, source: Source, team: str | None = None) -> Sequence[Mapping[str, Any]]:
        query = {} if team is None else {"team": team}
        response = await self._send("GET", "models", source, params=query)
        try:
            value = await json_of(response, source, self._timeout_s)
        finally:
            response.close()
        models = value.get("data") if isinstance(value, Mapping) else None
        if not isinstance(models, list) or not all(isinstance(model, Mapping) for model in models):
            raise failed(source, "no list of models")
        return models

    async def stream(
        self,
        model: ModelName,
        messages: Messages,
        *,
        max_tokens: int | None = None,
        temperature: float = 0.7,
        top_p: float = 1.0,
        seed: int | None = None,
        stop: Sequence[str] = (),
        user: str | None = None,
    ) -> AsyncGenerator[str, None]:
        """Promises the answer's text, piece by piece as it comes. Closing the generator (`aclose`) closes the request,
        which stops the generation on the server. `max_tokens` None: as many as the server gives; where the context
        holds fewer, the answer gets what is left of it. `user`: who asks (tuner.chat.askers), so that a server can
        serve people in turn.

        Raises ChatUnavailable, also in the middle of an answer: what came before then is not the whole.
        """
        body: dict[str, Any] = {"model": model, "messages": [dict(message) for message in messages], "stream": True}
        body |= {"temperature": temperature, "top_p": top_p}
        body |= {} if max_tokens is None else {"max_tokens": max_tokens}
        body |= {} if seed is None else {"seed": seed}
        body |= {"stop": list(stop)} if stop else {}
        body |= {} if user is None else {"user": user}
        source = Source(url=self._url, model=model)
        for _ in range(_ATTEMPTS):
            has_begun = False
            try:
                with self._adapters.used(str(body["model"])) if self._adapters is not None else nullcontext():
                    async with aclosing(self._stream(source, body)) as pieces:
                        async for piece in pieces:
                            has_begun = True
                            yield piece
                return
            except ChatUnavailable as refusal:
                if has_begun or not await self._is_mended(source, body, refusal):
                    raise
        raise source.problem("unknown_model")

    async def _is_mended(self, source: Source, body: dict[str, Any], refusal: ChatUnavailable) -> bool:
        """True where the same question may be asked again, changed so that the server can answer it."""
        if refusal.problem.key == "chat.too_long":
            # Servers refuse an answer that might not fit. Without a wish they give what is left, which is less.
            return body.pop("max_tokens", None) is not None
        if refusal.problem.key != "chat.unknown_model" or self._adapters is None:
            return False
        name = await self._adapters.bring(source, await self._served(source), self._post)
        body["model"] = name or body["model"]
        return name is not None

    async def _post(self, path: str, body: Mapping[str, Any]) -> tuple[int, str]:
        """Promises the status and the message of the answer, whatever they are. Raises ChatUnavailable."""
        source = Source(url=self._url, model="")
        response = await self._request("POST", path, source, data=json.dumps(body).encode(), headers=_JSON)
        try:
            with named_failures(source, self._timeout_s):
                async with asyncio.timeout(self._timeout_s):
                    return response.status, message_in(await read(response, 10_000))
        finally:
            response.close()

    async def _stream(self, source: Source, body: Mapping[str, Any]) -> AsyncGenerator[str, None]:
        """One request. Raises ChatUnavailable."""
        deadline = asyncio.get_running_loop().time() + self._answer_s
        raw = io.BytesIO(json.dumps(body).encode())
        response = await self._send("POST", "chat/completions", source, data=raw, headers=_JSON)
        try:
            if response.content_type != "text/event-stream":
                yield whole_answer(await json_of(response, source, self._timeout_s), source)
                return
            pieces = Pieces(response, source, timeout_s=self._timeout_s, deadline=deadline)
            while (piece := await pieces.next()) is not None:
                yield piece
        finally:
            response.close()

    async def answer(
        self,
        model: ModelName,
        messages: Messages,
        *,
        max_tokens: int | None = None,
        temperature: float = 0.7,
        top_p: float = 1.0,
        seed: int | None = None,
        stop: Sequence[str] = (),
        user: str | None = None,
    ) -> str:
        """Promises the whole answer. Raises ChatUnavailable."""
        pieces = self.stream(
            model, messages, max_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed, stop=stop,
            user=user,
        )
        async with aclosing(pieces):
            return "".join([piece async for piece in pieces])

    async def _send(self, method: str, path: str, source: Source, **parts: Any) -> aiohttp.ClientResponse:
        """Promises a response with status 200, its body unread."""
        response = await self._request(method, path, source, **parts)
        if response.status == 200:
            return response
        try:
            with named_failures(source, self._timeout_s):
                async with asyncio.timeout(self._timeout_s):
                    raw = await read(response, 10_000)
        finally:
            response.close()
        raise refused(source, response.status, response.headers, raw)

    async def _request(self, method: str, path: str, source: Source, **parts: Any) -> aiohttp.ClientResponse:
        """Promises a response, its body unread. Follows no redirect: the token is for one host."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S)
            self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers)
        with named_failures(source, self._timeout_s):
            async with asyncio.timeout(self._timeout_s):
                return await self._session.request(method, f"{self._root}/{path}", allow_redirects=False, **parts)
