"""The commands `onsa export` and `onsa import`: a model taken home, a search for Optuna, a model brought in."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bot.console.once import with_turn
from bot.console.screen import open_screen
from bot.console.session import CHANNEL, PERSON, TEAM
from bot.desk import jobs as desk_jobs
from bot.desk.context import Turn
from bot.desk.taking import checkpoint_of
from bot.language.taking import Taking
from bot.manage import names
from bot.replies import Text
from bot.settings import BotSettings
from bot.take_home import CHECKPOINTS, bring_in, card_language, made_by, take_home
from tuner.problems import Problem, ProblemError
from tuner.store.records import Checkpoint, Job

_NUMBER = re.compile(r"#?\d{1,9}")
_TEAM = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Teams are folders of the home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What `onsa export` was told."""

    job: str
    """Its number, or a name of it or of one of its tries."""
    trial: int | None
    to: Path | None
    """A folder, or a file that ends in .zip; None: `export`, unless something else is wanted."""
    taking: Taking
    public: bool
    """The repository on the hub may be read by everybody."""
    optuna: str | None
    """URL of a storage of Optuna's."""


async def export(settings: BotSettings, said: Export) -> int:
    """Writes the export, puts it on the hub and writes the search, as far as each was wanted."""

    async def work(turn: Turn) -> int:
        number, trial = await _meant(turn, said)
        job = await turn.store.job(turn.team, number) if number is not None else None
        if job is None:
            return await _say(desk_jobs.not_found(turn, number).text, 1)
        if said.optuna is not None:
            await _say(await _write_study(turn, job, said.optuna), 0)
            if said.to is None and not said.taking.repository:
                return 0
        checkpoint = await checkpoint_of(turn, job, trial)
        if checkpoint is None:
            facts = {"job": job.number, "state": job.state}
            return await _say(turn.say("replies.talk.no_checkpoint", facts), 1)
        return await _export(turn, job, checkpoint, said, settings)

    return await with_turn(settings, work)


async def _meant(turn: Turn, said: Export) -> tuple[int | None, int | None]:
    """Promises the number of the job, and of the try where one was said; None for a job that nobody knows."""
    if _NUMBER.fullmatch(said.job):
        return int(said.job.removeprefix("#")), said.trial
    known = await turn.store.labels.meaning(turn.team, said.job)
    if known is None:
        raise ProblemError([Problem(key="export.no_such_name", facts={"name": said.job[:60]})])
    return known.job, said.trial if said.trial is not None else known.trial


async def _export(turn: Turn, job: Job, checkpoint: Checkpoint, said: Export, settings: BotSettings) -> int:
    repository = said.taking.repository
    if repository and not os.environ.get("HF_TOKEN", "").strip():
        raise ProblemError([Problem(key="hub.no_token", facts={"repository": repository})])
    language = await card_language(turn.store, job, settings.language)
    if repository and (said.to is None or said.to.suffix == ".zip"):
        with tempfile.TemporaryDirectory(prefix="onsa-") as draft:
            folder = Path(draft) / "export"
            await _write(turn, job, checkpoint, folder, said, language)
            url = await _push(folder, repository, public=said.public)
        if said.to is not None:
            await _write(turn, job, checkpoint, said.to, said, language)
    else:
        folder = said.to or Path("export")
        await _write(turn, job, checkpoint, folder, said, language)
        url = await _push(folder, repository, public=said.public) if repository else ""
    facts = {"job": job.number, "trial": checkpoint.trial, "folder": str(said.to or "export"),
             "merged": said.taking.merged, "gguf": said.taking.gguf}
    if said.to is not None or not repository:
        await _say(turn.say("replies.take_home.exported", facts), 0)
    if repository:
        facts = {"url": url, "public": said.public, "trial": checkpoint.trial}
        await _say(turn.say("replies.take_home.pushed", facts), 0)
    return 0


async def _write(
    turn: Turn, job: Job, checkpoint: Checkpoint, out: Path, said: Export, language: str
) -> None:
    target = await asyncio.to_thread(lambda: out.expanduser().absolute())
    await take_home(turn.store, turn.services.home, job, checkpoint, target, taking=said.taking,
                    language="ja" if language == "ja" else "en")


async def _push(folder: Path, repository: str, *, public: bool) -> str:
    absolute = await asyncio.to_thread(lambda: folder.expanduser().absolute())
    asked = {"folder": str(absolute), "repository": repository, "public": public}
    return str((await made_by(CHECKPOINTS, "push", asked=asked))["url"])


async def _write_study(turn: Turn, job: Job, url: str) -> str:
    asked = {"home": str(turn.services.home), "job": job.id, "url": url}
    made = await made_by("tuner.search", asked=asked)
    return turn.say("replies.take_home.study", {"job": job.number, "url": url, **made})


async def bring(settings: BotSettings, *, source: Path, name: str | None, base: str | None, team: str | None) -> int:
    """Brings an export in and says under which job it is known."""

    async def work(turn: Turn) -> int:
        absolute = await asyncio.to_thread(lambda: source.expanduser().resolve())
        if team is not None and not _TEAM.fullmatch(team):
            raise ProblemError([Problem(key="import.bad_team", facts={"team": team[:60]})])
        job, trial, is_new = await bring_in(
            turn.store,
            turn.services.home,
            absolute,
            team=team or TEAM,
            person=PERSON,
            channel=CHANNEL,
            name=(name or absolute.name.removesuffix(".zip")).strip()[:80],
            base=base,
        )
        called = await _call(turn, team or TEAM, job.number, name) if name else ""
        facts = {"job": job.number, "trial": trial, "is_new": is_new, "team": team, "name": name, "called": called}
        return await _say(turn.say("replies.take_home.imported", facts), 0)

    return await with_turn(settings, work)


async def _call(turn: Turn, team: str, job: int, name: str) -> str:
    """Promises the name that the job has now; empty where it cannot be called so, or something else is."""
    tidy = " ".join(name.split())
    if names.refused(tidy):
        return ""
    meant = await turn.store.labels.call(team, job, None, tidy, PERSON)
    return meant.name if (meant.job, meant.trial) == (job, None) else ""


async def _say(text: str, code: int) -> int:
    await open_screen(as_json=False).show(Text(text=text))
    return code
