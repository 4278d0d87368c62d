"""What the parent asks of the child, read on a thread of its own so that a stop is heard in mid-step."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable
from typing import Literal

from tuner.runners.base import StopAs
from tuner.runners.wire import Close, Request, Start, Stop, decode_request

GRACE_S = 3.0
"""After `close`, how long the step at hand may take."""

log = logging.getLogger(__name__)


class Inbox:
    """Requests in order, except stops: those are kept as wishes, by the trial's number.

    End of file without a `close` means that the parent is gone: the process ends itself at once, in whatever it is
    doing.
    """

    def __init__(self, handle: int) -> None:
        self._stream = os.fdopen(handle, "rb")
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._wishes: dict[int, StopAs] = {}
        self._waiting: set[int] = set()
        self._closing = False
        self._taker: Callable[[Request], bool] = lambda _: False
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next(self) -> Request:
        """Waits for the next request; there is no time limit, because end of file ends the process."""
        return self._requests.get()

    def poll(self) -> Request | None:
        """The next request, None when there is none yet."""
        try:
            return self._requests.get_nowait()
        except queue.Empty:
            return None

    def wish(self, number: int) -> StopAs | Literal[""]:
        """What was asked of a trial; every trial is pruned once the runner closes, so that nothing more is written."""
        return "pruned" if self._closing else self._wishes.get(number, "")

    def ending(self, number: int) -> Literal["", "pruned", "stopped"]:
        """The same for a runner that parks nothing."""
        wish = self.wish(number)
        return "" if wish == "parked" else wish

    @property
    def closing(self) -> bool:
        """True once the parent wants no more events."""
        return self._closing

    def forget(self, number: int) -> None:
        """A trial has ended: a stop that comes for it means nothing any more."""
        self._waiting.discard(number)
        self._wishes.pop(number, None)

    def pass_on(self, taker: Callable[[Request], bool]) -> None:
        """Every request goes to `taker` first, at once; those that it takes are not kept here."""
        self._taker = taker

    def _read(self) -> None:
        for line in self._stream:
            try:
                request = decode_request(line)
            except (ValueError, KeyError, TypeError):
                log.exception("a line from the parent is no request")
                os._exit(2)
            if self._taker(request):
                continue
            if isinstance(request, Stop):
                if request.number in self._waiting:
                    self._wishes[request.number] = request.outcome
                continue
            if isinstance(request, Start):
                self._waiting.add(request.trial.number)
            if isinstance(request, Close):
                self._closing = True
                timer = threading.Timer(GRACE_S, os._exit, (0,))
                timer.daemon = True
                timer.start()
            self._requests.put(request)
        if not self._closing:
            os._exit(3)
