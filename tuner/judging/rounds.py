"""When a search that people steer may train on, and how many comparisons it still wants. Pure arithmetic.

The first tries are trained, then people compare answers of theirs; while they do, a few more tries are trained ahead by
the validation loss. Every further round of tries waits for its comparisons in the same way, and so does the end.
"""

from __future__ import annotations

FIRST = 4
"""Tries, the defaults among them, before people are asked for the first time."""
ROUND = 3
"""Tries from then on before they are asked again."""
AHEAD = 2
"""Tries that are trained while votes are missing; then the job lets go of the machine."""
A_TRY = 2
"""Comparisons for each try after the first. Measured with simulated voters: the best of ten is found with half the
votes of a round robin."""


def wanted(tries: int) -> int:
    """Promises the comparisons, in all, that so many trained tries want."""
    return A_TRY * max(0, tries - 1)


def boundary(tries: int) -> int:
    """Promises at how many trained tries people were last asked to compare; 0: not yet."""
    return 0 if tries < FIRST else FIRST + (tries - FIRST) // ROUND * ROUND


def asked(tries: int, *, is_over: bool) -> int:
    """Promises the comparisons, in all, that people are asked for by now. `is_over`: no try comes any more."""
    return wanted(tries if is_over else boundary(tries))


def may_start(tries: int, under_way: int, compared: int) -> bool:
    """Promises whether one more try may be started: up to the end of the round whose comparisons are missing, and a few
    ahead of them."""
    round_ends = FIRST
    while wanted(round_ends) <= compared:
        round_ends += ROUND
    return tries + under_way < round_ends + AHEAD
