"""A team with a finished job, a data set on disk and models that answer by their name: for what people judge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from desk_house import Clock, Person

from bot.desk.context import Services
from bot.desk.door import Desk
from bot.replies import Card, Reply, Stream, Text
from bot.utterance import Utterance
from tuner.chat.client import ChatUnavailable
from tuner.data.examples import Example, Message, write
from tuner.events import Report, StudyFinished, TrialRecord
from tuner.plan.plan import Plan
from tuner.plan.space import Range
from tuner.problems import Problem
from tuner.store import Store
from tuner.store.records import DataSet, Job, NewJob

WORDS = ("bike", "umbrella", "key", "wallet", "laptop", "bag", "coat", "phone", "scarf", "glove", "hat", "book",
         "ring", "watch", "camera", "ticket", "tent", "rope", "lamp", "flute")


@dataclass(slots=True)
class Models:
    """Stands where the chat server's client stands: every model answers in its own words."""

    asked: list[tuple[str, tuple[Mapping[str, str], ...]]] = field(default_factory=list)
    waits: dict[str, asyncio.Event] = field(default_factory=dict)
    """Models that answer only when their event is set."""
    fails: set[str] = field(default_factory=set)
    """Models that cannot be reached."""
    says: dict[str, str] = field(default_factory=dict)
    """What a model always answers."""
    users: list[str] = field(default_factory=list)
    """Who asked, as the server is told."""

    async def answer(self, model: str, messages: Sequence[Mapping[str, str]], *, user: str, **_: Any) -> str:
        self.asked.append((model, tuple(messages)))
        self.users.append(user)
        for name, event in self.waits.items():
            if model.endswith(name):
                await event.wait()
        if any(model.endswith(name) for name in self.fails):
            raise ChatUnavailable(Problem(key="chat.no_server", facts={"url": "http://x", "model": "a model"}))
        told = next((text for name, text in self.says.items() if model.endswith(name)), None)
        return told or f" <{model.rpartition('/')[2]}> {messages[-1]['content']} \n"

    async def stream(self, model: str, messages: Sequence[Mapping[str, str]], **given: Any) -> AsyncIterator[str]:
        for piece in (await self.answer(model, messages, **given)).split(" "):
            yield f"{piece} "


def plan_for(dataset: DataSet, seed: int = 7) -> Plan:
    return Plan(
        model="onsa-tiny", dataset=dataset.id, space={"learning_rate": Range(low=1e-5, high=1e-3, log=True)},
        defaults={"learning_rate": 2e-4, "epochs": 3}, method="tpe", pruner="median", metric="loss", trials=3,
        parallel=1, time_budget_s=None, general_chat=0, seed=seed, split=(10, 5, 5), assumed=("epochs",),
    )


async def with_data(person: Person) -> DataSet:
    """Twenty questions on disk, as after an upload."""
    dataset = await person.has_data(usable=len(WORDS))
    path = person.store.home / dataset.folder / "examples.jsonl"
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    examples = [
        Example(row=n + 2, messages=(Message(role="user", content=f"Where is the {word} of the {word} shop?"),
                                     Message(role="assistant", content=f"The {word} is in room {n * 7}.")))
        for n, word in enumerate(WORDS)
    ]
    await asyncio.to_thread(write, path, examples)
    return dataset


async def with_job(person: Person, dataset: DataSet, values: Sequence[float] = (0.6, 0.4, 0.5), seed: int = 7) -> Job:
    """A finished job whose tries came out so; the lowest is the best."""
    job, _ = await person.store.submit(
        NewJob(team=person.team, person=person.name, channel=person.channel, language="en",
               message_id=f"job-{len(await person.store.jobs(person.team))}", plan=plan_for(dataset, seed)))
    claimed = await person.store.claim("worker", 60)
    assert claimed is not None
    trials = tuple(TrialRecord(number=n, settings=dict(job.plan.defaults), state="complete", value=value)
                   for n, value in enumerate(values))
    for trial in trials:
        await person.store.start_trial(job.id, "worker", trial.number, trial.settings)
        await person.store.record_trial(job.id, "worker", trial)
        await person.store.add_checkpoint(job.id, "worker", trial.number, f"t/{trial.number}", "s", trial.value)
    report = Report(job=job.number, model=job.plan.model, metric="loss", maximise=False, findings=(), trials=trials,
                    test=(), searched=tuple(job.plan.space))
    await person.store.release(job.id, "worker", "finished", event=StudyFinished(reason="done", report=report))
    return await person.store.job_by_id(job.id)


@dataclass(slots=True, kw_only=True)
class Court:
    """Who judges, and what the models say."""

    aki: Person
    models: Models

    def other(self, name: str, team: str | None = None) -> Person:
        return Person(desk=self.aki.desk, store=self.aki.store, clock=self.aki.clock, name=name,
                      team=team or self.aki.team, channel=self.aki.channel, language=self.aki.language)


@asynccontextmanager
async def a_court(home: Path, *, seed: int = 1, jobs: int = 1, **given: Any) -> AsyncIterator[Court]:
    """A desk, a person, and `jobs` finished jobs on one data set."""
    clock, models = Clock(), Models()

    async def chat() -> Models:
        return models

    async with await Store.open(home, clock) as store:
        services = Services(store=store, home=home, chat=chat, clock=clock, chance=Random(seed))  # type: ignore[arg-type]
        person = Person(desk=Desk(services), store=store, clock=clock, **given)
        if jobs:
            dataset = await with_data(person)
            for _ in range(jobs):
                await with_job(person, dataset)
        yield Court(aki=person, models=models)


def pair_card(replies: Sequence[Reply]) -> Card:
    """The one card that asks for votes. Raises AssertionError where there is none or more."""
    found = [each for each in replies if isinstance(each, Card) and "left" in actions(each)]
    assert len(found) == 1, replies
    return found[0]


def actions(reply: Reply) -> dict[str, str]:
    """Verb -> action of the buttons under a reply."""
    assert isinstance(reply, Text | Card | Stream)
    return {button.action.partition(":")[0]: button.action for button in reply.buttons}


async def ask(person: Person, text: str) -> Stream:
    """Promises the streamed answer to `text`, read to its end as a front does."""
    said = Utterance(team=person.team, person=person.name, channel=person.channel, text=text, language=person.language,
                     message_id=f"{person.name}-asks-{text}")
    found: list[Stream] = []
    async for reply in person.desk.answer(said):
        if isinstance(reply, Stream):
            found.append(reply)
            async for _ in reply.pieces:
                pass
    (stream,) = found
    return stream
