"""Files that people post: read, checked and kept before anything is queued. Knows no file format itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from bot.desk import columns
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.phrases import problem_sentences
from bot.replies import Card, Reply, Table, Text
from bot.utterance import Attachment
from tuner.data.check import inspect_file
from tuner.plan import models
from tuner.problems import Fact, Problem, ProblemError
from tuner.store import Store
from tuner.store.records import DataSet

_CURRENT = "dataset:"
"""Preference key of a channel's current data set."""
_LOOKED_FOR = {
    "repeats": ("exact_duplicates", "near_duplicates"),
    "contradictions": ("different_answers",),
    "empty": ("empty_question", "empty_answer", "empty_conversation"),
    "private": ("email", "phone", "card", "my_number", "key", "password"),
    "control": ("control_tokens",),
}
"""What every report card looks for -> the findings that tell of it."""
_NAMED = 5
"""Data sets that a refusal names."""


async def take(turn: Turn, attachment: Attachment, mapping: dict[str, str] | None = None) -> DataSet:
    """Promises the stored data set of a posted file, made the channel's current one.

    Raises ProblemError for a file that cannot be used, with what to change.
    """
    turn.state.pop("shown", None)  # a plan on the data before is not what “yes” means after a new file
    await columns.remember(turn, attachment)
    card = models.find(turn.services.model) or models.embedded()
    folder = turn.services.home / "teams" / turn.team / "data"
    inspection = await inspect_file(
        attachment.content,
        attachment.name,
        model_source=card.source,
        max_length=int(card.defaults["max_length"]),
        out=folder,
        mapping=mapping,
    )
    turn.state.pop("columns", None)
    turn.state.pop("called", None)
    dataset = await turn.store.add_dataset(
        DataSet(
            id=inspection.id,
            team=turn.team,
            name=attachment.name,
            report=inspection.card.to_json(),
            folder=str((folder / inspection.id).relative_to(turn.services.home)),
            added_at=turn.services.clock(),
            person=turn.utterance.person,
        )
    )
    await turn.store.prefer(turn.team, None, _CURRENT + turn.utterance.channel, dataset.id)
    return dataset


async def take_with_columns(turn: Turn, mapping: dict[str, str]) -> DataSet | None:
    """Promises the data set of the file posted last, read with these columns; None when no file was posted."""
    attachment = await columns.posted(turn)
    return None if attachment is None else await take(turn, attachment, mapping)


async def take_sample(turn: Turn) -> DataSet:
    """Promises the sample data of the turn's language as the channel's current data set."""
    path = turn.services.samples[turn.language]
    content = await asyncio.to_thread(path.read_bytes)
    return await take(turn, Attachment(name=path.name, content=content))


async def current(turn: Turn) -> DataSet | None:
    """Promises the channel's current data set, or None before there is one."""
    chosen = await turn.store.preference(turn.team, None, _CURRENT + turn.utterance.channel)
    return await turn.store.dataset(turn.team, chosen) if chosen else None


async def share(store: Store, team: str, channel: str, with_channel: str) -> None:
    """Makes the current data set of `channel` that of `with_channel`, as for a thread opened from it."""
    chosen = await store.preference(team, None, _CURRENT + channel)
    if chosen:
        await store.prefer(team, None, _CURRENT + with_channel, chosen)


async def wanted(turn: Turn, name: str | None) -> DataSet | None:
    """Promises the data set that a sentence names, else the channel's current one; None while the columns of a file
    posted since are still asked for. Raises ProblemError."""
    if name is None:
        return None if turn.state.get("columns") else await current(turn)
    found = await turn.store.dataset(turn.team, name)
    if found is None:
        found = next(
            (
                known
                for known in await turn.store.datasets(turn.team)
                if known.name.rpartition(".")[0].casefold() == name.casefold()
            ),
            None,
        )
    if found is None:
        known_names = list(dict.fromkeys(dataset.name for dataset in await turn.store.datasets(turn.team)))
        facts: dict[str, Fact] = {"dataset": name, "datasets": known_names[:_NAMED], "more": len(known_names) > _NAMED}
        raise ProblemError([Problem(key="plan.unknown_dataset", facts=facts)])
    return found


async def choose(turn: Turn, name: str) -> DataSet | None:
    """Promises the data set of that name, made the channel's current one. Raises ProblemError."""
    dataset = await wanted(turn, name)
    if dataset is not None:
        turn.state.pop("shown", None)
        await turn.store.prefer(turn.team, None, _CURRENT + turn.utterance.channel, dataset.id)
    return dataset


async def listing(turn: Turn) -> AsyncIterator[Reply]:
    """Promises what data there is, and how to choose."""
    datasets = await turn.store.datasets(turn.team)
    if not datasets:
        yield Text(
            text=turn.say("replies.data.none_yet"), buttons=(button("sample", turn.language, turn.language, "primary"),)
        )
        return
    chosen = await current(turn)
    header = tuple(turn.say(f"replies.data.column_{name}") for name in ("name", "examples", "current"))
    rows = tuple(
        (
            dataset.name,
            str(dataset.report["usable"]),
            turn.say("replies.data.is_current") if chosen is not None and dataset.id == chosen.id else "",
        )
        for dataset in datasets
    )
    yield Table(title=turn.say("replies.data.list_title"), header=header, rows=rows)
    yield Text(text=turn.say("replies.data.list_next", {"name": datasets[-1].name}))


def report_card(turn: Turn, dataset: DataSet, *, goes_on: bool = False) -> Card:
    """Promises the report card in words: what is in the file, what is doubtful, one example as the model sees it.

    `goes_on`: a plan follows at once, so that nobody has to be told what to say next.
    """
    report = dataset.report
    problems = tuple(Problem.from_json(problem) for problem in report["findings"])
    facts: dict[str, Mapping[str, Any]] = {
        "examples": report,
        "columns": {"roles": report.get("mapping") or {}},
        "languages": {"languages": report["languages"]},
        "length": report["tokens"],
        "clean": {"kinds": _not_found({problem.key for problem in problems})},
    }
    sample = {"example": _marked(report["sample"]), "row": report.get("sample_row")}
    said = {name: turn.say(f"replies.data.{name}", told) for name, told in facts.items()}
    what_next = "" if goes_on else turn.say("replies.data.next")
    return Card(
        title=turn.say("replies.data.title", {"name": dataset.name}),
        fields=tuple((turn.say(f"replies.data.name_{name}"), words) for name, words in said.items() if words),
        lines=tuple(filter(None, (turn.say("replies.data.example", sample), what_next))),
        notes=problem_sentences(problems, turn.language),
    )


def _not_found(keys: set[str]) -> list[str]:
    """Kinds of trouble that were looked for and not found: a card without warnings says what it looked at."""
    return [kind for kind, names in _LOOKED_FOR.items() if not keys & {f"data.{name}" for name in names}]


def _marked(pieces: list[Any]) -> list[dict[str, Any]]:
    return [{"text": text, "learnt": bool(learnt)} for text, learnt in pieces]
