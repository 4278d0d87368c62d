"""The client against servers that behave oddly: it reads what can be read and names what cannot."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from tuner.chat.client import ChatClient, ChatUnavailable
from tuner.problems import Problem

MESSAGES = [{"role": "user", "content": "hi"}]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    app.router.add_get("/v1/models", handler)
    async with TestServer(app, handler_cancellation=True) as made:
        yield str(made.make_url("/"))


def streaming(*parts: bytes, after: Callable[[], Awaitable[None]] | None = None) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0)
        if after is not None:
            await after()
        return response

    return handler


def replying(status: int, body: Any, **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=status, body=raw, headers=headers)

    return handler


def delta(text: str | None, reason: str | None = None) -> str:
    return json.dumps({"choices": [{"delta": {"content": text}, "finish_reason": reason}]}, ensure_ascii=False)


async def said(handler: Handler, **options: Any) -> list[str]:
    async with server(handler) as url, ChatClient(url, "token", **{"timeout_s": 5.0, **options}) as client:
        return [piece async for piece in client.stream("m", MESSAGES)]


async def refused(handler: Handler, **options: Any) -> Problem:
    with pytest.raises(ChatUnavailable) as refusal:
        await said(handler, **options)
    return refusal.value.problem


WHOLE = (
    f": hello\n\ndata: {delta('自転')}\n\ndata:{delta('車🚲')}\r\n\r\n"
    f"data: {delta(None, 'stop')}\n\ndata: [DONE]\n\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_text_survives_every_cut_of_the_network(size: int) -> None:
    raw = WHOLE.encode()
    parts = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert await said(streaming(*parts)) == ["自転", "車🚲"]


@pytest.mark.parametrize(
    ("stream", "text"),
    [
        (f"data: {delta('a')}\n\ndata: {delta('b', 'stop')}\n\n", "ab"),
        (f"data: {delta('a', 'length')}", "a"),
        (f'data: {{"choices": [], "usage": {{}}}}\n\ndata: {delta("a")}\n\ndata: [DONE]\n\n', "a"),
        (f'data: {{"choices": [{{"delta": {{"role": "assistant"}}}}]}}\n\ndata: {delta("a")}\n\ndata: [DONE]\n\n', "a"),
        ('data: {"choices": [\ndata: {"delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n', "a"),
        (f"event: x\nid: 1\nretry: 9\ndata: {delta('a')}\n\ndata: [DONE]\n\ndata: not JSON\n\n", "a"),
        ('data: {"choices": [{"delta": null}]}\n\ndata: {"choices": null}\n\ndata: [DONE]\n\n', ""),
    ],
)
async def test_streams_that_differ_a_little_are_understood(stream: str, text: str) -> None:
    assert "".join(await said(streaming(stream.encode()))) == text


async def test_a_server_that_does_not_stream_is_understood() -> None:
    reply = {"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}
    assert await said(replying(200, reply, **{"Content-Type": "application/json"})) == ["whole"]


async def test_every_setting_is_sent_and_none_is_made_up() -> None:
    seen: list[dict[str, Any]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append({**await request.json(), "token": request.headers.get("Authorization")})
        return await streaming(WHOLE.encode())(request)

    async with server(handler) as url:
        for given in (url, f"{url}v1", f"{url}v1/"):
            async with ChatClient(given, "t") as client:
                await client.answer("m", MESSAGES, max_tokens=5, temperature=0.0, top_p=0.5, seed=3, stop=["x"],
                                    user="u")
        async with ChatClient(url) as client:
            await client.answer("m", MESSAGES)
    full = {"max_tokens": 5, "temperature": 0.0, "top_p": 0.5, "seed": 3, "stop": ["x"], "user": "u"}
    full["token"] = "Bearer t"
    same = {"model": "m", "messages": MESSAGES, "stream": True}
    assert seen == [{**same, **full}] * 3 + [{**same, "temperature": 0.7, "top_p": 1.0, "token": None}]


@pytest.mark.parametrize(
    ("status", "body", "key", "facts"),
    [
        (401, {"error": {"message": "no"}}, "chat.refused_token", {}),
        (403, b"", "chat.refused_token", {}),
        (404, {"error": {"code": "model_not_found"}}, "chat.unknown_model", {"model": "m"}),
        (429, {"error": {}}, "chat.busy", {"retry_s": 5}),
        (503, b"busy", "chat.busy", {"retry_s": 5}),
        (413, b"", "chat.too_long", {"model": "m"}),
        (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, "chat.too_long", {"model": "m"}),
        (400, {"object": "error", "message": "This model's maximum context length is 9"}, "chat.too_long", {}),
        (400, {"error": {"message": "bad\x00 seed\n<@5>"}}, "chat.failed", {"status": 400, "detail": "bad seed <@5>"}),
        (400, {"error": "only text"}, "chat.failed", {"status": 400, "detail": "only text"}),
        (500, b"<html>" + b"x" * 5000, "chat.failed", {"status": 500}),
        (500, b"\xff\xfe", "chat.failed", {"status": 500}),
        (500, b"[" * 9000, "chat.failed", {"status": 500}),
        (302, b"", "chat.failed", {"status": 302}),
        (204, b"", "chat.failed", {"status": 204}),
    ],
)
async def test_each_refusal_has_its_name(status: int, body: Any, key: str, facts: dict[str, Any]) -> None:
    problem = await refused(replying(status, body, Location="/v1/models"))
    assert problem.key == key
    assert problem.facts.items() >= facts.items()
    assert len(str(problem.facts.get("detail", ""))) <= 200


async def test_a_busy_server_says_when_to_come_back() -> None:
    assert (await refused(replying(429, b"", **{"Retry-After": "12"}))).facts["retry_s"] == 12
    date = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert (await refused(replying(429, b"", **date))).facts["retry_s"] == 5


@pytest.mark.parametrize(
    ("stream", "key"),
    [
        ('data: {"error": {"message": "cuda died", "code": 500}}\n\n', "chat.failed"),
        ('data: {"error": {"message": "x", "code": "context_length_exceeded"}}\n\n', "chat.too_long"),
        ('data: {"error": "text"}\n\n', "chat.failed"),
        ("data: {not json}\n\n", "chat.failed"),
        ("data: 7\n\n", "chat.failed"),
        ("data: " + "[" * 9000 + "\n\n", "chat.failed"),
        ("", "chat.failed"),
    ],
)
async def test_an_answer_that_breaks_in_the_middle_is_never_taken_for_whole(stream: str, key: str) -> None:
    heard: list[str] = []
    handler = streaming(f"data: {delta('half')}\n\n{stream}".encode())
    async with server(handler) as url, ChatClient(url) as client:
        with pytest.raises(ChatUnavailable) as refusal:  # noqa: PT012
            async for piece in client.stream("m", MESSAGES):
                heard.append(piece)
    assert heard == ["half"]
    assert refusal.value.problem.key == key


async def test_a_connection_that_drops_is_named() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(f"data: {delta('half')}\n\n".encode())
        assert request.transport is not None
        request.transport.abort()
        return response

    assert (await refused(handler)).key == "chat.failed"


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"", b"[1]", b'{"choices": []}', b'{"choices": 5}'])
async def test_a_page_that_is_no_answer_is_named(body: bytes) -> None:
    assert (await refused(replying(200, body, **{"Content-Type": "text/html"}))).key == "chat.failed"


async def hang() -> None:
    await asyncio.sleep(30)


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        await hang()
        raise AssertionError

    for silent in (handler, streaming(f"data: {delta('half')}\n\n".encode(), after=hang)):
        problem = await asyncio.wait_for(refused(silent, timeout_s=0.2), 5)
        assert (problem.key, problem.facts["waited_s"]) == ("chat.silent", 0.2)


async def test_signs_of_life_do_not_stretch_an_answer_for_ever() -> None:
    async def alive() -> AsyncIterator[bytes]:
        while True:
            yield b": waiting\n\n"
            await asyncio.sleep(0.05)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        async for part in alive():
            await response.write(part)
        return response

    problem = await asyncio.wait_for(refused(handler, timeout_s=0.3, answer_s=0.9), 5)
    assert problem.key == "chat.silent"


@pytest.mark.parametrize("in_stream", [False, True])
async def test_an_answer_that_might_not_fit_gets_what_is_left_of_the_context(in_stream: bool) -> None:
    asked: list[dict[str, Any]] = []
    refusal = {"error": {"message": "x", "code": "context_length_exceeded"}}

    async def handler(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        if "max_tokens" not in asked[-1]:
            return await streaming(WHOLE.encode())(request)
        if in_stream:
            return await streaming(f"data: {json.dumps(refusal)}\n\n".encode())(request)
        return web.json_response(refusal, status=400)

    async with server(handler) as url, ChatClient(url, "token", timeout_s=5.0) as client:
        assert await client.answer("m", MESSAGES, max_tokens=256) == "自転車🚲"
    assert [body.pop("max_tokens", None) for body in asked] == [256, None]
    assert asked[0] == asked[1]


async def test_a_prompt_that_does_not_fit_is_refused_whatever_is_asked_for() -> None:
    refusal = replying(400, {"error": {"message": "x", "code": "context_length_exceeded"}})
    async with server(refusal) as url, ChatClient(url, "token", timeout_s=5.0) as client:
        with pytest.raises(ChatUnavailable) as refused_twice:
            await client.answer("m", MESSAGES, max_tokens=256)
    assert refused_twice.value.problem.key == "chat.too_long"


async def test_an_answer_that_has_begun_is_never_asked_for_again() -> None:
    refusal = json.dumps({"error": {"message": "x", "code": "context_length_exceeded"}})
    breaking = streaming(f"data: {delta('a')}\n\ndata: {refusal}\n\n".encode())
    async with server(breaking) as url, ChatClient(url, "token", timeout_s=5.0) as client:
        pieces = client.stream("m", MESSAGES, max_tokens=256)
        assert await anext(pieces) == "a"
        with pytest.raises(ChatUnavailable):
            await anext(pieces)


async def test_no_server_is_named() -> None:
    for url in (f"http://127.0.0.1:{unused_port()}", "http://host.invalid", "not a url", "ftp://127.0.0.1"):
        async with ChatClient(url, timeout_s=5.0) as client:
            for call in (client.models, functools.partial(client.answer, "m", MESSAGES)):
                with pytest.raises(ChatUnavailable) as refusal:
                    await call()
                assert refusal.value.problem.key == "chat.no_server"
                assert refusal.value.problem.facts["url"] == url


async def test_closing_the_stream_closes_the_request() -> None:
    left = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            return await streaming(f"data: {delta('a')}\n\n".encode(), after=hang)(request)
        finally:
            left.set()

    async with server(handler) as url, ChatClient(url) as client:
        async with aclosing(client.stream("m", MESSAGES)) as pieces:
            assert await anext(pieces) == "a"
            assert not left.is_set()
        await asyncio.wait_for(left.wait(), 2)


async def test_a_cancelled_reader_closes_the_request_and_stays_cancelled() -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        begun.set()
        try:
            return await streaming(f"data: {delta('a')}\n\n".encode(), after=hang)(request)
        finally:
            left.set()

    async with server(handler) as url, ChatClient(url) as client:
        reading = asyncio.ensure_future(client.answer("m", MESSAGES))
        await asyncio.wait_for(begun.wait(), 2)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await asyncio.wait_for(left.wait(), 2)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"data": [{"id": "a"}, {"id": "red/job-1-best"}]}, ("a", "red/job-1-best")),
        ({"object": "list", "data": []}, ()),
    ],
)
async def test_models_are_named(body: Any, names: Sequence[str]) -> None:
    queries: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        queries.append(request.query_string)
        return web.json_response(body)

    async with server(handler) as url, ChatClient(url) as client:
        assert await client.models() == names
        assert await client.models("red") == names
    assert queries == ["", "team=red"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"data": 5}', b'{"data": [{}]}', b'{"data": ["x"]}'])
async def test_no_list_of_models_is_named(body: bytes) -> None:
    async with server(replying(200, body)) as url, ChatClient(url) as client:
        with pytest.raises(ChatUnavailable) as refusal:
            await client.models()
    assert refusal.value.problem.key == "chat.failed"


def test_importing_the_client_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    heavy = ("torch", "transformers", "peft", "optuna")
    code = f"import sys, tuner.chat.client; print([name for name in {heavy} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True).stdout
    assert out.strip() == "[]"
