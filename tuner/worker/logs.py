"""home/logs/worker.log: one JSON object a line, with the action and the job. Holds no person's words and no data."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LARGEST_BYTES = 4 * 1024 * 1024
_ROOT = logging.getLogger("onsa")


def note(action: str, job: int | None = None, *, level: int = logging.INFO, trace: bool = False,
         **facts: str | int | float | bool | None) -> None:
    """Promises one record, written by a thread of the log's own."""
    fields = {"action": action, "job": job, **facts}
    _ROOT.log(level, action, extra={"fields": fields}, exc_info=trace)


@contextmanager
def logged(home: Path) -> Iterator[None]:
    """While inside, records go to the log file; a full disk costs records, nothing else."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    to_file = _Quiet(home / "logs" / "worker.log", maxBytes=LARGEST_BYTES, backupCount=2, encoding="utf-8", delay=True)
    to_file.setFormatter(_Lines())
    writer = logging.handlers.QueueListener(waiting, to_file)
    hand_over = _HandOver(waiting)
    before = _ROOT.level
    _ROOT.addHandler(hand_over)
    _ROOT.setLevel(logging.INFO)
    writer.start()
    try:
        yield
    finally:
        _ROOT.removeHandler(hand_over)
        _ROOT.setLevel(before)
        writer.stop()
        to_file.close()


class _HandOver(logging.handlers.QueueHandler):
    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """As it is: the writer is in this process, and formats the traceback itself."""
        return record


class _Quiet(logging.handlers.RotatingFileHandler):
    def emit(self, record: logging.LogRecord) -> None:
        """In the log's own thread, where making the folder blocks nobody."""
        with contextlib.suppress(OSError):
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """A log that cannot be written says so once on stderr, where the service's own log catches it."""
        if not getattr(self, "_told", False):
            self._told = True
            print(f"the log {self.baseFilename} cannot be written", file=sys.stderr)


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {"action": record.getMessage()})
        body = {"at": round(record.created, 3), "level": record.levelname.lower(), **fields}
        if record.exc_info:
            body["trace"] = self.formatException(record.exc_info)
        return json.dumps({key: value for key, value in body.items() if value is not None}, ensure_ascii=False)
