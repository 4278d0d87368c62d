"""Every cell of the two tables in tuner/store/states.py."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from tuner.store.records import JobState, Wish
from tuner.store.states import Asked, answer, settle

STATES: tuple[JobState, ...] = get_args(JobState)
ENDED = ("finished", "stopped", "failed")

# (state, wish, some finished) -> asked -> (state, wish)
ASKED = {
    ("queued", "", False): {"stop": ("stopped", ""), "pause": ("paused", ""), "resume": ("queued", ""),
                            "extend": ("queued", "")},
    ("queued", "", True): {"stop": ("queued", "stop"), "pause": ("paused", ""), "resume": ("queued", ""),
                           "extend": ("queued", "")},
    ("queued", "stop", True): {"stop": ("queued", "stop"), "pause": ("paused", ""), "resume": ("queued", ""),
                               "extend": ("queued", "stop")},
    ("running", "", False): {"stop": ("running", "stop"), "pause": ("running", "pause"), "resume": ("running", ""),
                             "extend": ("running", "")},
    ("running", "", True): {"stop": ("running", "stop"), "pause": ("running", "pause"), "resume": ("running", ""),
                            "extend": ("running", "")},
    ("running", "stop", True): {"stop": ("running", "stop"), "pause": ("running", "pause"),
                                "resume": ("running", ""), "extend": ("running", "stop")},
    ("running", "pause", True): {"stop": ("running", "stop"), "pause": ("running", "pause"),
                                 "resume": ("running", ""), "extend": ("running", "pause")},
    ("paused", "", False): {"stop": ("stopped", ""), "pause": ("paused", ""), "resume": ("queued", ""),
                            "extend": ("paused", "")},
    ("paused", "", True): {"stop": ("queued", "stop"), "pause": ("paused", ""), "resume": ("queued", ""),
                           "extend": ("paused", "")},
    ("finished", "", True): {"stop": ("finished", ""), "pause": ("finished", ""), "resume": ("finished", ""),
                             "extend": ("queued", "")},
    ("stopped", "", False): {"stop": ("stopped", ""), "pause": ("stopped", ""), "resume": ("queued", ""),
                             "extend": ("queued", "")},
    ("failed", "", False): {"stop": ("failed", ""), "pause": ("failed", ""), "resume": ("queued", ""),
                            "extend": ("queued", "")},
}
CELLS = [(before, asked, after) for before, row in ASKED.items() for asked, after in row.items()]


@pytest.mark.parametrize(("before", "asked", "after"), CELLS)
def test_a_persons_wish_leads_where_the_table_says(
    before: tuple[JobState, Wish, bool], asked: Asked, after: tuple[JobState, Wish]
) -> None:
    state, wish, some_finished = before
    assert answer(asked, state, wish, some_finished) == after


def test_the_table_has_every_state_and_every_wish() -> None:
    assert {before[0] for before in ASKED} == set(STATES)
    assert all(set(row) == set(get_args(Asked)) for row in ASKED.values())


@pytest.mark.parametrize("asked", get_args(Asked))
@pytest.mark.parametrize("state", ENDED)
def test_an_ended_job_moves_only_to_the_queue_or_stays(state: JobState, asked: Asked) -> None:
    assert answer(asked, state, "", True) in ((state, ""), ("queued", ""))


# released, wish, resumed, work left, some finished -> (state, wish)
SETTLED = [
    ("finished", "", False, False, True, ("finished", "")),
    ("finished", "pause", False, False, True, ("finished", "")),
    ("finished", "stop", False, False, True, ("finished", "")),
    ("finished", "", False, True, True, ("queued", "")),
    ("finished", "pause", False, True, True, ("paused", "")),
    ("finished", "stop", False, True, True, ("finished", "")),
    ("stopped", "stop", False, False, True, ("stopped", "")),
    ("stopped", "pause", False, False, True, ("stopped", "")),
    ("stopped", "", True, False, True, ("queued", "")),
    ("stopped", "", False, False, True, ("stopped", "")),
    ("paused", "pause", False, False, True, ("paused", "")),
    ("paused", "", False, False, True, ("paused", "")),
    ("paused", "", True, False, True, ("queued", "")),
    ("paused", "stop", False, False, True, ("queued", "stop")),
    ("paused", "stop", False, False, False, ("stopped", "")),
    ("queued", "", False, False, True, ("queued", "")),
    ("queued", "pause", False, False, True, ("paused", "")),
    ("queued", "stop", False, False, True, ("queued", "stop")),
    ("queued", "stop", False, False, False, ("stopped", "")),
    ("failed", "", False, False, True, ("failed", "")),
    ("failed", "stop", False, False, True, ("failed", "")),
    ("failed", "", True, True, True, ("failed", "")),
]


@pytest.mark.parametrize(("released", "wish", "resumed", "work_left", "some_finished", "after"), SETTLED)
def test_a_release_leads_where_the_table_says(
    released: JobState, wish: Wish, resumed: bool, work_left: bool, some_finished: bool, after: tuple[JobState, Wish]
) -> None:
    settled = settle(released, wish, resumed=resumed, work_left=work_left, some_finished=some_finished)
    assert settled == after


def test_no_release_leaves_a_job_running_or_with_a_wish_that_nobody_reads() -> None:
    flags = itertools.product((False, True), repeat=3)
    for released, wish, (resumed, work_left, some_finished) in itertools.product(
        STATES, get_args(Wish), list(flags)
    ):
        if released == "running":
            continue
        state, left = settle(released, wish, resumed=resumed, work_left=work_left, some_finished=some_finished)
        assert state != "running"
        assert left == "" or (state, left) == ("queued", "stop")


def test_a_job_cannot_be_released_as_running() -> None:
    with pytest.raises(ValueError, match="got 'running'"):
        settle("running", "", resumed=False, work_left=False, some_finished=False)
