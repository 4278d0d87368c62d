"""What a sentence says about numbers: knobs and their specs, how many trials, how many at a time, how long."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.language.commands import Spec
from bot.language.values.group import Group


@dataclass(slots=True, kw_only=True)
class Settings:
    """Everything about numbers that the sentence says."""

    space: dict[str, Spec | None] = field(default_factory=dict)  # None: named without values
    vague: set[str] = field(default_factory=set)  # said with "around"
    bare: set[str] = field(default_factory=set)  # one value, and no word that says whether it is fixed
    loose: set[str] = field(default_factory=set)  # two values that may be a range or a list
    blank: set[str] = field(default_factory=set)  # two values with nothing between them
    unknown_knobs: bool = False
    not_a_number: bool = False
    trials: int | None = None
    more_trials: int | None = None
    parallel: int | None = None
    time_s: int | None = None
    orphans: list[Group] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
