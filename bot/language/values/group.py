"""A group: what the numbers of one range, one list or one value say, and which tokens say it."""

from __future__ import annotations

from typing import NamedTuple

from bot.language.commands import Spec


class Group(NamedTuple):
    """A spec and the tokens it covers: tokens[start:end], prefix words included."""

    start: int
    end: int
    spec: Spec
    is_step: bool = False
    is_around: bool = False
    is_fixed: bool = False
    owner: int | None = None  # index of the knob token inside the group: 1e-5 < lr < 1e-3
    is_blank: bool = False  # two values with nothing between them: "batch size 4 32"
    is_loose: bool = False  # two values joined by a comma or "and": a range or a list?
