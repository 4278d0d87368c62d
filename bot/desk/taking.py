"""Taking a model home by word or button: written to the home's exports, and put on a model hub where that is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from bot.desk import jobs
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.language.parser import parse
from bot.language.taking import Taking, read_taking, without_repository
from bot.replies import Reply, Text
from bot.take_home import CHECKPOINTS, card_language, made_by, take_home
from tuner.store.records import Checkpoint, Job


async def export(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """Writes a try with its model card to the home's exports folder and says where it lies."""
    job = await jobs.find(turn, command.job)
    if job is None:
        yield jobs.not_found(turn, command.job)
        return
    refusal = turn.refusal("export")
    if refusal is not None:
        yield refusal
        return
    found = await checkpoint_of(turn, job, command.trial)
    if found is None:
        yield Text(text=turn.say("replies.talk.no_checkpoint", {"job": job.number, "state": job.state}))
        return
    taking = wanted(turn)
    folder = export_folder(turn.services.home, turn.team, job.number, found.trial, taking)
    await take_home(
        turn.store,
        turn.services.home,
        job,
        found,
        folder,
        taking=taking,
        language=await card_language(turn.store, job, turn.language),
        replace=True,
    )
    facts = {"job": job.number, "trial": found.trial, "folder": str(folder), "merged": taking.merged,
             "gguf": taking.gguf}
    yield Text(text=turn.say("replies.take_home.exported", facts),
               buttons=(button("chat", str(job.number), turn.language),), handout=folder)
    if taking.hub:
        yield Text(text=await _push(turn, job, found, folder, taking.repository))


def understood(text: str) -> Command:
    """Promises what the words mean; a repository on a hub that they name does not keep them from being understood."""
    command = parse(text)
    rest = without_repository(text)
    again = parse(rest) if command.intent == "unknown" and rest != text else command
    return again if again.intent == "export" else command


def wanted(turn: Turn) -> Taking:
    """Promises what was chosen from a menu, else what the words name."""
    return turn.utterance.taking or read_taking(turn.utterance.text)


def export_folder(home: Path, team: str, job: int, trial: int, taking: Taking) -> Path:
    """Promises where the export of a try lies; what holds more lies elsewhere."""
    more = "".join(f"-{name}" for name in ("merged", "gguf") if getattr(taking, name))
    return home / "exports" / team / f"job-{job}-trial-{trial}{more}"


async def _push(turn: Turn, job: Job, found: Checkpoint, folder: Path, repository: str) -> str:
    """Only who sits at the machine may use its token."""
    if not turn.services.may_push:
        return turn.say("replies.take_home.push_elsewhere", {"job": job.number})
    if not repository:
        return turn.say("replies.take_home.push_where", {"job": job.number})
    asked = {"folder": str(folder), "repository": repository}
    pushed = await made_by(CHECKPOINTS, "push", asked=asked)
    return turn.say("replies.take_home.pushed", {"url": pushed["url"], "public": False, "trial": found.trial})


async def checkpoint_of(turn: Turn, job: Job, trial: int | str | None) -> Checkpoint | None:
    """Promises the checkpoint of the try said, else the best one's."""
    if isinstance(trial, int):
        return next(
            (found for found in await turn.store.checkpoints(turn.team, job.number) if found.trial == trial), None
        )
    return await turn.store.best_checkpoint(turn.team, job.number)
