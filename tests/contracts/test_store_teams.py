"""One team never sees what another has, by number, name or id, through any door that people reach."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_samples import Clock, dataset, new_job, trial

from tuner.events import TrialFinished
from tuner.store import Store

OURS = "teams_own_secret"
FINISHED = TrialFinished(number=0, state="complete", value=0.5, cause="", best=True)

DOORS: dict[str, list[tuple[object, ...]]] = {
    "dataset": [("faq.csv",), ("a" * 64,)],
    "datasets": [()],
    "job": [(1,), ("last",)],
    "jobs": [()],
    "wish": [(1, "stop"), (1, "pause")],
    "resume": [(1,)],
    "extend": [(1, 5)],
    "events_of": [(1,)],
    "checkpoints": [(), (1,)],
    "best_checkpoint": [(), (1,)],
    "preference": [(None, "language"), ("ana", "language")],
}
"""Every door that takes a team and reads or changes, with words that mean something in team red."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Team red has one of everything; team blue has nothing."""
    async with await Store.open(tmp_path / "home", Clock()) as opened:
        await opened.add_dataset(dataset())
        await opened.submit(new_job("m-1"))
        job = await opened.claim("w", 60)
        assert job is not None
        await opened.record_trial(job.id, "w", trial(0), FINISHED)
        await opened.add_checkpoint(job.id, "w", 0, "f/0", "s", 0.5)
        await opened.prefer("red", None, "language", "ja")
        await opened.prefer("red", "ana", "language", "ja")
        await opened.keep_dialogue("ana", "red-lab", {"secret": OURS}, 60)
        yield opened


CALLS = [(name, words) for name, calls in DOORS.items() for words in calls]


@pytest.mark.parametrize(("name", "words"), CALLS)
async def test_a_team_that_has_nothing_sees_nothing(store: Store, name: str, words: tuple[object, ...]) -> None:
    before = await store.jobs("red")
    found = await getattr(store, name)("blue", *words)
    assert not found
    assert await store.jobs("red") == before


@pytest.mark.parametrize(("name", "words"), CALLS)
async def test_the_team_itself_sees_it(store: Store, name: str, words: tuple[object, ...]) -> None:
    """Else the test above would hold for words that mean nothing."""
    assert await getattr(store, name)("red", *words)


def test_every_door_that_takes_a_team_is_listed_here() -> None:
    doors = {
        name for name, door in inspect.getmembers(Store, inspect.iscoroutinefunction)
        if "team" in inspect.signature(door).parameters
    }
    assert doors - {"prefer", "spent", "ahead_of_new"} == set(DOORS), "a count shows nothing but itself"


async def test_a_team_with_the_same_names_and_numbers_sees_its_own(store: Store) -> None:
    await store.add_dataset(dataset(team="blue", ident="b" * 64))
    job, queued = await store.submit(new_job("m-1", team="blue"))  # the same message id as red's
    assert queued
    assert (job.team, job.number) == ("blue", 1)
    await store.prefer("blue", "ana", "language", "en")
    found = await store.dataset("blue", "faq.csv")
    assert found is not None
    assert found.team == "blue"
    assert await store.dataset("blue", "a" * 64) is None
    assert await store.job("blue", "last") == job
    assert await store.events_of("blue", 1) == []
    assert await store.best_checkpoint("blue") is None
    assert await store.preference("blue", "ana", "language") == "en"
    assert await store.preference("red", "ana", "language") == "ja"


async def test_the_same_file_in_two_teams_is_two_data_sets(store: Store) -> None:
    theirs = await store.add_dataset(dataset("other name.csv", team="blue"))
    assert theirs.folder.startswith("teams/blue/")
    assert await store.datasets("red") == [dataset()]
    assert await store.dataset("red", "other name.csv") is None


async def test_a_wish_of_one_team_leaves_the_others_job_alone(store: Store) -> None:
    theirs, _ = await store.submit(new_job("m-9", team="blue"))
    stopped = await store.wish("blue", 1, "stop")
    assert stopped is not None
    assert (stopped.id, stopped.state) == (theirs.id, "stopped")
    ours = await store.job("red", 1)
    assert ours is not None
    assert (ours.state, ours.wish) == ("running", "")


async def test_the_same_person_in_another_teams_channel_has_no_dialogue(store: Store) -> None:
    assert await store.dialogue("ana", "blue-lab") is None


async def test_a_team_counts_its_own_minutes_only(store: Store) -> None:
    assert (await store.spent("blue", None, 0.0)).used_s == (await store.spent("blue", "ana", 0.0)).used_s == 0.0
