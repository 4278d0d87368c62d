"""What the assistant says, before any front (console, Discord) decides how it looks. Texts are finished sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Style = Literal["primary", "secondary", "danger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """Something to press instead of typing."""

    name: str
    """What a person at the console types to press it: one word, in the language of the reply."""
    label: str
    """What stands on it."""
    action: str
    """What the desk gets back when it is pressed; at most 100 characters, valid for as long as the message lives."""
    style: Style = "secondary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    text: str
    buttons: tuple[Button, ...] = ()
    handout: Path | None = None
    """The folder that this tells of: a front for people elsewhere hands it over as a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A titled block of short lines, grouped."""

    title: str
    fields: tuple[tuple[str, str], ...] = ()
    """(name, value) pairs, shown first, as a small table."""
    notes: tuple[str, ...] = ()
    """Warnings and doubts, one sentence each, marked as such, shown next."""
    lines: tuple[str, ...] = ()
    """What is said below them."""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A live line; a later one of the same job replaces it."""

    job: int
    done: float
    """0.0 to 1.0; 1.0 only when the job is over."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    path: Path
    alt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """An answer that is still being written. Closing `pieces` stops the generation."""

    speaker: str
    """Which model and checkpoint answers; always shown."""
    pieces: AsyncIterator[str] = field(repr=False)
    model: str = ""
    """Id of the model at the chat server, for a front that lets people go on from this answer."""
    asked: tuple[Mapping[str, str], ...] = ()
    """The messages that it answers, oldest first."""
    buttons: tuple[Button, ...] = ()
    """Under the answer once it is complete, where a front shows buttons there."""
    is_whole: Callable[[], bool] = field(default=lambda: True, repr=False)
    """Whether the answer came to its own end. Ask when `pieces` has been read."""


Reply = Text | Card | Table | Progress | Picture | Stream
