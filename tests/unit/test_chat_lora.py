"""Checkpoints at a foreign server: brought when somebody asks, put away when others are, and kind words where not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from vllm_standin import BASE, vllm

from bot.phrases import say
from tuner.chat.client import ChatClient, ChatUnavailable
from tuner.chat.lora import Adapters
from tuner.problems import Problem
from tuner.store.records import Checkpoint

MESSAGES = [{"role": "user", "content": "hi"}]
FOREIGN_HOME = "/data/onsa"


class Shelf:
    """Stands where the store stands: job 1 of team red has `count` checkpoints, the last one is the best."""

    def __init__(self, count: int = 3) -> None:
        self.kept = [Checkpoint(id=n, job=1, job_number=1, trial=n, team="red", folder=f"teams/red/trial-{n}",
                                sha256="s", value=1.0) for n in range(count)]

    async def checkpoints(self, team: str, job_number: int | None = None) -> list[Checkpoint]:
        return self.kept if (team, job_number) == ("red", 1) else []

    async def best_checkpoint(self, team: str, job_number: int | None = None) -> Checkpoint | None:
        return self.kept[-1] if (team, job_number) == ("red", 1) else None


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The adapters as the server sees them, under another path than at home."""
    for number in range(3):
        folder = tmp_path / FOREIGN_HOME.lstrip("/") / "teams" / "red" / f"trial-{number}"
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text("{}")
    return tmp_path


def client(url: str, *, most: int = 2) -> ChatClient:
    return ChatClient(url, timeout_s=10.0, adapters=Adapters(Shelf(), FOREIGN_HOME, most))


async def problem(chat: ChatClient, model: str) -> Problem:
    with pytest.raises(ChatUnavailable) as refusal:
        await chat.answer(model, MESSAGES)
    return refusal.value.problem


async def test_an_adapter_is_brought_when_somebody_asks_and_only_once(files: Path) -> None:
    async with vllm(sees=files) as server, client(server.url) as chat:
        for _ in range(2):
            assert await chat.answer("red/job-1-trial-0", MESSAGES) == "I am red/job-1-trial-0"
        assert server.adapters == {"red/job-1-trial-0": f"{FOREIGN_HOME}/teams/red/trial-0"}
        assert [call for call in server.calls if call[0] == "load"] == [("load", "red/job-1-trial-0")]


async def test_the_untouched_model_is_the_servers_own_and_the_best_is_its_try(files: Path) -> None:
    async with vllm(sees=files) as server, client(server.url) as chat:
        assert await chat.answer("red/job-1-base", MESSAGES) == f"I am {BASE}"
        assert await chat.answer("red/job-1-best", MESSAGES) == "I am red/job-1-trial-2"


async def test_what_was_used_least_recently_is_put_away(files: Path) -> None:
    async with vllm(sees=files) as server, client(server.url) as chat:
        for number in (0, 1, 0, 2):
            await chat.answer(f"red/job-1-trial-{number}", MESSAGES)
        assert sorted(server.adapters) == ["red/job-1-trial-0", "red/job-1-trial-2"]
        assert await chat.answer("red/job-1-trial-1", MESSAGES) == "I am red/job-1-trial-1"
        assert len(server.adapters) == 2


async def test_nothing_is_put_away_that_is_answering(files: Path) -> None:
    async with vllm(sees=files) as server, client(server.url, most=1) as chat:
        await chat.answer("red/job-1-trial-0", MESSAGES)
        server.hold = asyncio.Event()
        busy = asyncio.create_task(chat.answer("red/job-1-trial-0", MESSAGES))
        while len(server.calls) < 4:  # noqa: ASYNC110  (the stand-in tells only so)
            await asyncio.sleep(0.01)
        other = asyncio.create_task(chat.answer("red/job-1-trial-1", MESSAGES))
        while "red/job-1-trial-1" not in server.adapters:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert "red/job-1-trial-0" in server.adapters
        server.hold.set()
        assert await busy == "I am red/job-1-trial-0"
        await other
        await chat.answer("red/job-1-trial-2", MESSAGES)
        assert list(server.adapters) == ["red/job-1-trial-2"]


async def test_a_server_that_was_started_anew_gets_the_adapter_again(files: Path) -> None:
    async with vllm(sees=files) as server, client(server.url) as chat:
        await chat.answer("red/job-1-trial-0", MESSAGES)
        server.adapters.clear()
        assert await chat.answer("red/job-1-trial-0", MESSAGES) == "I am red/job-1-trial-0"


async def test_an_adapter_that_another_client_brought_is_used(files: Path) -> None:
    async with vllm(sees=files) as server, client(server.url) as one, client(server.url) as other:
        said = await asyncio.gather(*(chat.answer("red/job-1-trial-0", MESSAGES) for chat in (one, other, one, other)))
        assert set(said) == {"I am red/job-1-trial-0"}


async def test_a_server_that_may_not_be_told_is_named_with_what_to_set(files: Path) -> None:
    async with vllm(sees=files, updates=False) as server, client(server.url) as chat:
        assert (await problem(chat, "red/job-1-trial-0")).key == "chat.lora_off"
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in say("problems.chat.lora_off", "ja", {"url": "u", "model": "m"})


async def test_a_server_that_does_not_see_the_files_is_named_with_the_folder(files: Path) -> None:
    async with vllm(sees=None) as server, client(server.url) as chat:
        said = await problem(chat, "red/job-1-trial-0")
    assert said.key == "chat.lora_failed"
    assert said.facts["folder"] == f"{FOREIGN_HOME}/teams/red/trial-0"
    assert "No adapter found" in str(said.facts["detail"])


@pytest.mark.parametrize("model", ["red/job-1-trial-9", "blue/job-1-trial-0", "gpt-4"])
async def test_what_is_not_ours_stays_unknown_and_nothing_is_brought(files: Path, model: str) -> None:
    async with vllm(sees=files) as server, client(server.url) as chat:
        assert (await problem(chat, model)).key == "chat.unknown_model"
        assert not server.adapters
