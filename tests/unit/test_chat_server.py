"""The HTTP edge on a scripted engine: refusals in OpenAI's form, whole streams, leavers noticed at once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuner.chat.asks import Answered, Ask, AskError, BadMessages, Begun, Busy, Done, Failed, ModelRef, Piece, TooLong
from tuner.chat.server import Api, Limits
from tuner.chat.wire import ApiError, read_body

TOKEN = "a-tökèn"
MODEL = "red/job-1-best"
GOOD = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}


class Line:
    """An answer that a test writes."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[Answered | AskError | Exception] = asyncio.Queue()
        self.is_cancelled = asyncio.Event()

    async def next(self) -> Answered:
        event = await self.events.get()
        if isinstance(event, Exception):
            raise event
        return event

    def cancel(self) -> None:
        self.is_cancelled.set()


class Written:
    """An engine whose next answer is written beforehand."""

    is_ready = True

    def __init__(self) -> None:
        self.asks: list[Ask] = []
        self.has_asked = asyncio.Event()
        self.line = Line()
        self.refusal: AskError | None = None

    def say(self, *events: Answered | Exception) -> None:
        self.line = Line()
        for event in events:
            self.line.events.put_nowait(event)

    def ask(self, ask: Ask) -> Line:
        if self.refusal is not None:
            raise self.refusal
        self.asks.append(ask)
        self.has_asked.set()
        return self.line


class Names:
    async def names(self, team: str | None = None) -> tuple[str, ...]:
        return (MODEL, "日/job-1-best") if team is None else (MODEL,)

    async def find(self, name: str) -> ModelRef | None:
        if name == "explode":
            raise RuntimeError("a secret detail")
        return ModelRef(base="b") if name == MODEL else None


HELLO = (Begun(prompt_tokens=3), Piece(text="こん"), Piece(text="にちは"), Done(reason="stop", tokens=5))


@asynccontextmanager
async def client(engine: Written, *, token: str | None = TOKEN, **limits: Any) -> AsyncIterator[TestClient[Any, Any]]:
    api = Api(Names(), engine, token=token, limits=Limits(**limits), clock=lambda: 1234.5)
    server = TestServer(api.app(), handler_cancellation=True)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with TestClient(server, headers=headers) as made:
        yield made


@pytest.fixture
def engine() -> Written:
    return Written()


async def events_of(response: aiohttp.ClientResponse) -> list[Any]:
    text = (await response.read()).decode()
    assert text.endswith("\n\n")
    datas = [part.removeprefix("data: ") for part in text.split("\n\n") if part.startswith("data: ")]
    return [data if data == "[DONE]" else json.loads(data) for data in datas]


async def error_of(response: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    assert response.status == status, await response.text()
    error: dict[str, Any] = (await response.json())["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["type"]
    return error


async def test_an_answer_comes_whole(engine: Written) -> None:
    engine.say(*HELLO)
    async with client(engine) as http:
        value = await (await http.post("/v1/chat/completions", json=GOOD)).json()
    assert value["choices"][0]["message"] == {"role": "assistant", "content": "こんにちは", "refusal": None}
    assert value["choices"][0]["finish_reason"] == "stop"
    assert value["usage"] == {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    assert (value["object"], value["model"], value["created"]) == ("chat.completion", MODEL, 1234)


async def test_an_answer_comes_in_pieces(engine: Written) -> None:
    engine.say(*HELLO)
    async with client(engine) as http:
        response = await http.post("/v1/chat/completions", json={**GOOD, "stream": True})
        assert response.content_type == "text/event-stream"
        *chunks, last = await events_of(response)
    assert last == "[DONE]"
    assert [chunk["choices"][0]["delta"] for chunk in chunks] == [
        {"role": "assistant", "content": ""}, {"content": "こん"}, {"content": "にちは"}, {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert len({chunk["id"] for chunk in chunks}) == 1


async def test_the_usage_of_a_stream_comes_when_asked_for(engine: Written) -> None:
    engine.say(*HELLO)
    async with client(engine) as http:
        body = {**GOOD, "stream": True, "stream_options": {"include_usage": True}}
        *_, usage, last = await events_of(await http.post("/v1/chat/completions", json=body))
    assert (usage["choices"], last) == ([], "[DONE]")
    assert usage["usage"] == {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}


async def test_what_is_asked_reaches_the_engine(engine: Written) -> None:
    engine.say(*HELLO)
    body = {
        "model": MODEL, "temperature": 0, "top_p": 0.5, "seed": -7, "stop": "x", "max_tokens": 9,
        "max_completion_tokens": 8, "n": 1, "user": "somebody", "logit_bias": {"5": 1}, "made_up": [None],
        "messages": [
            {"role": "developer", "content": "be kind", "name": "d"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ],
    }
    async with client(engine) as http:
        assert (await http.post("/v1/chat/completions", json=body)).status == 200
    [ask] = engine.asks
    assert [(message.role, message.content) for message in ask.messages] == [("system", "be kind"), ("user", "ab")]
    assert (ask.temperature, ask.top_p, ask.seed, ask.stop, ask.max_tokens) == (0.0, 0.5, -7, ("x",), 8)
    assert ask.person == "red/somebody", "of this team"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user", "content": "x"}] * 257}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].type",
        ),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 7}, "model"),
        ({"n": 2}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 2049}, "max_tokens"),
        ({"max_completion_tokens": 10**30}, "max_completion_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.01}, "top_p"),
        ({"seed": 2**63}, "seed"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": [""]}, "stop[0]"),
        ({"stop": ""}, "stop"),
        ({"stop": [5]}, "stop[0]"),
        ({"stream": "yes"}, "stream"),
        ({"user": 5}, "user"),
        ({"stream_options": []}, "stream_options"),
    ],
)
async def test_a_wrong_field_is_named(engine: Written, change: dict[str, Any], param: str) -> None:
    async with client(engine) as http:
        response = await http.post("/v1/chat/completions", data=json.dumps({**GOOD, **change}))
        error = await error_of(response, 400)
    assert error["param"] == param
    assert f"'{param}'" in error["message"] or "too large" in error["message"]
    assert error["type"] == "invalid_request_error"
    assert engine.asks == []


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{" * 100_000, b"[" * 100_000, b'{"model": NaN}',
        b'{"model": "red/job-1-best", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "red/job-1-best", "messages": [{"role": "user", "content": "x"}], "temperature": NaN}',
    ],
)
async def test_garbage_is_a_400(engine: Written, raw: bytes) -> None:
    async with client(engine) as http:
        await error_of(await http.post("/v1/chat/completions", data=raw), 400)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.dictionaries(st.sampled_from([*GOOD, "n", "stop", "seed", "top_p", "stream", "max_tokens"]), JSON))
def test_no_body_breaks_the_reader(changes: dict[str, Any]) -> None:
    status = 200
    try:
        read_body(json.dumps({**GOOD, **changes}).encode())
    except ApiError as error:
        status = error.status
    assert status in (200, 400)


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", "Bearer \xff\xfe", f"Bearer {TOKEN}x"]
)
@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/v1/nothing", "/"])
async def test_without_the_token_nothing_is_answered(engine: Written, header: str | None, path: str) -> None:
    api = Api(Names(), engine, token=TOKEN)
    async with TestClient(TestServer(api.app())) as http:
        headers = {} if header is None else {"Authorization": header}
        method = "POST" if "chat" in path else "GET"
        response = await http.request(method, path, headers=headers)
        assert (await error_of(response, 401))["code"] == "invalid_api_key"
        assert (await http.get("/health")).status == 200
    assert engine.asks == []


async def test_without_a_token_only_this_machines_names_are_answered(engine: Written) -> None:
    async with client(engine, token=None) as http:
        for host, status in {"127.0.0.1:80": 200, "localhost": 200, "[::1]:5": 200, "evil.example": 403}.items():
            assert (await http.get("/v1/models", headers={"Host": host})).status == status


async def test_models_are_listed_and_shown(engine: Written) -> None:
    async with client(engine) as http:
        listed = await (await http.get("/v1/models")).json()
        one_team = await (await http.get("/v1/models?team=red")).json()
        shown = await (await http.get(f"/v1/models/{MODEL}")).json()
        await error_of(await http.get("/v1/models/blue/job-1-best"), 404)
    assert [model["id"] for model in listed["data"]] == [MODEL, "日/job-1-best"]
    assert [model["id"] for model in one_team["data"]] == [MODEL]
    assert shown == {"id": MODEL, "object": "model", "created": 1234, "owned_by": "onsa"}


async def test_what_is_not_there_is_said_in_the_same_form(engine: Written) -> None:
    async with client(engine) as http:
        unknown = await http.post("/v1/chat/completions", json={**GOOD, "model": "gpt-9"})
        assert (await error_of(unknown, 404))["code"] == "model_not_found"
        await error_of(await http.get("/v1/nothing"), 404)
        await error_of(await http.get("/v1/chat/completions"), 405)


async def test_a_body_over_the_limit_is_refused(engine: Written) -> None:
    async with client(engine, body_bytes=1000) as http:
        body = {**GOOD, "messages": [{"role": "user", "content": "x" * 2000}]}
        error = await error_of(await http.post("/v1/chat/completions", json=body), 413)
    assert error["code"] == "request_too_large"


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (TooLong(prompt_tokens=9, answer_tokens=5, context_tokens=10), 400, "context_length_exceeded"),
        (BadMessages("roles must alternate"), 400, "invalid_value"),
        (Failed("abcd"), 500, "internal_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_ask_has_its_status_streamed_or_not(
    engine: Written, refusal: AskError, status: int, code: str, stream: bool
) -> None:
    engine.say(refusal)
    async with client(engine) as http:
        response = await http.post("/v1/chat/completions", json={**GOOD, "stream": stream})
        assert (await error_of(response, status))["code"] == code
    assert engine.line.is_cancelled.is_set()


async def test_too_many_are_told_when_to_come_back(engine: Written) -> None:
    engine.refusal = Busy(7)
    async with client(engine) as http:
        response = await http.post("/v1/chat/completions", json=GOOD)
        assert response.headers["Retry-After"] == "7"
        assert (await error_of(response, 429))["code"] == "overloaded"


async def test_our_own_failure_gives_a_reference_and_no_detail(
    engine: Written, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(engine) as http:
        with caplog.at_level(logging.ERROR):
            response = await http.post("/v1/chat/completions", json={**GOOD, "model": "explode"})
        error = await error_of(response, 500)
    assert "secret" not in error["message"]
    reference = error["message"].rstrip(".").rsplit(" ", 1)[-1]
    assert reference in caplog.text
    assert "a secret detail" in caplog.text


async def test_an_answer_that_breaks_in_the_middle_says_so_in_the_stream(engine: Written) -> None:
    engine.say(Begun(prompt_tokens=3), Piece(text="half"), Failed("abcd"))
    async with client(engine) as http:
        response = await http.post("/v1/chat/completions", json={**GOOD, "stream": True})
        events = await events_of(response)
    assert "abcd" in events[-1]["error"]["message"]
    assert "[DONE]" not in events


async def test_a_stream_that_is_slow_to_begin_is_kept_open(engine: Written) -> None:
    engine.say()
    async with client(engine, quiet_s=0.05) as http:
        response = await http.post("/v1/chat/completions", json={**GOOD, "stream": True})
        seen = b""
        while seen.count(b": waiting\n\n") < 2:
            seen += await asyncio.wait_for(response.content.readany(), 10)
        engine.line.events.put_nowait(Begun(prompt_tokens=1))
        engine.line.events.put_nowait(TooLong(prompt_tokens=9, answer_tokens=5, context_tokens=10))
        rest = (await response.read()).decode()
    assert "context_length_exceeded" in rest


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("begun", [(), HELLO[:2]])
async def test_who_leaves_is_noticed_at_once(engine: Written, stream: bool, begun: tuple[Answered, ...]) -> None:
    engine.say(*begun)
    async with client(engine) as http:
        asking = asyncio.ensure_future(http.post("/v1/chat/completions", json={**GOOD, "stream": stream}))
        await asyncio.wait_for(engine.has_asked.wait(), 10)
        if stream and begun:
            response = await asyncio.wait_for(asking, 10)
            await response.content.readany()
            response.close()
        else:
            asking.cancel()
        await asyncio.wait_for(engine.line.is_cancelled.wait(), 2)


async def test_a_body_that_does_not_arrive_is_given_up(engine: Written) -> None:
    async def dribble() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    async with client(engine, body_s=0.1) as http:
        response = await http.post("/v1/chat/completions", data=dribble())
        assert response.status == 408


