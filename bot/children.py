"""The worker and the chat server as child processes of a front: started when needed, ended with it, by process id.

Knows nothing of what they do. Each child holds the other end of a pipe and ends itself when this process is gone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from tuner.chat.client import ChatClient, ChatUnavailable
from tuner.chat.lora import Adapters
from tuner.problems import Problem

CHAT_STARTS_S = 60.0
"""Until it listens, on a busy machine; models are loaded later."""
AGAIN_S = (1.0, 5.0, 30.0)
"""Before a worker that died is started anew: after its first, second and each later death soon after a start."""
STEADY_S = 60.0
"""A worker that lived so long did not die of its start."""


class Children:
    """Owns at most one worker and one chat server. `close` ends both within a few seconds and may be called twice."""

    def __init__(self, home: Path, *, chat_url: str | None = None, chat_token: str | None = None,
                 adapters: Adapters | None = None) -> None:
        """`adapters`: our checkpoints, for a server at `chat_url` that is not Onsa's own."""
        self._home = home
        self._chat_url = chat_url
        self._chat_token = chat_token
        self._adapters = adapters
        self._worker: asyncio.subprocess.Process | None = None
        self._chat: asyncio.subprocess.Process | None = None
        self._client: ChatClient | None = None
        self._starting = asyncio.Lock()
        self._starting_worker = asyncio.Lock()
        self._keeping: asyncio.Task[None] | None = None

    async def keep_worker(self) -> None:
        """Starts the worker, or starts it anew when it has died; from then on that happens by itself until `close`."""
        await self._need_worker()
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep_worker())

    async def _need_worker(self) -> asyncio.subprocess.Process:
        async with self._starting_worker:
            if self._worker is None or self._worker.returncode is not None:
                self._worker = await self._start("tuner.worker", "--home", str(self._home), "--parent-pipe")
            return self._worker

    async def _keep_worker(self) -> None:
        """A job whose worker was killed would wait for ever, and somebody with it."""
        clock = asyncio.get_running_loop().time
        deaths = 0
        while True:
            began = clock()
            with suppress(OSError):
                worker = await self._need_worker()
                await worker.wait()
            deaths = 0 if clock() - began > STEADY_S else deaths
            await asyncio.sleep(AGAIN_S[min(deaths, len(AGAIN_S) - 1)])
            deaths += 1

    async def chat(self) -> ChatClient:
        """Promises a client of a running chat server, starting one when there is none. Raises ChatUnavailable."""
        async with self._starting:
            if self._client is not None and (self._chat is None or self._chat.returncode is None):
                return self._client
            await self._end_client()
            if self._chat_url is not None:
                self._client = ChatClient(self._chat_url, self._chat_token or "", adapters=self._adapters)
                return self._client
            self._chat = await self._start("tuner.chat", "--home", str(self._home), "--parent-pipe")
            url = await self._chat_address(self._chat)
            token = await asyncio.to_thread((self._home / "chat.token").read_text, encoding="utf-8")
            self._client = ChatClient(url, token.strip())
            return self._client

    async def close(self, timeout_s: float = 8.0) -> None:
        """Ends what was started, by process id: first kindly, then by force."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
            self._keeping = None
        await self._end_client()
        children = [child for child in (self._worker, self._chat) if child is not None and child.returncode is None]
        for child in children:
            if child.stdin is not None:
                child.stdin.close()
            child.terminate()
        for child in children:
            try:
                await asyncio.wait_for(child.wait(), timeout_s)
            except TimeoutError:
                child.kill()
                await child.wait()
        self._worker = self._chat = None

    async def _end_client(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _start(self, module: str, *arguments: str) -> asyncio.subprocess.Process:
        logs = self._home / "logs"
        await asyncio.to_thread(logs.mkdir, parents=True, exist_ok=True)
        log = await asyncio.to_thread((logs / f"{module}.err").open, "ab")
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        finally:
            log.close()

    async def _chat_address(self, child: asyncio.subprocess.Process) -> str:
        path = self._home / "chat.json"
        deadline = asyncio.get_running_loop().time() + CHAT_STARTS_S
        while asyncio.get_running_loop().time() < deadline and child.returncode is None:
            try:
                found = json.loads(await asyncio.to_thread(path.read_text, encoding="utf-8"))
            except (OSError, ValueError):
                found = {}
            if found.get("pid") == child.pid:
                return str(found["url"])
            await asyncio.sleep(0.1)
        log = self._home / "logs" / "tuner.chat.err"
        raise ChatUnavailable(Problem(key="chat.did_not_start", facts={"log": str(log)}))
