"""A full chat server, from the engine to the sentence that a person reads: when to come back, and never a crash."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from desk_house import words
from judging_house import a_court
from test_chat_engine import Script, ScriptedGeneration

from bot.desk.door import Desk
from bot.phrases import Language, problem_sentences
from bot.replies import Stream
from tuner.chat.asks import ModelRef
from tuner.chat.client import ChatClient, ChatUnavailable
from tuner.chat.engine import Engine
from tuner.chat.server import Api, Limits

HI = [{"role": "user", "content": "hi\0"}]


class Patient(Script):
    """Its steps wait at the gate for as long as a slow machine takes."""

    def step(self) -> list[tuple[ScriptedGeneration, int | Exception]]:
        assert self.gate.wait(300)
        return super().step()


class Names:
    async def names(self, team: str | None = None) -> tuple[str, ...]:
        return ("red/a",)

    async def find(self, name: str) -> ModelRef | None:
        return ModelRef(base=name)


@asynccontextmanager
async def serving(script: Script, *, places: int = 1, line: int = 1) -> AsyncIterator[str]:
    engine = Engine(lambda: script, places=places, line=line)
    try:
        api = Api(Names(), engine, token=None, limits=Limits(quiet_s=0.05))
        async with TestServer(api.app(), handler_cancellation=True) as server:
            yield str(server.make_url("/"))
    finally:
        script.gate.set()
        assert await asyncio.to_thread(engine.close, 5.0)


async def refusals(client: ChatClient, count: int, script: Script) -> list[ChatUnavailable]:
    """What those hear for whom there is no room, and nobody who was let in hears anything but the answer."""
    script.gate.clear()
    asked = [asyncio.create_task(client.answer("red/a", HI, user=f"person {at}")) for at in range(count)]
    while len(pending := [task for task in asked if not task.done()]) > 2:
        await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    script.gate.set()
    said = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 60)
    assert [each for each in said if not isinstance(each, ChatUnavailable)] == ["hi", "hi"], "one place, one in line"
    return [each for each in said if isinstance(each, ChatUnavailable)]


@pytest.mark.parametrize(
    ("language", "many", "again"), [("en", "Many people", "Ask again in about"), ("ja", "混み合って", "もう一度")])
async def test_who_finds_a_short_line_full_reads_when_to_ask_again_and_then_gets_an_answer(
    language: Language, many: str, again: str
) -> None:
    script = Patient()
    async with serving(script) as url, ChatClient(url, timeout_s=60.0) as client:
        refused = await refusals(client, 9, script)
        assert [each.problem.key for each in refused] == ["chat.busy"] * 7
        for each in refused:
            seconds = each.problem.facts["retry_s"]
            assert isinstance(seconds, int)
            assert 1 <= seconds <= 3600
            [sentence] = problem_sentences([each.problem], language)
            assert many in sentence
            assert again in sentence
            assert str(seconds) in sentence
        assert await client.answer("red/a", HI, user="person 8") == "hi"


async def test_the_refusal_is_openais_own() -> None:
    script = Patient()
    async with serving(script) as url, aiohttp.ClientSession() as http:
        script.gate.clear()
        body = {"model": "red/a", "messages": HI, "stream": True}
        streams = [await http.post(f"{url}v1/chat/completions", json={**body, "user": name}) for name in "ab"]
        for stream in (True, False):
            async with http.post(f"{url}v1/chat/completions", json={**body, "stream": stream}) as refused:
                assert refused.status == 429
                assert int(refused.headers["Retry-After"]) >= 1
                error = (await refused.json())["error"]
                assert (error["type"], error["code"]) == ("rate_limit_error", "overloaded")
        script.gate.set()
        for response in streams:
            assert (await response.text()).endswith("data: [DONE]\n\n")
            response.close()


async def test_even_the_shortest_line_lets_one_person_compare_two_answers() -> None:
    script = Patient()
    async with serving(script) as url, ChatClient(url, timeout_s=60.0) as client:
        both = (client.answer(name, HI, user="one") for name in ("red/a", "red/b"))
        assert await asyncio.wait_for(asyncio.gather(*both), 60) == ["hi", "hi"]


async def test_in_a_conversation_the_sentence_comes_instead_of_an_answer(tmp_path: Path) -> None:
    script = Patient()
    async with (
        serving(script) as url, ChatClient(url, timeout_s=60.0) as client, aiohttp.ClientSession() as http,
        a_court(tmp_path) as court,
    ):
        async def chat() -> ChatClient:
            return client

        court.aki.desk = Desk(replace(court.aki.desk._services, chat=chat))
        script.gate.clear()
        body = {"model": "red/a", "messages": HI, "stream": True}
        others = [await http.post(f"{url}v1/chat/completions", json={**body, "user": name}) for name in "ab"]
        said = await court.aki.say("ask the best one: what does it cost?")
        [stream] = [reply for reply in said if isinstance(reply, Stream)]
        assert "Many people" in "".join([piece async for piece in stream.pieces])
        assert not stream.is_whole()
        assert "Many people" in words(await court.aki.say("compare: where is the bike?"))
        script.gate.set()
        for response in others:
            assert (await response.text()).endswith("data: [DONE]\n\n")
            response.close()
