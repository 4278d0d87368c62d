"""What is being answered just now: the end of the process waits for it instead of closing the store under it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PATIENCE_S = 5.0


@dataclass(slots=True)
class Busy:
    """One for the process."""

    tasks: dict[asyncio.Task[object], int] = field(default_factory=dict)
    """Task -> how often it entered; a turn may be part of another."""

    @contextmanager
    def turn(self) -> Iterator[None]:
        """The current task answers somebody."""
        task = asyncio.current_task()
        assert task is not None
        self.tasks[task] = self.tasks.get(task, 0) + 1
        try:
            yield
        finally:
            self.tasks[task] -= 1
            if not self.tasks[task]:
                del self.tasks[task]

    async def end(self, patience_s: float = PATIENCE_S) -> None:
        """Promises that no turn goes on: those that are still busy after `patience_s` are cancelled."""
        current = asyncio.current_task()
        under_way = {task for task in self.tasks if task is not current}
        if not under_way:
            return
        _, late = await asyncio.wait(under_way, timeout=patience_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
