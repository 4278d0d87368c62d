"""Which examples say the same almost letter by letter. Near-linear in their number.

Two examples are near duplicates when their questions and their answers each share at least 80% of their pieces (Jaccard
similarity of the sets of three neighbouring letters; case, width, spaces and punctuation left out) and hold the same
numbers. How candidates are found: see tuner.data.pieces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from tuner.data.examples import Example

_BETWEEN = re.compile(r"[\W_]+")


def plain(text: str) -> str:
    """Promises the text without width, case, spaces and punctuation; without spaces alone if nothing else is left."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _BETWEEN.sub("", folded) or "".join(folded.split())


@dataclass(slots=True)
class Groups:
    """Places 0 … count - 1 joined into groups (union-find)."""

    count: int
    parents: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.parents = list(range(self.count))

    def find(self, place: int) -> int:
        while self.parents[place] != place:
            self.parents[place] = self.parents[self.parents[place]]
            place = self.parents[place]
        return place

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self.parents[high] = low

    def listed(self) -> list[list[int]]:
        """Every group in order of its first place, singles too."""
        groups: dict[int, list[int]] = {}
        for place in range(self.count):
            groups.setdefault(self.find(place), []).append(place)
        return list(groups.values())


def exact_groups(examples: Sequence[Example]) -> list[list[int]]:
    """Promises places of examples grouped by equal questions and answers, by what `plain` keeps of them."""
    return list(_exact(examples).values())


def _exact(examples: Sequence[Example]) -> dict[tuple[str, str], list[int]]:
    groups: dict[tuple[str, str], list[int]] = {}
    for place, example in enumerate(examples):
        groups.setdefault((plain(example.question), plain(example.answer)), []).append(place)
    return groups


def near_groups(examples: Sequence[Example]) -> list[list[int]]:
    """Promises every place in exactly one group; near duplicates, and what is linked through them, share a group."""
    from tuner.data.pieces import similar_pairs

    exact = _exact(examples)
    groups = Groups(len(examples))
    for same in exact.values():
        for place in same[1:]:
            groups.join(same[0], place)
    firsts = [same[0] for same in exact.values()]
    for one, other in similar_pairs(list(exact)):
        groups.join(firsts[one], firsts[other])
    return groups.listed()
