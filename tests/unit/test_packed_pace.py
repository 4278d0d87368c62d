"""How long a pass is made: as long as a token gets cheaper by it, and never longer than there is memory for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuner.train.packed.pace import FIRST, PASSES, Pace


def settled(pace: Pace, seconds: Callable[[int], float]) -> int:
    """So many tokens at last, where there is always more work than a pass takes."""
    for _ in range(1000):
        if pace.is_settled:
            return pace.tokens
        pace.took(pace.tokens, seconds(pace.tokens), was_cut=True)
    raise AssertionError(f"it never settles, {pace.tokens} tokens")


@pytest.mark.parametrize(("seconds", "expected"), [
    (lambda tokens: 0.05, 16_384),                               # bound by launching: as much as there is room for
    (lambda tokens: tokens * 1e-4, 1024),                        # at its peak with little
    (lambda tokens: 0.05 + tokens * 1e-4, 4096),                 # in between
    (lambda tokens: tokens * (1e-4 if tokens <= 2048 else 2e-4) + 0.05, 2048),
])
def test_a_pass_is_made_longer_while_that_pays(seconds: Callable[[int], float], expected: int) -> None:
    assert settled(Pace(20_000), seconds) == expected


def test_one_slow_pass_decides_nothing() -> None:
    """The first of each size sets things up, and another program may hold up one of the rest."""
    pace, count = Pace(4096), 0
    while not pace.is_settled:
        hiccup = count % (PASSES + 1) in (0, 2)
        pace.took(pace.tokens, 0.05 * (20 if hiccup else 1), was_cut=True)
        count += 1
    assert pace.tokens == 4096


def test_where_all_work_fits_nothing_is_tried() -> None:
    pace = Pace(20_000)
    for _ in range(100):
        pace.took(300, 0.01, was_cut=False)
    assert (pace.tokens, pace.is_settled) == (FIRST, False)


@given(most=st.integers(1, 10**5), less=st.integers(1, 10**5), times=st.lists(st.floats(1e-6, 10), min_size=1))
def test_a_pass_is_never_longer_than_there_is_room_for(most: int, less: int, times: list[float]) -> None:
    pace = Pace(most)
    for place, seconds in enumerate(times):
        assert 1 <= pace.tokens <= most
        pace.took(pace.tokens, seconds, was_cut=True)
        if place == len(times) // 2:
            most = min(most, less)
            pace.limit(most)
    assert 1 <= pace.tokens <= most
