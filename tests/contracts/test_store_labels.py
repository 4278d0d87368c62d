"""Names mean one thing in a team; the team's model is promoted and taken back; no team sees another's."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_samples import Clock, new_job, trial

from tuner.store import Store
from tuner.store.labels import Labels

DOORS: dict[str, tuple[object, ...]] = {
    "uncall": (1, None), "names": (), "meaning": ("refund bot",), "promoted": (), "undo_promotion": (),
}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Team red has two jobs; the first has two checkpoints and a name, and its try 1 is the team's model."""
    async with await Store.open(tmp_path / "home", Clock()) as opened:
        await opened.submit(new_job("m-1"))
        await opened.submit(new_job("m-2"))
        job = await opened.claim("w", 60)
        assert job is not None
        for number in (0, 1):
            await opened.record_trial(job.id, "w", trial(number))
            await opened.add_checkpoint(job.id, "w", number, f"f/{number}", "s", 0.5)
        await opened.labels.call("red", 1, None, "Refund Bot", "ana")
        await opened.labels.promote("red", 1, 1, "ana")
        yield opened


async def test_a_name_is_found_whatever_its_case_and_width(store: Store) -> None:
    for said in ("refund bot", "REFUND BOT", "ｒｅｆｕｎｄ ｂｏｔ"):
        found = await store.labels.meaning("red", said)
        assert found is not None
        assert (found.name, found.job, found.trial, found.person, found.at) == ("Refund Bot", 1, None, "ana", 1_000.0)


async def test_a_name_that_is_taken_stays_where_it_is(store: Store) -> None:
    taken = await store.labels.call("red", 2, None, "refund bot", "ben")
    assert (taken.job, taken.person) == (1, "ana")
    taken = await store.labels.call("red", 1, 1, "refund bot", "ben")
    assert taken.trial is None
    assert [name.job for name in await store.labels.names("red")] == [1]


async def test_a_new_name_gives_the_old_one_up(store: Store) -> None:
    await store.labels.call("red", 1, None, "returns", "ben")
    assert await store.labels.meaning("red", "refund bot") is None
    assert (await store.labels.call("red", 2, None, "refund bot", "ben")).job == 2


async def test_a_job_and_its_tries_have_names_of_their_own(store: Store) -> None:
    await store.labels.call("red", 1, 0, "calm one", "ben")
    assert [(name.name, name.trial) for name in await store.labels.names("red")] == [("Refund Bot", None),
                                                                                    ("calm one", 0)]
    assert await store.labels.uncall("red", 1, 0) is not None
    assert await store.labels.uncall("red", 1, 0) is None
    assert [name.trial for name in await store.labels.names("red")] == [None]


async def test_a_promotion_is_taken_back_to_the_one_before(store: Store) -> None:
    await store.labels.promote("red", 1, 0, "ben")
    again = await store.labels.promote("red", 1, 0, "ana")
    assert again.person == "ben"  # it is already
    taken = await store.labels.undo_promotion("red")
    assert taken is not None
    assert (taken.trial, taken.person) == (0, "ben")
    now = await store.labels.promoted("red")
    assert now is not None
    assert (now.job, now.trial, now.person, now.at) == (1, 1, "ana", 1_000.0)
    await store.labels.undo_promotion("red")
    assert await store.labels.promoted("red") is None
    assert await store.labels.undo_promotion("red") is None


@pytest.mark.parametrize(("job", "number"), [(1, 7), (2, 0), (9, 0), (0, 0), (2**70, 0)])
async def test_only_a_checkpoint_that_is_there_can_be_promoted(store: Store, job: int, number: int) -> None:
    with pytest.raises(KeyError):
        await store.labels.promote("red", job, number, "ana")
    now = await store.labels.promoted("red")
    assert now is not None
    assert now.trial == 1


@pytest.mark.parametrize("name", DOORS)
async def test_another_team_sees_and_changes_nothing(store: Store, name: str) -> None:
    assert not await getattr(store.labels, name)("blue", *DOORS[name])
    assert await store.labels.promoted("red") is not None
    assert await store.labels.meaning("red", "refund bot") is not None
    assert await getattr(store.labels, name)("red", *DOORS[name])


async def test_another_team_may_use_the_same_name_for_its_own(store: Store) -> None:
    with pytest.raises(KeyError):
        await store.labels.call("blue", 1, None, "refund bot", "eve")
    with pytest.raises(KeyError):
        await store.labels.promote("blue", 1, 1, "eve")
    await store.submit(new_job("m-1", team="blue"))
    theirs = await store.labels.call("blue", 1, None, "refund bot", "eve")
    assert theirs.person == "eve"
    ours = await store.labels.meaning("red", "refund bot")
    assert ours is not None
    assert ours.person == "ana"


def test_every_door_is_tried_here() -> None:
    doors = {name for name, _ in inspect.getmembers(Labels, inspect.iscoroutinefunction)}
    assert doors == {*DOORS, "call", "promote"}


async def test_a_promotion_is_told_as_it_is_kept(store: Store, tmp_path: Path) -> None:
    """Also where time goes on between two looks at the clock."""
    ticks = itertools.count(2_000.0, 0.7)
    async with await Store.open(tmp_path / "home", lambda: next(ticks)) as ticking:
        assert await ticking.labels.promote("red", 1, 0, "ben") == await ticking.labels.promoted("red")
