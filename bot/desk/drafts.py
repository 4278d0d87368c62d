"""Plans that wait for a person's Start, and the question that the desk asked last. Both live in the store."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any

from bot.desk.context import Turn
from bot.phrases import Language
from tuner.plan.request import Request

DRAFT_LIVES_S = 30 * 24 * 3600.0
"""A Start button works for as long as this."""
DIALOGUE_LIVES_S = 24 * 3600.0
_SHELF = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A request with its data set, as the plan card showed it."""

    id: str
    team: str
    channel: str
    language: Language
    request: Request
    dataset: str | None
    """Data set id; None while the person still owes a file."""
    from_job: int | None = None
    """Number of the job that it changes; None for a new one."""
    job: int | None = None
    """Number of the job that was started from it; None while it waits."""


def new_id() -> str:
    return uuid.uuid4().hex[:16]


async def keep(turn: Turn, saved: Saved) -> None:
    """Stores the draft and makes it the one that follow-ups of this person in this channel change."""
    await _write(turn, saved)
    turn.state["draft"] = saved.id


async def mark_started(turn: Turn, saved: Saved, job: int) -> None:
    """Notes which job came of the draft, so that nobody is told that nothing was started."""
    await _write(turn, replace(saved, job=job))


async def drop(turn: Turn, draft_id: str) -> None:
    """The draft is gone: no button starts it any more."""
    await turn.store.drop_dialogue(_SHELF, f"draft:{draft_id}")


async def _write(turn: Turn, saved: Saved) -> None:
    value: dict[str, Any] = {
        "id": saved.id,
        "team": saved.team,
        "channel": saved.channel,
        "language": saved.language,
        "request": saved.request.to_json(),
        "dataset": saved.dataset,
        "from_job": saved.from_job,
        "job": saved.job,
    }
    await turn.store.keep_dialogue(_SHELF, f"draft:{saved.id}", value, DRAFT_LIVES_S)


async def load(turn: Turn, draft_id: str | None) -> Saved | None:
    """Promises the draft when it exists, has not expired and belongs to this team."""
    if not draft_id:
        return None
    value = await turn.store.dialogue(_SHELF, f"draft:{draft_id}")
    if value is None or value["team"] != turn.team:
        return None
    return Saved(**{**value, "request": Request.from_json(value["request"])})


def forget(turn: Turn) -> None:
    """The pending plan and the open question are no longer what the next words are about."""
    for name in ("draft", "question", "shown"):
        turn.state.pop(name, None)
