"""Whose job comes next: teams and people take turns, nobody starves, and "n ahead of you" is what then happens."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_samples import PLAN, Clock

from tuner.store import Store
from tuner.store.records import Job, NewJob
from tuner.store.turns import Rounds, Waiting, in_order

TEAMS, PEOPLE = ("red", "blue", "green"), ("ana", "ben", "cho", "dai")
LEASE_S = 60.0
_messages = itertools.count()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path, clock) as opened:
        yield opened


async def queue(store: Store, person: str, team: str = "red", expected_s: float = 0.0) -> Job:
    job, _ = await store.submit(
        NewJob(team=team, person=person, channel="lab", message_id=f"m-{next(_messages)}", language="en", plan=PLAN,
               expected_s=expected_s)
    )
    return job


async def run_next(store: Store) -> Job:
    job = await store.claim("w", LEASE_S)
    assert job is not None
    await store.release(job.id, "w", "finished")
    return job


async def order(store: Store, count: int) -> list[str]:
    return [(await run_next(store)).person for _ in range(count)]


async def test_nobodys_ten_jobs_run_before_anothers_first(store: Store) -> None:
    for person in ["ana"] * 10 + ["ben"] * 2:
        await queue(store, person)
    assert await order(store, 12) == ["ana", "ben", "ana", "ben", *["ana"] * 8]


async def test_who_asks_while_anothers_job_runs_comes_before_the_others_second(store: Store) -> None:
    for _ in range(3):
        await queue(store, "ana")
    running = await store.claim("w", LEASE_S)
    assert running is not None
    await queue(store, "ben")
    assert await store.ahead_of_new("red", "cho") == 2
    await store.release(running.id, "w", "finished")
    assert await order(store, 3) == ["ben", "ana", "ana"]


async def test_a_team_with_many_people_takes_no_more_turns_than_a_team_of_one(store: Store) -> None:
    for person in PEOPLE:
        await queue(store, person, "red")
    for _ in range(2):
        await queue(store, "eve", "blue")
    teams = [(await run_next(store)).team for _ in range(6)]
    assert teams == ["red", "blue", "red", "blue", "red", "red"]


async def test_the_same_person_in_another_team_has_turns_of_her_own(store: Store) -> None:
    await queue(store, "ana", "red")
    await queue(store, "ben", "red")
    await run_next(store)
    await queue(store, "ana", "blue")
    assert [(await run_next(store)).team for _ in range(2)] == ["blue", "red"]


async def test_a_job_that_its_worker_gave_back_goes_on_first_and_takes_no_second_turn(store: Store) -> None:
    for person in ("ana", "ben", "ana"):
        await queue(store, person)
    first = await store.claim("w", LEASE_S)
    assert first is not None
    await store.release(first.id, "w", "queued")
    assert await store.ahead(first.id) == 0
    again = await store.claim("w", LEASE_S)
    assert again is not None
    assert again.id == first.id
    await store.release(again.id, "w", "finished")
    assert await order(store, 2) == ["ben", "ana"]


async def test_a_job_whose_worker_was_lost_goes_on_before_all_who_wait(store: Store, clock: Clock) -> None:
    lost = await queue(store, "ana")
    await store.claim("lost", LEASE_S)
    waiting = await queue(store, "ben")
    clock.now += LEASE_S + 1
    assert await store.ahead(waiting.id) == 1
    taken = await store.claim("w", LEASE_S)
    assert taken is not None
    assert taken.id == lost.id


async def test_turns_of_a_time_after_which_nobody_waited_are_forgotten(store: Store) -> None:
    await queue(store, "ana")
    await run_next(store)
    await queue(store, "ana")
    await queue(store, "ben")
    assert await order(store, 2) == ["ana", "ben"], "who asked first: yesterday's turn took nothing from ben"


async def test_turns_survive_a_restart(tmp_path: Path, clock: Clock) -> None:
    async with await Store.open(tmp_path / "kept", clock) as first:
        for person in ("ana", "ana", "ben"):
            await queue(first, person)
        await run_next(first)
    async with await Store.open(tmp_path / "kept", clock) as second:
        assert await order(second, 2) == ["ben", "ana"]


async def test_minutes_count_on_the_day_on_which_they_ran_and_for_who_started(store: Store, clock: Clock) -> None:
    clock.now = 20 * 86_400.0 - 50
    await queue(store, "ana", expected_s=100)
    await queue(store, "ben", expected_s=40)
    job = await store.claim("w", 600)
    assert job is not None
    clock.now += 40
    await store.heartbeat(job.id, "w", 600)
    spent = await store.spent("red", "ana", 0.0)
    assert (spent.used_s, spent.promised_s) == (40, 60)
    clock.now += 30
    await store.release(job.id, "w", "paused")
    assert (await store.spent("red", "ana", 20 * 86_400.0)).used_s == 30
    everybody = await store.spent("red", None, 0.0)
    assert (everybody.used_s, everybody.promised_s) == (70, 40)
    assert (await store.spent("blue", None, 0.0)).used_s == 0


async def test_more_tries_promise_more_minutes(store: Store) -> None:
    job = await queue(store, "ana", expected_s=80)
    await store.extend("red", job.number, trials=PLAN.trials)
    assert (await store.spent("red", "ana", 0.0)).promised_s == 160


QUEUED = st.lists(st.tuples(st.sampled_from(TEAMS), st.sampled_from(PEOPLE)), min_size=1, max_size=10)


@given(before=QUEUED, turns=st.integers(0, 6), after=QUEUED, kept=st.integers(0, 2))
@settings(max_examples=6, deadline=None)
def test_ahead_is_the_number_of_jobs_claimed_before_it(
    before: Sequence[tuple[str, str]], turns: int, after: Sequence[tuple[str, str]], kept: int
) -> None:
    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with await Store.open(Path(folder), Clock()) as store:
                for team, person in before:
                    await queue(store, person, team)
                for at in range(min(turns, len(before))):
                    job = await store.claim("w", LEASE_S)
                    assert job is not None
                    await store.release(job.id, "w", "queued" if at < kept else "finished")
                predicted = None
                for team, person in after:
                    predicted = await store.ahead_of_new(team, person)
                    job = await queue(store, person, team)
                    assert await store.ahead(job.id) == predicted
                waiting = [job for team in TEAMS for job in await store.jobs(team) if job.state == "queued"]
                said = {job.id: await store.ahead(job.id) for job in waiting}
                lines = {job.id: [each.id for each in await store.before(job.id)] for job in waiting}
                claimed = [(await run_next(store)).id for _ in waiting]
                assert said == {job_id: at for at, job_id in enumerate(claimed)}
                assert lines == {job_id: claimed[:at] for at, job_id in enumerate(claimed)}
                assert await store.claim("w", LEASE_S) is None

    asyncio.run(check())


@given(
    mine=st.integers(0, 3),
    rivals=st.lists(st.tuples(st.sampled_from(TEAMS), st.sampled_from(PEOPLE)), max_size=200),
    at_once=st.integers(1, 5),
)
@settings(max_examples=60, deadline=None)
def test_nobody_starves_however_many_jobs_others_keep_queueing(
    mine: int, rivals: Sequence[tuple[str, str]], at_once: int
) -> None:
    """Between two turns of one who waits, each other team and each other person of the team has at most two."""
    me = ("red", "me")
    rounds = Rounds({})
    waiting = [Waiting(id=at, team="red", person="me", place=at) for at in range(mine + 1)]
    arriving = [Waiting(id=1000 + at, team=team, person=person, place=1000 + at)
                for at, (team, person) in enumerate(rivals)]
    since: list[tuple[str, str]] = []
    while any((job.team, job.person) == me for job in waiting):
        waiting += arriving[:at_once]
        del arriving[:at_once]
        job = next(in_order(waiting, rounds.had))
        rounds.take(job.team, job.person)
        waiting.remove(job)
        since.append((job.team, job.person))
        if (job.team, job.person) == me:
            since = []
        people = {person for team, person in since if team == "red"}
        assert all(since.count(("red", person)) <= 2 for person in people)
        teams = [team for team, _ in since]
        assert all(teams.count(team) <= 2 * (teams.count("red") + 1) for team in TEAMS)
