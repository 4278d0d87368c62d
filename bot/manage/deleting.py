"""Deleting a data set with all that came from it: first what that is, then on a yes it is gone, files and rows."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.desk import data
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.manage.wish import Wish
from bot.replies import Card, Reply, Text
from tuner.problems import Fact, Problem, ProblemError
from tuner.store import Store
from tuner.store.records import DataSet
from tuner.store.removal import Busy, Trace

_ORIGINAL, _EXAMPLES = "original.bin", "examples.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """What came of a data set, and how it is found."""

    trace: Trace
    said: frozenset[str]
    """Every question and answer in it."""
    also: tuple[str, ...]
    """Ids of readings of the same file."""
    posted: tuple[str, ...]
    """The files as they were posted, relative to the home."""

    @property
    def folders(self) -> tuple[str, ...]:
        return (*self.trace.folders, *self.posted)

    @property
    def stamp(self) -> str:
        """Another one as soon as more, or less, would go."""
        return hashlib.sha256(repr(self.trace).encode()).hexdigest()[:8]


async def find(turn: Turn, name: str) -> DataSet | None:
    """Promises the data set that a sentence names, with or without its ending; empty: the channel's current one."""
    if not name:
        return await data.current(turn)
    found = await turn.store.dataset(turn.team, name)
    known = await turn.store.datasets(turn.team)
    stems = [each for each in known if each.name.rpartition(".")[0].casefold() == name.casefold()]
    return found or next(iter(stems), None)


async def ask(turn: Turn, wish: Wish) -> AsyncIterator[Reply]:
    """What would go, how much it frees, and a button that does it. Deletes nothing."""
    dataset = await find(turn, wish.name)
    if dataset is None:
        yield Text(text=turn.say("manage.delete.unknown", {"name": wish.name or None}))
        return
    yield _refusal(turn, dataset) or await _card(turn, dataset, await _look(turn, dataset))


async def delete(turn: Turn, argument: str) -> AsyncIterator[Reply]:
    """The button: `<data set>:<stamp of what was shown>`. Where more came of it meanwhile, that is shown first."""
    wanted, _, stamp = argument.partition(":")
    dataset = await turn.store.dataset(turn.team, wanted)
    if dataset is None or dataset.id != wanted:
        yield Text(text=turn.say("manage.delete.gone_already"))
        return
    refusal = _refusal(turn, dataset)
    if refusal is not None:
        yield refusal
        return
    look = await _look(turn, dataset)
    if look.stamp != stamp or look.trace.busy:
        yield await _card(turn, dataset, look)
        return
    freed = await asyncio.to_thread(size_of, turn.services.home, look.folders)
    try:
        gone = await turn.store.removal.forget(turn.team, dataset.id, look.also, look.said, look.posted)
    except Busy as error:
        yield Text(text=turn.say("manage.delete.busy", {"name": dataset.name, "jobs": list(error.jobs)}))
        return
    if gone is None:  # somebody else's press came first
        yield Text(text=turn.say("manage.delete.gone_already"))
        return
    for name in [name for name in turn.state if name != "language"]:
        turn.state.pop(name)
    is_scrubbed = await finish(turn.store)
    yield Text(text=turn.say("manage.delete.done", {"name": dataset.name, "bytes": freed, "scrubbed": is_scrubbed}))


async def spare(turn: Turn) -> AsyncIterator[Reply]:
    """The other button: nothing happens."""
    yield Text(text=turn.say("manage.delete.spared"))


async def finish(store: Store) -> bool:
    """Deletes the folders of removals that were begun, and rewrites the database without them. Promises True when
    nothing of them is left; what could not be finished is gone on with the next time."""
    begun = await store.removal.unfinished()
    if not begun:
        return True
    for each in begun:
        await asyncio.to_thread(_remove, store.home, each.folders)
        if not each.scrub:
            await store.removal.finished(each.key)
    last = [each for each in begun if each.scrub]
    is_scrubbed = not last or await store.removal.scrub()
    for each in last if is_scrubbed else ():
        await store.removal.finished(each.key)
    return is_scrubbed


def _refusal(turn: Turn, dataset: DataSet) -> Text | None:
    """Who brought it may, and who manages the team."""
    if turn.utterance.manages or dataset.person == turn.utterance.person:
        return None
    return Text(text=turn.say("manage.delete.not_yours", {"name": dataset.name}))


async def _look(turn: Turn, dataset: DataSet) -> _Look:
    """Follows what came of a data set, twice: what was made from it has words of its own."""
    home, known = turn.services.home, {each.id: each for each in await turn.store.datasets(turn.team)}
    sums = {name: await asyncio.to_thread(_sha256, home / each.folder / _ORIGINAL) for name, each in known.items()}
    also = tuple(name for name, sha256 in sums.items() if sha256 and sha256 == sums.get(dataset.id))
    trace = await _trace(turn, dataset, also, frozenset())
    folders = [home / known[name].folder for name in trace.datasets if name in known]
    said = frozenset[str]().union(*[await asyncio.to_thread(_said, folder) for folder in folders])
    trace = await _trace(turn, dataset, also, said)
    posted = tuple(f"teams/{turn.team}/posted/{sums[name]}" for name in trace.datasets if sums.get(name))
    return _Look(trace=trace, said=said, also=also, posted=posted)


async def _trace(turn: Turn, dataset: DataSet, also: tuple[str, ...], said: frozenset[str]) -> Trace:
    trace = await turn.store.removal.trace(turn.team, dataset.id, also, said)
    if trace is None:  # deleted by somebody else just now
        facts: dict[str, Fact] = {"dataset": dataset.name, "datasets": [], "more": False}
        raise ProblemError([Problem(key="plan.unknown_dataset", facts=facts)])
    return trace


def _said(folder: Path) -> frozenset[str]:
    """Every question and answer in a data set; what is gone says nothing any more."""
    said: set[str] = set()
    try:
        for line in (folder / _EXAMPLES).read_text(encoding="utf-8").splitlines():
            said.update(str(message.get("content", "")) for message in json.loads(line).get("messages", ()))
    except (OSError, ValueError, AttributeError, TypeError):
        return frozenset(said - {""})
    return frozenset(said - {""})


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""


async def _card(turn: Turn, dataset: DataSet, look: _Look) -> Card:
    """The list, with the button, or with what stands in the way."""
    trace = look.trace
    freed = await asyncio.to_thread(size_of, turn.services.home, look.folders)
    others = [name for name in trace.names if name != dataset.name]
    counts = {"jobs": list(trace.jobs), "checkpoints": trace.checkpoints, "reports": trace.reports,
              "ratings": trace.ratings, "votes": trace.votes, "pairs": trace.pairs,
              "conversations": trace.conversations, "others": others}
    facts = {"name": dataset.name, "bytes": freed, **counts}
    names = [name for name, count in counts.items() if count and name != "pairs"]
    fields = tuple((turn.say(f"manage.delete.name_{name}"), turn.say(f"manage.delete.{name}", facts)) for name in names)
    offers = () if trace.busy else (
        button("delete", f"{dataset.id}:{look.stamp}", turn.language, "danger"),
        button("spare", "-", turn.language),
    )
    key = "manage.delete.busy" if trace.busy else "manage.delete.sure"
    return Card(
        title=turn.say("manage.delete.title", {"name": dataset.name}),
        fields=fields,
        lines=(turn.say(key, {**facts, "jobs": list(trace.busy) if trace.busy else list(trace.jobs)}),),
        buttons=offers,
    )


def _found(home: Path, folders: Iterable[str]) -> list[Path]:
    """What the patterns mean under the home; nothing outside of it."""
    root = home.resolve()
    found = [path for folder in folders for path in root.glob(folder)]
    return [path for path in found if path.resolve().is_relative_to(root) and path.resolve() != root]


def size_of(home: Path, folders: Iterable[str]) -> int:
    files = [file for path in _found(home, folders) for file in (path.rglob("*") if path.is_dir() else (path,))]
    return sum(file.stat().st_size for file in set(files) if file.is_file())


def _remove(home: Path, folders: Iterable[str]) -> None:
    for path in _found(home, folders):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
