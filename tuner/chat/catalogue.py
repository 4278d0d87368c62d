"""From model names to weights: the untouched base, and every checkpoint in the store under its team's name. Reads only.

`onsa-tiny` is the embedded model. `TEAM/job-3-trial-2` is a checkpoint, `TEAM/job-3-best` the best of its job and
`TEAM/job-3-base` the untouched model that the job started from. `TEAM/team-model` is what the team
promoted; where it promoted nothing, the best of its newest job. One team's names never reach another's checkpoints.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Protocol

from tuner.chat.asks import ModelRef
from tuner.checkpoints.manifest import load_manifest
from tuner.embedded import MODEL_NAME, model_path
from tuner.plan.models import find as find_card
from tuner.store.labels import Promotion
from tuner.store.records import Checkpoint, Job

_NAME = re.compile(r"(?P<team>.+)/job-(?P<job>[1-9][0-9]{0,8})-(?P<what>best|base|trial-(?P<trial>[0-9]{1,9}))")


_DEFAULT = "team-model"


class PromotionStore(Protocol):
    """The part of `tuner.store.labels.Labels` that chat reads."""

    async def promoted(self, team: str) -> Promotion | None: ...


class CheckpointStore(Protocol):
    """The part of `tuner.store.Store` that chat reads."""

    async def job(self, team: str, number: int) -> Job | None: ...

    async def checkpoints(self, team: str, job_number: int | None = None) -> list[Checkpoint]: ...

    async def best_checkpoint(self, team: str, job_number: int | None) -> Checkpoint | None: ...

    @property
    def labels(self) -> PromotionStore: ...


class Catalogue:
    """The models that a home offers for chat."""

    def __init__(self, home: Path, store: CheckpointStore) -> None:
        self._home = home
        self._store = store

    async def names(self, team: str | None = None) -> tuple[str, ...]:
        """Promises the embedded model and `team`'s checkpoints; without a team those of all, for the server's owner."""
        teams = await asyncio.to_thread(self._teams) if team is None else [team]
        names = [MODEL_NAME]
        for each in teams:
            found = await self._store.checkpoints(each)
            if found:
                names.append(f"{each}/{_DEFAULT}")
            for job in sorted({checkpoint.job_number for checkpoint in found}):
                trials = sorted(checkpoint.trial for checkpoint in found if checkpoint.job_number == job)
                names += [f"{each}/job-{job}-base", f"{each}/job-{job}-best"]
                names += [f"{each}/job-{job}-trial-{trial}" for trial in trials]
        return tuple(names)

    async def find(self, name: str) -> ModelRef | None:
        """Promises the weights behind `name`; None when there is no such model."""
        if name == MODEL_NAME:
            return ModelRef(base=str(model_path()))
        parts = _NAME.fullmatch(name)
        if parts is None:
            return await self._default(name.removesuffix(_DEFAULT)[:-1]) if name.endswith(f"/{_DEFAULT}") else None
        team, number = parts["team"], int(parts["job"])
        if parts["what"] == "base":
            source = await self._base_of(team, number)
            return None if source is None else ModelRef(base=source)
        return await self._weights(await self._checkpoint(team, number, parts["trial"]))

    async def _default(self, team: str) -> ModelRef | None:
        """What answers where nobody names a job."""
        promoted = await self._store.labels.promoted(team)
        if promoted is None:
            return await self._weights(await self._store.best_checkpoint(team, None))
        return await self._weights(await self._checkpoint(team, promoted.job, str(promoted.trial)))

    async def _weights(self, checkpoint: Checkpoint | None) -> ModelRef | None:
        if checkpoint is None:
            return None
        team, number = checkpoint.team, checkpoint.job_number
        source = await self._base_of(team, number) or await self._base_in_manifest(checkpoint)
        folder = self._home / checkpoint.folder
        return None if source is None else ModelRef(base=source, adapter=str(folder), sha256=checkpoint.sha256)

    async def _checkpoint(self, team: str, number: int, trial: str | None) -> Checkpoint | None:
        if trial is None:
            return await self._store.best_checkpoint(team, number)
        found = await self._store.checkpoints(team, number)
        return next((checkpoint for checkpoint in found if checkpoint.trial == int(trial)), None)

    async def _base_of(self, team: str, number: int) -> str | None:
        """The job's base as this machine has it now; a manifest holds the path of the day."""
        job = await self._store.job(team, number)
        if job is None:
            return None
        card = await asyncio.to_thread(find_card, job.plan.model)
        return None if card is None else card.source

    async def _base_in_manifest(self, checkpoint: Checkpoint) -> str | None:
        try:
            manifest = await asyncio.to_thread(load_manifest, self._home / checkpoint.folder)
        except (OSError, ValueError):
            return None
        return manifest.base

    def _teams(self) -> list[str]:
        folder = self._home / "teams"
        return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
