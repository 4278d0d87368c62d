"""What people want kept in order. Knows nothing of how it was understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["search", "call", "uncall", "promote", "undo", "model", "no_model", "delete", "keep", "budget", "mode",
               "tidy", "retention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A job, or one try of it, as a person said it."""

    job: int | None = None
    """None: the job spoken of."""
    trial: int | Literal["best"] | None = None
    """None: the job itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for."""

    kind: Kind
    thing: Thing = Thing()
    name: str = ""
    """A new name, or a data set's."""
    query: str = ""
    person: str = ""
    """Only jobs of this person."""
    page: int = 0
    """Of what was found, from 0."""
    number: int | None = None
    """Checkpoints to keep, or bytes; None: no limit."""
    is_automatic: bool = False
    also: tuple[Wish, ...] = ()
    """Further rules about checkpoints that were chosen from a menu together."""
    is_sure: bool = True
    """False where the words mean this only if `name` is something that the team has."""
