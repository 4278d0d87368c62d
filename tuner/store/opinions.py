"""What people think of answers: blind pairs with their votes, and ratings with their corrections."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tuner.judging.votes import Vote, Won
from tuner.store.connection import Database, one
from tuner.store.rows import to_text
from tuner.store.steering import comparisons, wake

Choice = Literal["left", "right", "tie", "both_bad"]
Verdict = Literal["good", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One prompt and two answers to it."""

    id: str
    team: str
    channel: str
    request: str
    """What asked for it."""
    place: int
    """Its place among the pairs of that request, from 0."""
    messages: tuple[Mapping[str, str], ...]
    left_subject: str
    right_subject: str
    left_answer: str
    right_answer: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CastVote:
    """One person's vote with the models that stood on either side."""

    pair: str
    person: str
    choice: Choice
    left_subject: str
    right_subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One person's verdict on one answer in chat."""

    id: int
    team: str
    person: str
    answer_id: str
    job: int
    """The job's number in the team."""
    subject: str
    messages: tuple[Mapping[str, str], ...]
    """What it answers, oldest first."""
    answer: str
    verdict: Verdict
    reason: str
    """In the person's words; empty: none was given."""
    correction: str | None
    """The answer that a person would have liked; empty: looked at and left; None: nobody has looked yet."""
    used_in: str | None
    """Id of the data set that was made with the correction."""
    at: float


class Opinions:
    """Opened by the store. Every method answers from one team's rows only and raises StoreUnavailable as the store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_pair(self, pair: Pair) -> Pair:
        """Once a team, request and place: asked again, it returns the first one."""
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                INSERT INTO pairs (id, team, channel, request, place, messages, left_subject, right_subject,
                                   left_answer, right_answer, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (team, request, place) DO NOTHING
                """,
                (
                    *(pair.id, pair.team, pair.channel, pair.request, pair.place, _messages(pair.messages)),
                    *(pair.left_subject, pair.right_subject, pair.left_answer, pair.right_answer, pair.created_at),
                ),
            )
            stored = await one(
                connection,
                "SELECT * FROM pairs WHERE team = ? AND request = ? AND place = ?",
                (pair.team, pair.request, pair.place),
            )
            await wake(self._database, connection, pair.team, pair.left_subject, pair.right_subject)
        if stored is None:
            raise ValueError(f"a pair's id must be new, got {pair.id!r}")
        return _pair_of(stored)

    async def pair(self, team: str, pair_id: str) -> Pair | None:
        row = await self._database.row("SELECT * FROM pairs WHERE team = ? AND id = ?", (team, pair_id))
        return None if row is None else _pair_of(row)

    async def pair_at(self, team: str, request: str, place: int) -> Pair | None:
        row = await self._database.row(
            "SELECT * FROM pairs WHERE team = ? AND request = ? AND place = ?", (team, request, place)
        )
        return None if row is None else _pair_of(row)

    async def pairs(self, team: str, limit: int = 200) -> list[Pair]:
        """Newest first."""
        rows = await self._database.rows(
            "SELECT * FROM pairs WHERE team = ? ORDER BY created_at DESC, place DESC LIMIT ?", (team, limit)
        )
        return [_pair_of(row) for row in rows]

    async def pairs_of(self, team: str, request: str) -> list[Pair]:
        """Those that `request` asked for, in the order of their places."""
        rows = await self._database.rows(
            "SELECT * FROM pairs WHERE team = ? AND request = ? ORDER BY place", (team, request)
        )
        return [_pair_of(row) for row in rows]

    async def evidence(self, team: str) -> list[Vote]:
        """Everything that speaks about models of this team: votes, and pairs of the same answer, which nobody was
        asked about."""
        alike = await self._database.rows(
            "SELECT id, left_subject, right_subject FROM pairs WHERE team = ? AND left_answer = right_answer "
            "ORDER BY created_at, id",
            (team,),
        )
        ties = [Vote(question=row["id"], person="", a=row["left_subject"], b=row["right_subject"], won="tie")
                for row in alike]
        return [vote_of(cast) for cast in await self.votes(team)] + ties

    async def compared(self, team: str, job: int) -> int:
        """Pairs of two tries of the job (its number) that somebody voted on, or that need no vote."""
        return await comparisons(self._database, team, job)

    async def vote(self, team: str, pair_id: str, person: str, choice: Choice) -> Choice | None:
        """Once a person: a later vote replaces the one before, which is returned. A job that waited for it is queued.
        Raises KeyError for a pair that this team does not have."""
        async with self._database.transaction() as connection:
            pair = await one(connection, "SELECT * FROM pairs WHERE team = ? AND id = ?", (team, pair_id))
            if pair is None:
                raise KeyError(pair_id)
            before = await one(
                connection, "SELECT choice FROM votes WHERE pair = ? AND person = ?", (pair_id, person)
            )
            await connection.execute(
                "INSERT OR REPLACE INTO votes (pair, person, choice, at) VALUES (?, ?, ?, ?)",
                (pair_id, person, choice, self._database.clock()),
            )
            await wake(self._database, connection, team, pair["left_subject"], pair["right_subject"])
        return None if before is None else before["choice"]

    async def votes(self, team: str, pair_id: str | None = None) -> list[CastVote]:
        """All of the team's, or those on one pair, in the order of the pairs."""
        rows = await self._database.rows(
            """
            SELECT votes.pair, votes.person, votes.choice, pairs.left_subject, pairs.right_subject
            FROM votes JOIN pairs ON pairs.id = votes.pair
            WHERE pairs.team = :team AND (:pair IS NULL OR pairs.id = :pair)
            ORDER BY pairs.created_at, pairs.id, votes.at
            """,
            {"team": team, "pair": pair_id},
        )
        return [CastVote(**dict(row)) for row in rows]

    async def rate(
        self,
        *,
        team: str,
        person: str,
        answer_id: str,
        job: int,
        subject: str,
        messages: Sequence[Mapping[str, str]],
        answer: str,
        verdict: Verdict,
        reason: str = "",
    ) -> Rating:
        """Once a person and answer: a later verdict replaces the one before; the same one with no reason keeps its."""
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                INSERT INTO ratings (team, person, answer_id, job, subject, messages, answer, verdict, reason, at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (team, answer_id, person) DO UPDATE SET
                    reason = CASE WHEN excluded.reason = '' AND excluded.verdict = verdict THEN reason
                             ELSE excluded.reason END,
                    verdict = excluded.verdict,
                    at = excluded.at
                """,
                (
                    *(team, person, answer_id, job, subject, _messages(messages), answer),
                    *(verdict, reason, self._database.clock()),
                ),
            )
            stored = await one(
                connection,
                "SELECT * FROM ratings WHERE team = ? AND answer_id = ? AND person = ?",
                (team, answer_id, person),
            )
        assert stored is not None
        return _rating_of(stored)

    async def ratings(self, team: str, job: int | None = None) -> list[Rating]:
        """Oldest first; of one job (its number) or of all."""
        rows = await self._database.rows(
            "SELECT * FROM ratings WHERE team = :team AND (:job IS NULL OR job = :job) ORDER BY id",
            {"team": team, "job": job},
        )
        return [_rating_of(row) for row in rows]

    async def correct(self, team: str, rating_id: int, correction: str | None) -> Rating | None:
        """Empty: leave the answer as it is; None: nobody has looked. None where the team has no such rating."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "UPDATE ratings SET correction = ? WHERE team = ? AND id = ?", (correction, team, rating_id)
            )
            row = await one(connection, "SELECT * FROM ratings WHERE team = ? AND id = ?", (team, rating_id))
        return None if row is None else _rating_of(row)

    async def mark_used(self, team: str, rating_ids: Sequence[int], dataset: str) -> None:
        """Their corrections now stand in `dataset`."""
        async with self._database.transaction() as connection:
            for rating_id in rating_ids:
                await connection.execute(
                    "UPDATE ratings SET used_in = ? WHERE team = ? AND id = ?", (dataset, team, rating_id)
                )


def vote_of(cast: CastVote) -> Vote:
    """`a` is what stood on the left."""
    won: dict[str, Won] = {"left": "a", "right": "b", "tie": "tie", "both_bad": "both_bad"}
    return Vote(
        question=cast.pair, person=cast.person, a=cast.left_subject, b=cast.right_subject, won=won[cast.choice]
    )


def _messages(messages: Sequence[Mapping[str, str]]) -> str:
    return to_text([dict(message) for message in messages])


def _pair_of(row: sqlite3.Row) -> Pair:
    return Pair(**{**dict(row), "messages": tuple(json.loads(row["messages"]))})


def _rating_of(row: sqlite3.Row) -> Rating:
    values: dict[str, Any] = dict(row)
    return Rating(**{**values, "messages": tuple(json.loads(row["messages"]))})
