"""Server-sent events, read as they really arrive: cut anywhere, with comments, any line ending, several data lines."""

from __future__ import annotations

import codecs
import re

MAX_EVENT_CHARACTERS = 4_000_000
"""No honest chunk of an answer is larger; a server that never ends an event must not fill our memory."""


_LINE_END = re.compile("\r\n|\r|\n")


class EventTooLarge(Exception):
    """One event must stay under MAX_EVENT_CHARACTERS."""


class EventReader:
    """Feed it bytes, read the `data` of each event that became whole. Follows the HTML standard's parsing rules,
    except that an event which the end of the stream leaves without its empty line still counts."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._buffer = ""
        self._at_start = True
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Promises the data of each event that `chunk` completes. Raises EventTooLarge."""
        return self._take(self._decoder.decode(chunk), is_last=False)

    def finish(self) -> list[str]:
        """Promises what the stream's end completes."""
        events = self._take(self._decoder.decode(b"", final=True), is_last=True)
        return [*events, self._event()] if self._data else events

    def _take(self, text: str, *, is_last: bool) -> list[str]:
        if self._at_start and text:
            text = text.removeprefix("\ufeff")
            self._at_start = False
        self._size += len(text)
        if self._size > MAX_EVENT_CHARACTERS:
            raise EventTooLarge(f"an event must stay under {MAX_EVENT_CHARACTERS} characters, got {self._size}")
        events: list[str] = []
        lines, self._buffer = _lines(self._buffer + text, is_last=is_last)
        for line in lines:
            if not line:
                if self._data:
                    events.append(self._event())
                self._size = len(self._buffer)
                continue
            name, _, value = line.partition(":")
            if name == "data":
                self._data.append(value.removeprefix(" "))
        return events

    def _event(self) -> str:
        data, self._data = "\n".join(self._data), []
        return data


def _lines(text: str, *, is_last: bool) -> tuple[list[str], str]:
    """Whole lines of `text`, and the rest. A carriage return at the very end may be half of a line ending."""
    half = "\r" if text.endswith("\r") and not is_last else ""
    *lines, rest = _LINE_END.split(text.removesuffix(half) if half else text)
    if is_last and rest:
        lines.append(rest)
        rest = ""
    return lines, rest + half
