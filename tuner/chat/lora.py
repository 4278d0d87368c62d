"""Our checkpoints at somebody else's server: vLLM with `--enable-lora` is told of an adapter when somebody asks for it.

A foreign server knows its base model and the adapters it was told of. When it does not know a name of ours, the adapter
is loaded (`/v1/load_lora_adapter`) and the question asked again; what was used least recently is unloaded, but nothing
that is answering. The server reads the files itself: it has to see this home's folder, perhaps under another path.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Protocol

from tuner.chat.refusals import Source
from tuner.store.records import Checkpoint

MOST_LOADED = 16
"""Adapters that we keep at the server at a time."""
_NAME = re.compile(r"(?P<team>.+)/job-(?P<job>[1-9][0-9]{0,8})-(?P<what>base|best|trial-(?P<trial>[0-9]{1,9}))")
_OURS = "onsa"
_NO_ROUTE = ("Not Found", "Method Not Allowed")
"""What a server says that has no such address at all; about a missing adapter it says more."""

Post = Callable[[str, Mapping[str, Any]], Awaitable[tuple[int, str]]]
"""Sends JSON to an address under /v1; promises the status and what the server says of it."""


class Checkpoints(Protocol):
    """The part of `tuner.store.Store` that is read here."""

    async def checkpoints(self, team: str, job_number: int | None = None) -> list[Checkpoint]: ...

    async def best_checkpoint(self, team: str, job_number: int | None = None) -> Checkpoint | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    name: str
    """As the server calls it: `TEAM/job-3-trial-2`."""
    folder: str
    """As the server sees it."""


class Adapters:
    """What of ours one foreign server holds. Belongs to one event loop."""

    def __init__(self, store: Checkpoints, home: str, most: int = MOST_LOADED) -> None:
        """`home`: this home's folder as the server sees it."""
        self._store = store
        self._home = PurePath(home)
        self._most = most
        self._loaded: OrderedDict[str, None] = OrderedDict()
        """Least recently used first."""
        self._busy: Counter[str] = Counter()
        self._loading = asyncio.Lock()

    @contextmanager
    def used(self, model: str) -> Iterator[None]:
        """While somebody is answered by it, nothing unloads it."""
        self._busy[model] += 1
        if model in self._loaded:
            self._loaded.move_to_end(model)
        try:
            yield
        finally:
            self._busy[model] -= 1

    async def bring(self, source: Source, served: Sequence[Mapping[str, Any]], post: Post) -> str | None:
        """Promises the name under which the server answers for `source.model` from now on; None where it is none of
        ours, or the server is Onsa's own and knows better. `served`: its list of models. Raises ChatUnavailable."""
        found = _NAME.fullmatch(source.model)
        if found is None or any(each.get("owned_by") == _OURS for each in served):
            return None
        if found["what"] == "base":
            return next((str(each["id"]) for each in served if not each.get("parent")), None)
        adapter = await self._adapter(found)
        if adapter is None:
            return None
        async with self._loading:
            await self._make_room(post)
            await _load(source, adapter, post)
            self._loaded[adapter.name] = None
            self._loaded.move_to_end(adapter.name)
        return adapter.name

    async def _adapter(self, found: re.Match[str]) -> Adapter | None:
        team, job = found["team"], int(found["job"])
        kept: Checkpoint | None
        if found["trial"] is None:
            kept = await self._store.best_checkpoint(team, job)
        else:
            all_ = await self._store.checkpoints(team, job)
            kept = next((each for each in all_ if each.trial == int(found["trial"])), None)
        if kept is None:
            return None
        return Adapter(name=f"{team}/job-{job}-trial-{kept.trial}", folder=str(self._home / kept.folder))

    async def _make_room(self, post: Post) -> None:
        idle = [name for name in self._loaded if not self._busy[name]]
        for name in idle[: max(0, len(self._loaded) - self._most + 1)]:
            await post("unload_lora_adapter", {"lora_name": name})  # one that the server forgot is gone as well
            del self._loaded[name]


async def _load(source: Source, adapter: Adapter, post: Post) -> None:
    """Raises ChatUnavailable with what has to be set at the server."""
    status, said = await post("load_lora_adapter", {"lora_name": adapter.name, "lora_path": adapter.folder})
    if status == 200 or "already been loaded" in said:
        return
    if status in (401, 403):
        raise source.problem("refused_token")
    if status in (404, 405) and said in _NO_ROUTE:
        raise source.problem("lora_off")
    raise source.problem("lora_failed", folder=adapter.folder, status=status, detail=said)

