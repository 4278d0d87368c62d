"""What a sentence points at, as far as it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True, kw_only=True)
class References:
    """What was found, and the tokens it covers."""

    job: int | Literal["last"] | None = None
    trial: int | Literal["best"] | None = None
    trials_named: int = 0
    dataset: str | None = None
    model: str | None = None
    used: set[int] = field(default_factory=set)
    names: set[int] = field(default_factory=set)  # tokens of the names of models and data sets
