"""Which lane trains what, and what the parent hears of it. The lanes are pipes here; nothing trains."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tuner.runners.base import Ready, RunnerEvent, StepDone, TrialEnded, TrialSpec
from tuner.runners.child_router import IDLE_S, WORTH_MOVING, WORTH_SHARING, Lane, Router
from tuner.runners.wire import Start, Stop, decode_request, encode_event


class Lanes:
    """A router with the far ends of its pipes."""

    def __init__(self, count: int, slots: int) -> None:
        self.heard: list[RunnerEvent] = []
        self.now = 0.0
        tell: Any = self.heard.append
        self.router = Router(tell, lambda: self.now)
        self._mine, self._asked = [], []
        for place in range(count):
            (theirs, requests), (events, mine) = os.pipe(), os.pipe()
            os.set_blocking(theirs, False)
            self.router.lanes.append(Lane(pid=-place - 1, requests=requests, events=events))
            self._mine.append(mine)
            self._asked.append(theirs)
        for mine in self._mine:
            os.write(mine, encode_event(Ready(device="cpu", device_name="test", slots=slots, parks=True)))
        self.slots = self.router.ready()

    def asked(self, lane: int) -> list[Any]:
        """What the lane was asked since the last time."""
        try:
            return [decode_request(line) for line in os.read(self._asked[lane], 10**6).splitlines()]
        except BlockingIOError:
            return []

    def says(self, lane: int, event: RunnerEvent, then: Callable[[], bool] = lambda: True) -> None:
        """The lane tells of something, and the router has heard it."""
        before = (len(self.heard), [dict(lane.held) for lane in self.router.lanes])
        os.write(self._mine[lane], encode_event(event))
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            after = (len(self.heard), [dict(lane.held) for lane in self.router.lanes])
            if after != before and then():
                return
            time.sleep(0.002)
        raise AssertionError(f"the router did not heed {event}")

    def start(self, number: int) -> None:
        assert self.router(Start(slot=0, trial=TrialSpec(number=number, settings={"epochs": number})))

    def held(self) -> list[set[int]]:
        return [set(lane.held.values()) for lane in self.router.lanes]

    def close(self) -> None:
        self.router._closing = True  # their end is no death
        for mine in self._mine:
            os.close(mine)


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes(2, 2)
    yield made
    made.close()


def step(number: int, share: float = 0.1) -> StepDone:
    return StepDone(number=number, step=round(share * 100), steps=100, train_loss=1.0)


def end(number: int, outcome: Any = "complete") -> TrialEnded:
    return TrialEnded(number=number, outcome=outcome, cause="")


def moving(lanes: Lanes) -> None:
    """Trials 0 and 2 in lane 0, nothing in lane 1; the one with most left, 2, is asked to wait."""
    for number in (0, 1, 2):
        lanes.start(number)
    assert lanes.held() == [{0, 2}, {1}]
    lanes.says(1, end(1))
    lanes.asked(0)
    lanes.asked(1)
    lanes.says(0, step(0, 0.6))
    lanes.says(0, step(2, 0.3))
    assert lanes.asked(0) == [], "the parent may have something for the idle lane"
    lanes.now += IDLE_S
    lanes.says(0, step(0, 0.7))
    assert lanes.asked(0) == [Stop(number=2, outcome="parked")]


def test_a_new_trial_goes_to_the_lane_with_the_fewest(lanes: Lanes) -> None:
    assert lanes.slots == 4
    for number in range(4):
        lanes.start(number)
    assert lanes.held() == [{0, 2}, {1, 3}]
    lanes.says(1, end(1))
    lanes.says(1, end(3))
    lanes.start(4)
    assert lanes.held() == [{0, 2}, {4}]


def test_a_trial_moves_to_an_idle_lane_and_the_parent_hears_nothing_of_it(lanes: Lanes) -> None:
    moving(lanes)
    told = len(lanes.heard)
    lanes.says(0, end(2, "parked"), lambda: lanes.held() == [{0}, {2}])
    assert len(lanes.heard) == told
    assert lanes.asked(1) == [Start(slot=0, trial=TrialSpec(number=2, settings={"epochs": 2}, parked=True))]
    lanes.says(1, end(2))
    assert lanes.heard[-1] == end(2)


@pytest.mark.parametrize("wish", ["pruned", "stopped"])
def test_a_wish_that_comes_while_it_moves_goes_after_it(lanes: Lanes, wish: Any) -> None:
    moving(lanes)
    assert lanes.router(Stop(number=2, outcome=wish))
    lanes.says(0, end(2, "parked"), lambda: lanes.held() == [{0}, {2}])
    assert [type(request) for request in lanes.asked(1)] == [Start, Stop]
    lanes.says(1, end(2, wish))
    assert lanes.heard[-1] == end(2, wish)


def test_one_that_is_to_wait_anyway_is_not_started_elsewhere(lanes: Lanes) -> None:
    moving(lanes)
    assert lanes.router(Stop(number=2, outcome="parked"))
    lanes.says(0, end(2, "parked"))
    assert lanes.heard[-1] == end(2, "parked")
    assert lanes.held() == [{0}, set()]
    assert lanes.asked(1) == []


def test_one_that_ends_before_it_moves_has_ended(lanes: Lanes) -> None:
    moving(lanes)
    lanes.says(0, end(2))
    assert lanes.heard[-1] == end(2)
    assert lanes.held() == [{0}, set()]


def test_a_trial_that_is_almost_done_stays(lanes: Lanes) -> None:
    for number in (0, 1, 2):
        lanes.start(number)
    lanes.says(1, end(1))
    lanes.asked(0)
    lanes.says(0, step(0, 1 - WORTH_MOVING / 2))
    lanes.says(0, step(2, 1 - WORTH_MOVING / 2))
    lanes.now += 10
    lanes.says(0, step(2, 1 - WORTH_MOVING / 3))
    assert lanes.asked(0) == []


def test_a_lane_with_three_gives_one_to_a_lane_with_one() -> None:
    lanes = Lanes(2, 4)
    for number in range(5):
        lanes.start(number)
    lanes.says(1, end(3))
    lanes.asked(0)
    lanes.says(0, step(0, 0.5))
    lanes.says(0, step(2, 0.2))
    lanes.now += IDLE_S
    lanes.says(0, step(4, 1 - WORTH_SHARING / 2))
    assert lanes.asked(0) == [Stop(number=2, outcome="parked")]
    lanes.says(0, end(2, "parked"), lambda: lanes.held() == [{0, 4}, {1, 2}])
    lanes.now += 10
    lanes.says(0, end(4))
    lanes.asked(1)
    lanes.says(1, step(1, 0.1))
    assert lanes.asked(1) == [], "one more or fewer is even"
    lanes.close()


def test_a_trial_past_most_of_its_way_is_not_shared() -> None:
    wide = Lanes(2, 3)
    for number in range(5):
        wide.start(number)
    wide.says(1, end(3))
    wide.asked(0)
    for number in (0, 2, 4):
        wide.says(0, step(number, 1 - WORTH_SHARING / 2))
    wide.now += 10
    wide.says(0, step(4, 1 - WORTH_SHARING / 3))
    assert wide.asked(0) == []
    wide.close()


def test_requests_that_are_no_lanes_stay_with_the_child(lanes: Lanes) -> None:
    from tuner.runners.wire import Close, Score

    assert not lanes.router(Score(subject="base", trial=None, checkpoint=None))
    assert not lanes.router(Close())
    assert lanes.router(Stop(number=99, outcome="stopped")), "a trial that has ended is nobody's"
