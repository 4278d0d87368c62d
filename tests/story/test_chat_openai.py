"""The real chat server, asked by the `openai` client and by our own, on the embedded model and a random one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from chat_home import ROOT, Served, build, served

from tuner.chat.address import read_address, read_token
from tuner.chat.client import ChatClient, ChatUnavailable
from tuner.embedded import MODEL_NAME, model_path

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),  # transformers' note on peft
]

RED = ("red/job-1-base", "red/job-1-best", "red/job-1-trial-0", "red/job-1-trial-1")
ENGLISH = [{"role": "user", "content": "Hello! How are you today?"}]
JAPANESE = [{"role": "user", "content": "こんにちは。今日の天気について教えてください。"}]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("chat"))


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Served]:
    with served(home) as made:
        yield made


@pytest.fixture
async def client(server: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    url = f"{server.address.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=server.token, max_retries=0, timeout=60) as made:
        yield made


async def whole(client: openai.AsyncOpenAI, model: str, messages: Any = ENGLISH, **options: Any) -> Any:
    return await client.chat.completions.create(
        model=model, messages=messages, **{"temperature": 0, "max_tokens": 40, **options}
    )


async def text(client: openai.AsyncOpenAI, model: str, messages: Any = ENGLISH, **options: Any) -> str:
    content: str = (await whole(client, model, messages, **options)).choices[0].message.content
    return content


async def pieces(client: openai.AsyncOpenAI, model: str, messages: Any = ENGLISH, **options: Any) -> list[str]:
    chunks = await whole(client, model, messages, stream=True, **options)
    return [chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices]


async def test_models_are_listed_for_all_and_for_one_team(client: openai.AsyncOpenAI) -> None:
    everybody = [model.id async for model in client.models.list()]
    blue = [f"blue/{name}" for name in ("team-model", "job-1-base", "job-1-best", "job-1-trial-0")]
    assert everybody == [MODEL_NAME, *blue, "red/team-model", *RED]
    assert [model.id async for model in client.models.list(extra_query={"team": "red"})] == [
        MODEL_NAME, "red/team-model", *RED]
    assert (await client.models.retrieve("red/job-1-best")).id == "red/job-1-best"


@pytest.mark.parametrize("model", [MODEL_NAME, *RED])
@pytest.mark.parametrize("messages", [ENGLISH, JAPANESE], ids=["english", "japanese"])
async def test_a_stream_adds_up_to_the_whole_answer(client: openai.AsyncOpenAI, model: str, messages: Any) -> None:
    parts = await pieces(client, model, messages)
    assert "".join(parts) == await text(client, model, messages)
    assert not parts[-1].endswith("\ufffd")
    assert len(parts) > 3, "it comes in pieces"


async def test_the_best_is_its_trial_and_no_other(client: openai.AsyncOpenAI) -> None:
    base, best, first, second = [await text(client, model) for model in RED]
    assert best == second
    assert len({base, first, second, await text(client, "blue/job-1-best")}) == 4


async def test_japanese_comes_in_whole_characters(client: openai.AsyncOpenAI) -> None:
    for temperature in (0, 0.7):
        parts = await pieces(client, MODEL_NAME, JAPANESE, temperature=temperature, seed=1, max_tokens=80)
        assert not any("\ufffd" in part for part in parts)
        assert any(ord(character) > 0x3000 for character in "".join(parts)), "it answers in Japanese"


async def test_the_embedded_model_ends_its_answers_itself(client: openai.AsyncOpenAI) -> None:
    answer = await whole(client, MODEL_NAME, max_tokens=200)
    assert answer.choices[0].finish_reason == "stop"
    assert "<|" not in answer.choices[0].message.content


async def test_a_seed_gives_the_same_answer_again(client: openai.AsyncOpenAI) -> None:
    hot = {"temperature": 1.2, "top_p": 0.95, "max_tokens": 20}
    first = await text(client, RED[1], seed=11, **hot)
    assert await text(client, RED[1], seed=11, **hot) == first
    assert "".join(await pieces(client, RED[1], seed=11, **hot)) == first
    assert await text(client, RED[1], seed=12, **hot) != first


@pytest.mark.parametrize("model", [MODEL_NAME, RED[2]])
async def test_a_stop_sequence_ends_the_answer_before_itself(client: openai.AsyncOpenAI, model: str) -> None:
    full = await text(client, model)
    stop = full[len(full) // 2 :][:4]
    expected = full[: full.index(stop)]
    answer = await whole(client, model, stop=stop)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (expected, "stop")
    assert "".join(await pieces(client, model, stop=["never there", stop])) == expected


async def test_max_tokens_cuts_and_usage_counts(client: openai.AsyncOpenAI) -> None:
    from transformers import AutoTokenizer

    tokenizer = await asyncio.to_thread(AutoTokenizer.from_pretrained, model_path())
    asked = tokenizer.apply_chat_template(ENGLISH, add_generation_prompt=True)["input_ids"]
    answer = await whole(client, MODEL_NAME, max_tokens=3)
    assert answer.choices[0].finish_reason == "length"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (len(asked), 3)
    chunks = await whole(client, MODEL_NAME, max_tokens=3, stream=True, stream_options={"include_usage": True})
    assert [chunk.usage async for chunk in chunks][-1] == answer.usage


@pytest.mark.parametrize(
    ("options", "error", "code"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found"),
        ({"model": "red/job-7-best"}, openai.NotFoundError, "model_not_found"),
        ({"model": "blue/job-1-trial-1"}, openai.NotFoundError, "model_not_found"),
        ({"n": 2}, openai.BadRequestError, "invalid_value"),
        ({"temperature": 9}, openai.BadRequestError, "invalid_value"),
        ({"max_tokens": 2000}, openai.BadRequestError, "context_length_exceeded"),
        ({"max_tokens": 5000}, openai.BadRequestError, "invalid_value"),
        ({"messages": []}, openai.BadRequestError, "invalid_value"),
        ({"messages": [{"role": "user", "content": "x" * 2000}]}, openai.BadRequestError, "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "x" * 2_000_000}]}, openai.APIStatusError, "request_too_large"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_reaches_the_caller_by_its_code(
    client: openai.AsyncOpenAI, options: dict[str, Any], error: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    body = {"model": RED[0], "messages": ENGLISH, "stream": stream, **options}
    with pytest.raises(error) as refusal:
        await client.chat.completions.create(**body)
    assert refusal.value.code == code


async def test_a_wrong_token_is_refused(server: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{server.address.url}/v1", api_key="wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError) as refusal:
            await stranger.models.list()
        assert refusal.value.code == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            await text(stranger, MODEL_NAME)


async def test_ten_people_at_once_get_what_each_would_get_alone(client: openai.AsyncOpenAI) -> None:
    asks = [(model, messages) for model in (MODEL_NAME, *RED) for messages in (ENGLISH, JAPANESE)]
    alone = [await text(client, model, messages) for model, messages in asks]
    together = await asyncio.gather(
        *(_joined(client, *ask) if at % 2 else text(client, *ask) for at, ask in enumerate(asks))
    )
    assert together == alone


async def _joined(client: openai.AsyncOpenAI, model: str, messages: Any) -> str:
    return "".join(await pieces(client, model, messages))


async def test_who_leaves_frees_the_place_and_a_full_server_says_when_to_come_back(home: Path) -> None:
    """Eight answers at a time; twelve of some 250 tokens are dropped when nobody listens."""
    with served(home, "--places", "8", "--line", "4") as made:
        async with openai.AsyncOpenAI(
            base_url=f"{made.address.url}/v1", api_key=made.token, max_retries=0, timeout=60
        ) as client:
            streams = await asyncio.gather(*(
                whole(client, RED[1], temperature=2, seed=seed, max_tokens=450, stream=True, user=f"person {seed % 3}")
                for seed in range(12)
            ))
            with pytest.raises(openai.RateLimitError) as refusal:
                await text(client, RED[0])
            assert int(refusal.value.response.headers["Retry-After"]) >= 1
            assert refusal.value.code == "overloaded"
            for stream in streams:
                await stream.close()
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    assert await text(client, RED[0], max_tokens=5)
                    return
                except openai.RateLimitError:
                    await asyncio.sleep(0.05)
            raise AssertionError("the places must be free again")


async def test_bytes_that_are_no_request_harm_nobody(server: Served, client: openai.AsyncOpenAI) -> None:
    place = urlsplit(server.address.url)
    for garbage in (b"\x00\xff" * 500, b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/chat/completions HTTP/1.1\r\n\r\n", b""):
        _, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(garbage)
        await writer.drain()
        writer.close()
    assert await text(client, RED[0], max_tokens=5)


async def test_our_own_client_hears_the_same(server: Served, client: openai.AsyncOpenAI) -> None:
    async with ChatClient(server.address.url, server.token) as own:
        assert await own.models("red") == (MODEL_NAME, "red/team-model", *RED)
        for model in (MODEL_NAME, RED[1]):
            said = await own.answer(model, JAPANESE, temperature=0.0, max_tokens=40)
            assert said == await text(client, model, JAPANESE)
        async with aclosing(own.stream(RED[1], ENGLISH, max_tokens=400, temperature=2.0, seed=3)) as answer:
            assert await anext(answer)


@pytest.mark.parametrize(
    ("model", "token", "question", "key"),
    [
        ("red/job-9-best", None, "hi", "chat.unknown_model"),
        (MODEL_NAME, "wrong", "hi", "chat.refused_token"),
        (RED[0], None, "x" * 600, "chat.too_long"),
        (RED[0], None, "x" * 2_000_000, "chat.too_long"),
    ],
)
async def test_our_own_client_names_what_is_wrong(
    server: Served, model: str, token: str | None, question: str, key: str
) -> None:
    async with ChatClient(server.address.url, token or server.token) as own:
        with pytest.raises(ChatUnavailable) as refusal:
            await own.answer(model, [{"role": "user", "content": question}])
    assert refusal.value.problem.key == key
    assert refusal.value.problem.facts["model"] == model.removeprefix("red/")


def test_the_token_is_the_owners_alone_and_stays(server: Served, home: Path) -> None:
    assert (home / "chat.token").stat().st_mode & 0o777 == 0o600
    assert len(server.token) >= 40
    assert urlsplit(server.address.url).hostname == "127.0.0.1"


def test_a_token_outlives_the_server_and_the_address_does_not(tmp_path: Path) -> None:
    tokens = []
    for number in (signal.SIGTERM, signal.SIGINT):
        with served(tmp_path) as made:
            tokens.append(read_token(tmp_path))
            started = time.monotonic()
            made.process.send_signal(number)
            assert made.process.wait(10) == 0
            assert time.monotonic() - started < 30, "three seconds on a machine that is not busy"
            assert read_address(tmp_path) is None
    assert tokens[0] is not None
    assert tokens[0] == tokens[1]


async def test_a_stream_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with served(tmp_path) as made:
        async with ChatClient(made.address.url, made.token) as own:
            messages = [{"role": "user", "content": "hi"}]
            heard = []
            with pytest.raises(ChatUnavailable):  # noqa: PT012
                while True:
                    async for piece in own.stream(MODEL_NAME, messages, temperature=2.0):
                        heard.append(piece)
                        if len(heard) == 1:
                            started = time.monotonic()
                            made.process.terminate()
        assert await asyncio.to_thread(made.process.wait, 10) == 0
        assert time.monotonic() - started < 30, "three seconds on a machine that is not busy"


def test_a_server_whose_parent_died_ends(tmp_path: Path) -> None:
    with served(tmp_path, "--parent-pipe") as made:
        assert made.process.stdin is not None
        made.process.stdin.write(b"bytes mean nothing")
        made.process.stdin.close()
        made.process.stdin = None
        assert made.process.wait(10) == 0
    assert read_address(tmp_path) is None


def test_an_idle_server_ends_when_told_so(tmp_path: Path) -> None:
    with served(tmp_path, "--idle", "0.5") as made:
        assert made.process.wait(20) == 0


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tuner.chat", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_without_a_token_it_stays_on_this_machine(tmp_path: Path) -> None:
    refused = _run("--home", str(tmp_path), "--host", "0.0.0.0", "--no-token")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "chat.unprotected" in refused.stderr
    with served(tmp_path, "--no-token") as made:
        assert read_token(tmp_path) is None
        with openai.OpenAI(base_url=f"{made.address.url}/v1", api_key="any", max_retries=0) as client:
            assert [model.id for model in client.models.list()] == [MODEL_NAME]


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = _run("--home", str(tmp_path), "--port", str(taken.getsockname()[1]))
    assert refused.returncode == 2
    assert "chat.cannot_listen" in refused.stderr
    assert read_address(tmp_path) is None


def test_an_older_server_leaves_the_newer_ones_address(tmp_path: Path) -> None:
    with served(tmp_path) as older, served(tmp_path) as newer:
        assert older.token == newer.token
        older.process.terminate()
        assert older.process.wait(10) == 0
        assert read_address(tmp_path) == newer.address


def test_a_killed_server_is_replaced(tmp_path: Path) -> None:
    with served(tmp_path) as killed:
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait(10)
        assert json.loads((tmp_path / "chat.json").read_text())["pid"] == killed.process.pid
    with served(tmp_path) as made:
        assert read_address(tmp_path) == made.address
