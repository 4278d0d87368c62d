"""The chat server's one route for people: an export by its signed link (links.py). Knows no model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from tuner.chat.links import PREFIX, open_link


def add_downloads(app: web.Application, home: Path, clock: Callable[[], float] = time.time) -> None:
    """Adds the route. A link that is wrong, over or empty gets 404, and nothing tells which."""

    async def download(request: web.Request) -> web.StreamResponse:
        file = await asyncio.to_thread(open_link, home, request.match_info["token"], clock())
        if file is None:
            raise web.HTTPNotFound
        return web.FileResponse(file, headers={
            "Content-Disposition": f'attachment; filename="{file.name}"', "Content-Type": "application/zip",
            "Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
        })

    app.router.add_get(PREFIX + "{token}/{name}", download)
