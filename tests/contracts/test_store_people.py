"""Data sets, dialogues, preferences, deliveries and speeds are remembered as long as they should be."""

from __future__ import annotations

import asyncio
import math
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_samples import Clock, dataset, new_job

from tuner.events import JobFailed, JobPaused, JobStarted
from tuner.store import Store

FAILED = JobFailed(key="runner.died", facts={}, reference="ab12")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home", clock) as opened:
        yield opened


async def test_a_data_set_added_twice_is_one(store: Store) -> None:
    assert await store.add_dataset(dataset()) == dataset()
    assert await store.add_dataset(dataset()) == dataset()
    assert await store.datasets("red") == [dataset()]


@pytest.mark.parametrize("said", ["FAQ.csv", "faq.csv", "ｆａｑ.csv", " faq.csv ", "a" * 64])
async def test_a_data_set_is_found_by_what_people_call_it_and_by_id(store: Store, said: str) -> None:
    await store.add_dataset(dataset("Faq.csv"))
    assert await store.dataset("red", said) == dataset("Faq.csv")


async def test_a_name_typed_with_composed_or_separate_accents_is_the_same(store: Store) -> None:
    await store.add_dataset(dataset(unicodedata.normalize("NFD", "よくある質問ガイド.csv")))
    found = await store.dataset("red", unicodedata.normalize("NFC", "よくある質問ガイド.csv"))
    assert found is not None


async def test_a_name_means_the_file_that_was_last_given_it(store: Store) -> None:
    old, new = dataset("faq.csv", "a" * 64, at=1.0), dataset("faq.csv", "b" * 64, at=2.0)
    await store.add_dataset(old)
    await store.add_dataset(new)
    assert await store.dataset("red", "faq.csv") == new
    assert await store.dataset("red", "a" * 64) == old
    assert await store.datasets("red") == [new, old]
    again = replace(old, added_at=3.0)
    await store.add_dataset(again)  # the first file is posted again
    assert await store.dataset("red", "faq.csv") == again
    assert await store.datasets("red") == [again, new]


async def test_a_file_posted_under_two_names_is_found_by_both_and_listed_once(store: Store) -> None:
    await store.add_dataset(dataset("first.csv"))
    await store.add_dataset(dataset("second.csv"))
    first, second = await store.dataset("red", "first.csv"), await store.dataset("red", "second.csv")
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert [found.name for found in await store.datasets("red")] == ["second.csv"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "'; DROP TABLE jobs; --", "100%_名前.csv", "a\nb.csv"])
async def test_a_files_name_is_data(store: Store, name: str) -> None:
    await store.add_dataset(dataset(name))
    found = await store.dataset("red", name)
    assert found is not None
    assert found.name == name
    assert await store.dataset("red", "%") is None


async def test_a_dialogue_survives_a_restart_and_ends_by_the_clock(tmp_path: Path) -> None:
    clock = Clock()
    value = {"asked": "which column?", "choices": ["質問", "answer"], "plan": None}
    async with await Store.open(tmp_path, clock) as store:
        await store.keep_dialogue("ana", "lab", {"old": True}, 5)
        await store.keep_dialogue("ana", "lab", value, 60)
    clock.now += 59.5
    async with await Store.open(tmp_path, clock) as store:
        assert await store.dialogue("ana", "lab") == value
        clock.now += 0.5
        assert await store.dialogue("ana", "lab") is None


async def test_of_those_who_claim_a_name_at_once_one_gets_it(store: Store) -> None:
    claims = [store.claim_dialogue("*", "heard:1", {"by": by}, 60) for by in range(5)]
    assert sorted(await asyncio.gather(*claims)) == [False] * 4 + [True]
    assert await store.claim_dialogue("*", "heard:2", {"by": 9}, 60)
    assert await store.claim_dialogue("*", "other", {"by": 9}, 60)
    assert set(await store.dialogues("*", "heard:")) == {"heard:1", "heard:2"}
    assert (await store.dialogues("*", "heard:"))["heard:2"] == {"by": 9}
    assert await store.dialogues("*", "heard:%") == {}


async def test_a_dialogue_belongs_to_one_person_in_one_channel(store: Store) -> None:
    await store.keep_dialogue("ana", "lab", {"a": 1}, 60)
    assert await store.dialogue("ben", "lab") is None
    assert await store.dialogue("ana", "hall") is None
    await store.drop_dialogue("ben", "lab")
    assert await store.dialogue("ana", "lab") == {"a": 1}
    await store.drop_dialogue("ana", "lab")
    assert await store.dialogue("ana", "lab") is None


async def test_a_preference_is_kept_changed_and_forgotten(store: Store) -> None:
    await store.prefer("red", "ana", "language", "ja")
    await store.prefer("red", "ana", "language", "en")
    assert await store.preference("red", "ana", "language") == "en"
    await store.prefer("red", "ana", "language", None)
    assert await store.preference("red", "ana", "language") is None


async def test_a_teams_preference_is_nobodys_own(store: Store) -> None:
    await store.prefer("red", None, "language", "ja")
    assert await store.preference("red", None, "language") == "ja"
    assert await store.preference("red", "ana", "language") is None
    assert await store.preference("red", "", "language") is None


async def seqs(store: Store) -> list[int]:
    await store.submit(new_job())
    job = await store.claim("w", 60)
    assert job is not None
    started = await store.append(job.id, "w", JobStarted(device="cpu", again=False))
    paused = await store.append(job.id, "w", JobPaused(trials_done=0))
    await store.release(job.id, "w", "failed", event=FAILED)
    return [started, paused, await store.last_seq()]


async def test_a_delivery_is_recorded_once(store: Store) -> None:
    seq = (await seqs(store))[-1]
    assert await store.delivered(seq, "lab", "message-1")
    assert not await store.delivered(seq, "lab", "message-2")
    assert await store.delivery(seq, "lab") == "message-1"
    assert await store.delivered(seq, "hall", "message-3")


async def test_what_has_to_be_told_waits_until_it_was_delivered(store: Store) -> None:
    started, paused, failed = await seqs(store)
    assert [event.seq for event in await store.undelivered()] == [failed]
    assert [event.seq for event in await store.undelivered(1, ("JobPaused", "JobFailed"))] == [paused]
    await store.delivered(failed, "lab", "message-1")
    assert await store.undelivered() == []
    assert [event.seq for event in await store.undelivered(kinds=("JobStarted",))] == [started]


async def test_a_speed_is_the_mean_of_the_newest_few(store: Store) -> None:
    assert await store.measured("tokens") is None
    for value in (100.0, 1.0, 2.0, 3.0, 4.0, 5.0):
        await store.measure("tokens", value)
    await store.measure("other", 50.0)
    assert await store.measured("tokens") == 3.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
async def test_a_speed_that_is_no_number_is_refused(store: Store, value: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        await store.measure("tokens", value)
