"""Finds the chat server: the one that was named, one that already runs on this home, else a child of the bot."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

from bot.children import Children
from bot.settings import BotSettings
from tuner.chat.client import ChatClient, ChatUnavailable
from tuner.chat.lora import Adapters
from tuner.problems import Problem


class ChatServer:
    """Call it for a client. A server that went away is looked for anew; `close` ends the client, not the server."""

    def __init__(self, settings: BotSettings, home: Path, children: Children, adapters: Adapters) -> None:
        self._settings = settings
        self._home = home
        self._children = children
        self._adapters = adapters
        self._client: ChatClient | None = None
        self._address = ("", "")

    async def __call__(self) -> ChatClient:
        """Promises a client. Raises ChatUnavailable."""
        found = await asyncio.to_thread(self._found)
        if found is None and not self._settings.workers:
            url = self._settings.chat_url or str(self._home / "chat.json")
            raise ChatUnavailable(Problem(key="chat.no_server", facts={"url": url}))
        if found is None:
            return await self._children.chat()
        if self._client is None or found != self._address:
            await self.close()
            self._client, self._address = ChatClient(*found, adapters=self._adapters), found
        return self._client

    async def close(self) -> None:
        """May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _found(self) -> tuple[str, str] | None:
        """(address, token) of a server that somebody else runs, or None."""
        said = self._settings.chat_token.get_secret_value().strip() if self._settings.chat_token is not None else ""
        if self._settings.chat_url:
            return self._settings.chat_url, said or self._token()
        try:
            running = json.loads((self._home / "chat.json").read_text(encoding="utf-8"))
            os.kill(int(running["pid"]), 0)
            return str(running["url"]), self._token()
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _token(self) -> str:
        """That of Onsa's own server on this home; empty where there is none."""
        try:
            return (self._home / "chat.token").read_text(encoding="utf-8").strip()
        except OSError:
            return ""
