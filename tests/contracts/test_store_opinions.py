"""Blind pairs, votes and ratings: once each, kept over a restart, and never another team's."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_samples import Clock

from tuner.store import Store
from tuner.store.opinions import Opinions, Pair

ASKED = ({"role": "user", "content": "営業時間は？"},)
PAIR = Pair(
    id="p-1", team="red", channel="lab", request="m-1", place=0, messages=ASKED, left_subject="job-1/trial-2",
    right_subject="base/onsa-tiny", left_answer="9時からです", right_answer="…", created_at=1_000.0,
)
RATED = {"team": "red", "person": "ana", "answer_id": "a-1", "job": 1, "subject": "job-1/trial-2", "messages": ASKED,
         "answer": "9時から"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home", Clock()) as opened:
        yield opened


async def test_the_same_request_makes_one_pair_and_keeps_its_sides(store: Store) -> None:
    assert await store.opinions.add_pair(PAIR) == PAIR
    again = replace(PAIR, id="p-2", left_subject=PAIR.right_subject, right_subject=PAIR.left_subject)
    assert await store.opinions.add_pair(again) == PAIR
    assert await store.opinions.pairs("red") == [PAIR]
    assert await store.opinions.pair_at("red", "m-1", 0) == PAIR


async def test_a_person_has_one_vote_a_pair_and_may_change_it(store: Store) -> None:
    await store.opinions.add_pair(PAIR)
    assert await store.opinions.vote("red", "p-1", "ana", "left") is None
    assert await store.opinions.vote("red", "p-1", "ana", "left") == "left"
    assert await store.opinions.vote("red", "p-1", "ana", "both_bad") == "left"
    await store.opinions.vote("red", "p-1", "ben", "tie")
    votes = await store.opinions.votes("red")
    assert {(vote.person, vote.choice) for vote in votes} == {("ana", "both_bad"), ("ben", "tie")}
    assert {vote.left_subject for vote in votes} == {"job-1/trial-2"}


async def test_a_vote_on_another_teams_pair_is_refused_and_changes_nothing(store: Store) -> None:
    await store.opinions.add_pair(PAIR)
    with pytest.raises(KeyError):
        await store.opinions.vote("blue", "p-1", "eve", "right")
    assert await store.opinions.votes("red") == []


async def test_opinions_survive_a_restart(tmp_path: Path) -> None:
    async with await Store.open(tmp_path, Clock()) as first:
        await first.opinions.add_pair(PAIR)
        await first.opinions.vote("red", "p-1", "ana", "right")
        await first.opinions.rate(**RATED, verdict="bad", reason="料金が違う")
    async with await Store.open(tmp_path, Clock()) as second:
        assert await second.opinions.pair("red", "p-1") == PAIR
        assert [vote.choice for vote in await second.opinions.votes("red", "p-1")] == ["right"]
        (rating,) = await second.opinions.ratings("red")
        assert (rating.verdict, rating.reason, rating.messages) == ("bad", "料金が違う", ASKED)


async def test_a_verdict_counts_once_a_person_and_keeps_its_reason_when_pressed_again(store: Store) -> None:
    await store.opinions.rate(**RATED, verdict="bad", reason="too long")
    again = await store.opinions.rate(**RATED, verdict="bad")
    assert again.reason == "too long"
    changed = await store.opinions.rate(**RATED, verdict="good")
    assert (changed.verdict, changed.reason) == ("good", "")
    await store.opinions.rate(**{**RATED, "person": "ben"}, verdict="bad")
    assert [(each.person, each.verdict) for each in await store.opinions.ratings("red", 1)] == [
        ("ana", "good"), ("ben", "bad")]
    assert await store.opinions.ratings("red", 2) == []


async def test_a_correction_is_kept_with_the_data_set_that_it_went_into(store: Store) -> None:
    rating = await store.opinions.rate(**RATED, verdict="bad")
    assert (rating.correction, rating.used_in) == (None, None)
    corrected = await store.opinions.correct("red", rating.id, "10時からです")
    assert corrected is not None
    assert corrected.correction == "10時からです"
    await store.opinions.mark_used("red", [rating.id], "d-2")
    assert [each.used_in for each in await store.opinions.ratings("red")] == ["d-2"]


DOORS: dict[str, tuple[object, ...]] = {
    "pair": ("p-1",),
    "pair_at": ("m-1", 0),
    "pairs": (),
    "pairs_of": ("m-1",),
    "evidence": (),
    "compared": (1,),
    "votes": (),
    "ratings": (),
    "correct": (1, "mine"),
    "mark_used": ([1], "d-9"),
}
"""Every door that takes a team first, with words that mean something in team red; `vote` is tested above."""


@pytest.mark.parametrize("name", sorted(DOORS))
async def test_another_team_sees_and_changes_nothing(store: Store, name: str) -> None:
    await store.opinions.add_pair(PAIR)
    await store.opinions.add_pair(replace(PAIR, id="p-3", request="m-3", right_subject="job-1/trial-0"))
    await store.opinions.vote("red", "p-1", "ana", "left")
    await store.opinions.vote("red", "p-3", "ana", "left")
    await store.opinions.rate(**RATED, verdict="bad")
    before = (await store.opinions.votes("red"), await store.opinions.ratings("red"))
    assert not await getattr(store.opinions, name)("blue", *DOORS[name])
    assert (await store.opinions.votes("red"), await store.opinions.ratings("red")) == before
    if name != "mark_used":
        assert await getattr(store.opinions, name)("red", *DOORS[name])


def test_every_door_that_takes_a_team_is_listed_here() -> None:
    doors = {name for name, door in inspect.getmembers(Opinions, inspect.iscoroutinefunction)
             if "team" in inspect.signature(door).parameters}
    assert doors - {"vote", "rate"} == set(DOORS)
