"""What a child prints, kept twice: appended to a log file of bounded size, and the last lines in memory.

A full disk costs the log, never the child: its pipe is read on, so that a print cannot block or fail there.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from pathlib import Path

KEPT_LINES = 20
LARGEST_BYTES = 4 * 1024 * 1024
"""A larger log becomes `NAME.1` before it is appended to."""
END_S = 2.0


class Tail:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._last: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._begun = b""

    async def follow(self, stream: asyncio.StreamReader) -> None:
        """Reads until the stream ends."""
        while chunk := await stream.read(65_536):
            *lines, self._begun = (self._begun + chunk).split(b"\n")
            self._begun = self._begun[-4_000:]  # A progress bar draws one line for ever.
            self._last.extend(lines)
            await asyncio.to_thread(self._append, chunk)

    async def end(self, following: asyncio.Task[None]) -> None:
        """Waits for the rest of what was printed; a grandchild that holds the pipe open does not hold us."""
        await asyncio.wait([following], timeout=END_S)
        if not following.done():
            following.cancel()
            await asyncio.wait([following])

    def text(self) -> str:
        """The last lines, the newest at the end."""
        return b"\n".join([*self._last, self._begun]).decode(errors="replace").strip()

    def _append(self, chunk: bytes) -> None:
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            if self._file.exists() and self._file.stat().st_size > LARGEST_BYTES:
                self._file.replace(self._file.with_name(self._file.name + ".1"))
            with self._file.open("ab") as log:
                log.write(chunk)
