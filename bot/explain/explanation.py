"""What an explanation is made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Something to do next."""

    sentence: str
    command_text: str
    """What it does, as a sentence of the command language."""
    label: str
    """The same without the settings that stay, for a button."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A report for a person, the answer first."""

    headline: str
    """Two sentences: the result, and how sure it is."""
    what_mattered: tuple[str, ...]
    what_went_wrong: tuple[str, ...]
    next: tuple[Suggestion, ...]
    """At most three."""
    details: tuple[str, ...]
