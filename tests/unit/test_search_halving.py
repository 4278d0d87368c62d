"""Which trial goes on at a rung, which waits, which is given up, and that nobody waits for ever."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_search_proposals import DEFAULTS, plan

from tuner.events import TrialRecord
from tuner.plan.plan import RUNGS
from tuner.search import Search
from tuner.search.halving import CLOSE_BEHIND, PROMOTED, crosses, goes_on, may_come, rung_of

FIRST, SECOND = RUNGS


def others(*losses: float, rung: int = FIRST) -> list[dict[int, float]]:
    return [{rung: loss} for loss in losses]


def test_while_others_may_come_only_the_best_quarter_goes_on() -> None:
    assert goes_on(FIRST, {FIRST: 1.0}, others(2.0, 3.0, 4.0), may_come=True)
    assert not goes_on(FIRST, {FIRST: 2.1}, others(2.0, 3.0, 4.0), may_come=True)
    assert not goes_on(FIRST, {FIRST: 1.0}, others(2.0, 3.0), may_come=True), f"of fewer than {PROMOTED} none is best"


def test_once_nobody_can_come_those_close_behind_go_on_too() -> None:
    seven = others(*[1.0] * 2, *[9.0] * 5)
    for loss, expected in ((1 + 0.9 * CLOSE_BEHIND, True), (1 + 1.1 * CLOSE_BEHIND, False)):
        assert goes_on(FIRST, {FIRST: loss}, seven, may_come=False) is expected
        assert not goes_on(FIRST, {FIRST: loss}, seven, may_come=True)


def test_of_a_few_nobody_is_given_up() -> None:
    for count in range(PROMOTED - 1):
        assert goes_on(FIRST, {FIRST: 99.0}, others(*[1.0] * count), may_come=False)


def test_a_trial_is_compared_at_the_rung_that_it_has_reached() -> None:
    assert goes_on(SECOND, {FIRST: 9.0, SECOND: 1.0}, others(*[2.0] * 5, rung=SECOND) + others(*[0.1] * 5),
                   may_come=False), "those that never came so far do not count"


def test_a_rung_is_crossed_once_and_never_at_the_last_step() -> None:
    curve: dict[int, float] = {}
    crossed = []
    for percent in range(5, 101, 5):
        curve[percent] = 1.0
        if crosses(curve):
            crossed.append(percent)
    assert crossed == list(RUNGS)
    assert not crosses({100: 1.0})


def test_warm_up_is_protected() -> None:
    assert rung_of({FIRST: 1.0}, warmup_ratio=0.1) == FIRST
    assert rung_of({FIRST: 1.0}, warmup_ratio=0.3) is None
    assert rung_of({FIRST: 1.0, SECOND: 1.0}, warmup_ratio=0.3) == SECOND


def test_whoever_is_below_a_rung_may_come() -> None:
    assert may_come(SECOND, {1: {FIRST: 1.0}}, more=False)
    assert may_come(SECOND, {}, more=True)
    assert not may_come(SECOND, {1: {SECOND: 1.0}}, more=False)


class Driven:
    """A search whose trials advance by tenths, in an order drawn by chance."""

    def __init__(self, trials: int, side_by_side: int, seed: int) -> None:
        self.draw, self.wide = random.Random(seed), side_by_side
        self.search = Search(plan(pruner="asha", method="random", trials=trials))
        self.final = {number: self.draw.uniform(0.1, 3.0) for number in range(trials)}
        self.at: dict[int, int] = {}
        self.running: set[int] = set()
        self.states: dict[int, str] = {}
        self.promoted = 0

    def loss(self, number: int, percent: int) -> float:
        return self.final[number] * (2.0 - percent / 100) * self.draw.uniform(0.97, 1.03)

    def end(self, number: int, state: str) -> None:
        self.states[number] = state
        curve = tuple((percent, None, loss) for percent, loss in sorted(self.search._curves[number].items()))
        self.search.tell(TrialRecord(number=number, settings=DEFAULTS, state=state, curve=curve,  # type: ignore[arg-type]
                                     value=self.final[number] if state == "complete" else None,
                                     metrics={"steps": 100}))

    def fill(self) -> None:
        while True:
            for number in self.search.given_up():
                assert number not in self.running
                self.end(number, "pruned")
            if len(self.running) == self.wide:
                return
            found = self.search.promote()
            self.promoted += found is not None
            if (found := found or self.search.ask()) is None:
                return
            self.running.add(found[0])

    def go(self) -> None:
        while True:
            self.fill()
            if not self.running:
                break
            number = self.draw.choice(sorted(self.running))
            self.at[number] = percent = self.at.get(number, 0) + 10
            verdict = self.search.report(number, percent, 100, self.loss(number, percent), parks=True)
            if percent == 100:
                assert verdict == ""
                self.running.remove(number)
                self.end(number, "complete")
            elif verdict:
                assert verdict == "parked"
                self.running.remove(number)
                self.search.park(number)
        assert not self.search.parked, "somebody waits for ever"


@settings(max_examples=60, deadline=None)
@example(trials=11, side_by_side=1, seed=1)  # two waited for one that was given up
@given(trials=st.integers(1, 20), side_by_side=st.integers(1, 9), seed=st.integers(0, 10**6))
def test_every_trial_has_its_ending(trials: int, side_by_side: int, seed: int) -> None:
    driven = Driven(trials, side_by_side, seed)
    driven.go()
    assert driven.states.keys() == set(range(trials))
    assert driven.states[0] == "complete", "what all others are compared with"
    assert driven.search.is_done


def test_weak_trials_end_early_and_the_best_one_does_not() -> None:
    saved, kept, promoted = [], 0, 0
    for seed in range(30):
        driven = Driven(16, 4, seed)
        driven.go()
        best = min(driven.final, key=lambda number: driven.final[number])
        kept += driven.states[best] == "complete"
        promoted += driven.promoted
        saved.append(1 - sum(driven.at.values()) / 1600)
    assert kept == 30
    assert promoted > 30, "some waited, and went on"
    assert 0.3 < sum(saved) / 30 < 0.8


def test_a_search_that_is_extended_opens_its_rungs_again() -> None:
    search = Search(plan(pruner="asha", method="random", trials=4))
    for loss in (1.0, 2.0, 2.2, 3.0):
        asked = search.ask()
        assert asked is not None
        search.report(asked[0], FIRST, 100, loss, parks=True)
        if asked[0]:
            search.park(asked[0])
    assert search.ask() is None
    assert search.given_up() == [1, 2, 3]
    search.extend(plan(pruner="asha", method="random", trials=9))
    assert search.given_up() == []


def test_one_that_waits_tells_the_search_how_far_it_came() -> None:
    search = Search(plan(pruner="asha", method="tpe", trials=20))
    for _ in range(3):
        search.ask()
    search.report(2, FIRST, 100, 5.0, parks=True)
    search.park(2)
    states = {past.number: (past.state, past.curve) for past in search._past()}
    assert states[1] == ("running", None)
    assert states[2] == ("pruned", {FIRST: 5.0})
    search.forget(2)
    assert search.parked == frozenset()


@pytest.mark.parametrize("pruner", ["none", "median", "hyperband"])
def test_only_successive_halving_has_trials_wait(pruner: str) -> None:
    search = Search(plan(pruner=pruner, method="random", trials=20))
    for number in range(12):
        search.ask()
        for percent in (FIRST, SECOND):
            assert search.report(number, percent, 100, float(number), parks=True) != "parked"
