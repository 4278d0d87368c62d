"""A desk with a real store and no worker: what people say to it, and what it answers."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from bot.desk.context import Services
from bot.desk.door import Desk
from bot.phrases import Language
from bot.replies import Button, Card, Reply, Table, Text
from bot.utterance import Utterance
from tuner.chat.client import ChatUnavailable
from tuner.problems import Problem
from tuner.store import Store
from tuner.store.records import DataSet


async def no_chat() -> NoReturn:
    raise ChatUnavailable(Problem(key="chat.no_server"))


@dataclass(slots=True)
class Clock:
    """Time that a test moves on by hand."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(slots=True, kw_only=True)
class Person:
    """Somebody in a channel. `say` and `press` give back the replies."""

    desk: Desk
    store: Store
    clock: Clock
    team: str = "team"
    name: str = "aki"
    channel: str = "room"
    language: Language | None = None
    _ids: itertools.count[int] = field(default_factory=itertools.count)

    async def say(self, text: str, **given: Any) -> list[Reply]:
        return await self._tell(text=text, **given)

    async def press(self, button: Button) -> list[Reply]:
        return await self._tell(pressed=button.action, kind="press")

    async def _tell(self, **given: Any) -> list[Reply]:
        utterance = Utterance(
            **{
                "team": self.team,
                "person": self.name,
                "channel": self.channel,
                "message_id": f"{self.name}-{next(self._ids)}",
                "language": self.language,
                **given,
            }
        )
        return [reply async for reply in self.desk.answer(utterance)]

    async def has_data(self, name: str = "faq.csv", usable: int = 150) -> DataSet:
        """The channel has a data set, as if the file had been posted."""
        report = {
            "examples": usable,
            "usable": usable,
            "languages": {"en": 1.0, "ja": 0.0, "other": 0.0},
            "tokens": {"median": 30, "p95": 50, "longest": 60, "total": usable * 30, "cut": 0},
            "split": [usable - 44, 22, 22],
            "findings": [],
            "sample": [],
        }
        dataset = await self.store.add_dataset(
            DataSet(
                id=f"{name}-{self.team}".encode().hex()[:64],
                team=self.team,
                name=name,
                folder="data",
                report=report,
                added_at=self.clock(),
            )
        )
        await self.store.prefer(self.team, None, f"dataset:{self.channel}", dataset.id)
        return dataset


@asynccontextmanager
async def a_desk(home: Path, **given: Any) -> AsyncIterator[Person]:
    """A person in front of a desk whose store lives in `home`."""
    clock = given.pop("clock", None) or Clock()
    async with await Store.open(home, clock) as store:
        services = Services(store=store, home=home, chat=no_chat, clock=clock)
        yield Person(desk=Desk(services), store=store, clock=clock, **given)


def words(replies: list[Reply]) -> str:
    """Everything that a person reads in the replies, one line each."""
    lines: list[str] = []
    for reply in replies:
        match reply:
            case Text():
                lines.append(reply.text)
            case Card():
                lines += [
                    reply.title,
                    *(f"{name}: {value}" for name, value in reply.fields),
                    *reply.lines,
                    *reply.notes,
                ]
            case Table():
                lines += [reply.title, *(" | ".join(row) for row in (reply.header, *reply.rows))]
            case _:
                lines.append(repr(reply))
    return "\n".join(lines)


def button(replies: list[Reply], name: str) -> Button:
    """The button of that name in the replies. Raises AssertionError when it was not offered."""
    offered = [found for reply in replies if isinstance(reply, Text | Card) for found in reply.buttons]
    for found in offered:
        if found.name == name:
            return found
    raise AssertionError(f"{name!r} must be offered, got {[found.name for found in offered]}")
