"""Of those who took part in a step that failed, only the one whose fault it was is found guilty."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tuner.chat.engine.suspects import Suspects


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_the_culprits_are_found_and_nobody_else(count: int, bad: set[int]) -> None:
    suspects = Suspects[int]()
    left, convicted, steps = list(range(count)), set[int](), 0
    cleared: set[int] = set()
    while left:
        steps += 1
        assert steps <= 12 * count + 12
        took_part = [one for one in left if one in cleared or suspects.may_read(one)]
        assert not any(map(suspects.is_apart, took_part))
        assert took_part, "somebody is always tried"
        if bad.isdisjoint(took_part):
            for one in took_part:
                suspects.clear(one)
            cleared.update(took_part)
            if len(took_part) == len(left):
                break
        elif (culprit := suspects.blame(took_part)) is not None:
            convicted.add(culprit)
            left.remove(culprit)
    assert convicted == bad & set(range(count))


def test_who_leaves_while_he_is_tried_holds_up_nobody() -> None:
    suspects = Suspects[str]()
    assert suspects.blame(["a", "b"]) is None
    assert (suspects.is_apart("a"), suspects.is_apart("b"), suspects.is_apart("newcomer")) == (False, True, False)
    assert (suspects.may_read("a"), suspects.may_read("b"), suspects.may_read("newcomer")) == (True, False, False)
    suspects.clear("a")
    assert (suspects.may_read("b"), suspects.may_read("newcomer")) == (True, False)
    suspects.clear("b")
    assert suspects.may_read("newcomer")
