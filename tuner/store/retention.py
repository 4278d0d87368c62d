"""Which checkpoints may be deleted, and the deleting of their rows. Never one that somebody still counts on."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import aiosqlite

from tuner.plan.plan import MAXIMISED
from tuner.store import studies
from tuner.store.connection import Database
from tuner.store.records import Checkpoint
from tuner.store.removal import REMOVING, note
from tuner.store.rows import checkpoint_of, plan_of

_OPEN_S = 30 * 24 * 3600.0
"""A pair that nobody voted on is open for as long as this."""
_OVER = ("finished", "stopped", "failed")

Reason = Literal["", "unfinished", "best", "promoted", "named", "compared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A checkpoint, its place in its job, and what protects it."""

    checkpoint: Checkpoint
    rank: int
    """0: the best of its job."""
    reason: Reason
    """Why it is never deleted; empty where it may be."""


class Retention:
    """Opened by the store. Methods raise StoreUnavailable as the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def kept(self, team: str) -> list[Kept]:
        """Every checkpoint of the team, oldest job first, the best of each first."""
        best = await self._best(team)
        async with self._database.transaction() as connection:
            return await _kept(connection, team, best, self._database.clock())

    async def drop(self, team: str, checkpoints: Collection[int]) -> list[Checkpoint]:
        """Deletes the rows of those that may go at this moment, by id, and notes their folders as removals to be
        finished (removal.py). Returns them."""
        best = await self._best(team)
        async with self._database.transaction() as connection:
            now = self._database.clock()
            found = [each.checkpoint for each in await _kept(connection, team, best, now)
                     if not each.reason and each.checkpoint.id in checkpoints]
            for each in found:
                await connection.execute("DELETE FROM checkpoints WHERE id = ?", (each.id,))
            if found:
                key = f"{team}/checkpoints-{min(each.id for each in found)}"
                await note(connection, key, [each.folder for each in found], now, scrub=False)
        return found


    async def _best(self, team: str) -> dict[int, int]:
        """Job.id -> the try whose checkpoint people get."""
        numbers = {each.job_number for each in await studies.checkpoints(self._database, team, None)}
        found = [await studies.best_checkpoint(self._database, team, number) for number in sorted(numbers)]
        return {each.job: each.trial for each in found if each is not None}


async def _kept(connection: aiosqlite.Connection, team: str, best: Mapping[int, int], now: float) -> list[Kept]:
    promoted = await _pairs_of(connection, "SELECT job, trial FROM promotions WHERE team = ?", team)
    named = await _pairs_of(connection, "SELECT job, trial FROM names WHERE team = ?", team)
    compared = await _compared(connection, team, now)
    found: list[Kept] = []
    for job in list(await connection.execute_fetchall("SELECT * FROM jobs WHERE team = ? ORDER BY number", (team,))):
        rows = await connection.execute_fetchall(
            """
            SELECT checkpoints.*, jobs.number AS job_number, jobs.team AS team, trials.state AS trial_state
            FROM checkpoints JOIN jobs ON jobs.id = checkpoints.job
            LEFT JOIN trials ON trials.job = checkpoints.job AND trials.number = checkpoints.trial
            WHERE checkpoints.job = ?
            """,
            (job["id"],),
        )
        first = best.get(job["id"])
        sign = -1.0 if plan_of(job).metric in MAXIMISED else 1.0
        ordered = sorted(rows, key=lambda row, first=first, sign=sign: (  # type: ignore[misc]
            row["trial"] != first, row["trial_state"] != "complete", row["value"] is None,
            sign * (row["value"] or 0.0), row["trial"],
        ))
        for rank, row in enumerate(ordered):
            which = (row["job"], row["trial"])
            key = f"job-{row['job_number']}/trial-{row['trial']}"
            reasons: dict[Reason, bool] = {
                "unfinished": job["state"] not in _OVER, "best": rank == 0, "promoted": which in promoted,
                "named": which in named, "compared": key in compared,
            }
            reason: Reason = next((name for name, holds in reasons.items() if holds), "")
            found.append(Kept(checkpoint=checkpoint_of(row), rank=rank, reason=reason))
    return found


async def _pairs_of(connection: aiosqlite.Connection, sql: str, team: str) -> set[tuple[int, int]]:
    return {(row["job"], row["trial"]) for row in await connection.execute_fetchall(sql, (team,))}


async def _compared(connection: aiosqlite.Connection, team: str, now: float) -> set[str]:
    """Subjects of comparisons that are not over: pairs without a vote, and rounds with questions left."""
    rows = await connection.execute_fetchall(
        """
        SELECT left_subject, right_subject FROM pairs
        WHERE team = ? AND created_at > ? AND NOT EXISTS (SELECT 1 FROM votes WHERE votes.pair = pairs.id)
        """,
        (team, now - _OPEN_S),
    )
    found = {subject for row in rows for subject in (row["left_subject"], row["right_subject"])}
    start = f"round:{team}:"
    rounds = await connection.execute_fetchall(
        "SELECT channel, value FROM dialogues WHERE person <> ? AND substr(channel, 1, ?) = ? AND expires_at > ?",
        (REMOVING, len(start), start, now),
    )
    for row in rounds:
        value = json.loads(row["value"])
        made = list(await connection.execute_fetchall(
            "SELECT 1 FROM pairs WHERE team = ? AND request = ?", (team, row["channel"][len(start):])))
        if len(made) < len(value.get("prompts", ())):
            found |= {value["first"][0], value["second"][0]}
    return found
