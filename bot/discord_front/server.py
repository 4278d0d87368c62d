"""Which server is Discord: the real one, or another that speaks the same protocol."""

from __future__ import annotations

from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket

_ANSWER_S = 20.0


def api_base(given: str) -> str:
    """Promises the base of the REST routes: a bare host gets the usual path and version."""
    url = yarl.URL(given.rstrip("/"))
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"the address of a server starts with http:// or https://, got {given!r}")
    path = url.path.rstrip("/")
    if path in ("", "/api"):
        path = "/api/v10"
    return str(url.with_path(path))


async def point_to(base: str, token: str) -> None:
    """Points discord.py to another server for this process; the gateway's address comes from that server.

    Raises aiohttp.ClientError, TimeoutError or OSError while it does not answer.
    """
    discord.http.Route.BASE = base
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(await _gateway(base, token))


async def _gateway(base: str, token: str) -> str:
    headers = {"Authorization": f"Bot {token}"}
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    problem: Exception = aiohttp.ClientError("no gateway address")
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        for path in ("/gateway/bot", "/gateway"):
            try:
                async with session.get(base + path) as response:
                    if response.status == 401:
                        raise discord.LoginFailure("improper token")
                    found: Any = await response.json(content_type=None)
                    if response.status == 200 and found.get("url"):
                        return str(found["url"])
                    problem = aiohttp.ClientError(f"{path} answered {response.status}")
            except (TimeoutError, aiohttp.ClientError, ValueError, AttributeError) as error:
                problem = error
    raise aiohttp.ClientError(f"no gateway address from {base}: {problem!r}")
