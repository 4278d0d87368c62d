"""Training, validation and sealed test: who goes where. The one source of truth; deterministic for a seed.

Near duplicates stay together, so that no held-out question was learnt by heart. Of an answer that several examples
teach in different words, one always stays in training: a held-out paraphrase then asks about something that was taught.
Held-out examples are spread evenly over the answers.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tuner.data.examples import Example
from tuner.data.near import near_groups, plain
from tuner.problems import Problem, ProblemError

SPLIT_SEED = 0
"""Of the split that a report card announces and a plan keeps."""
MIN_EXAMPLES = 6
"""Different examples below which nothing can be split in a way that means anything."""
_SHARE = 0.15
_MIN_HELD_OUT = 5
_MAX_HELD_OUT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]


def sizes_for(count: int) -> tuple[int, int, int]:
    """Promises (train, validation, test) for `count` examples: 70, 15 and 15%, each held-out part 5 to 200.

    Fewer than 20 examples hold out a quarter each, so that half of them are learnt.
    """
    held_out = min(max(round(_SHARE * count), _MIN_HELD_OUT), _MAX_HELD_OUT, count // 4)
    return count - 2 * held_out, held_out, held_out


def split_sizes(
    examples: Sequence[Example], seed: int, groups: list[list[int]] | None = None
) -> tuple[int, int, int]:
    """Promises how many examples `split` will put where, for the sizes that `sizes_for` proposes."""
    parts = split(examples, seed, sizes_for(len(examples)), groups)
    return len(parts.train), len(parts.validation), len(parts.test)


def split(
    examples: Sequence[Example], seed: int, sizes: tuple[int, int, int], groups: list[list[int]] | None = None
) -> Split:
    """Promises a partition, each part in the order of `examples`. `sizes` are wishes: groups are never torn, so the
    held-out parts may be smaller by what does not fit, and training gets the rest.

    `groups` are what `near_groups(examples)` gives, for those who have them already.
    Raises ProblemError `data.cannot_split` when fewer than three groups of near duplicates are left.
    """
    if groups is None:
        groups = near_groups(examples)
    if len(groups) < 3:
        raise ProblemError([Problem(key="data.cannot_split", facts={"groups": len(groups), "examples": len(examples)})])
    order = _spread(examples, groups, random.Random(f"split {seed}"))
    validation, test = _deal(groups, order, sizes[1], sizes[2])
    held_out = validation | test
    return Split(
        train=tuple(example for place, example in enumerate(examples) if place not in held_out),
        validation=tuple(examples[place] for place in sorted(validation)),
        test=tuple(examples[place] for place in sorted(test)),
    )


def _spread(examples: Sequence[Example], groups: list[list[int]], chance: random.Random) -> list[int]:
    """Numbers of the groups that may be held out, so ordered that every beginning is spread evenly over the answers."""
    by_answer: dict[str, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        by_answer[plain(examples[group[0]].answer)].append(number)
    placed: list[tuple[float, int]] = []
    for numbers in by_answer.values():
        chance.shuffle(numbers)
        spare = numbers[1:] or numbers  # the first one stays in training, unless it is the answer's only one
        placed += [((rank + chance.random()) / len(spare), number) for rank, number in enumerate(spare)]
    return [number for _, number in sorted(placed)]


def _deal(groups: list[list[int]], order: list[int], validation: int, test: int) -> tuple[set[int], set[int]]:
    """Deals groups to whichever held-out part is further from its size; passes over those that fit in neither."""
    wishes = {"test": max(1, test), "validation": max(1, validation)}
    parts: dict[str, set[int]] = {"test": set(), "validation": set()}
    for number in order:
        group = groups[number]
        for name in sorted(parts, key=lambda one: (len(parts[one]) / wishes[one], one)):
            if len(parts[name]) + len(group) <= wishes[name]:
                parts[name] |= set(group)
                break
    used = parts["test"] | parts["validation"]
    for name, part in parts.items():
        if not part:  # every group is larger than the wish: the smallest one left will do
            rest = [group for group in groups if not used & set(group)]
            parts[name] |= set(sorted(rest, key=len)[0])
            used |= parts[name]
    return parts["validation"], parts["test"]
