"""What a team's rule lets go is said before it goes; what somebody counts on never goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot.language.commands import Command
from bot.manage import tidying
from bot.manage.tidying import Rule, chosen
from bot.manage.wish import Wish
from bot.replies import Text
from tuner.events import TrialRecord
from tuner.store import Store
from tuner.store.opinions import Pair
from tuner.store.records import Checkpoint
from tuner.store.retention import Kept

SIZE = 1000
VALUES = (0.5, 0.3, 0.4, 0.2)
"""The best of a job is try 3, then 1, 2, 0."""


async def tuned(person: Person, *, ends: bool = True) -> None:
    """One more job with four checkpoints of a kilobyte each."""
    await person.press(button(await person.say("tune lr between 1e-5 and 1e-3 with 4 trials"), "start"))
    store = person.store
    job = await store.claim("w", 60)
    assert job is not None
    for trial, value in enumerate(VALUES):
        record = TrialRecord(number=trial, settings=dict(job.plan.defaults), state="complete", value=value)
        await store.record_trial(job.id, "w", record)
        folder = f"teams/{person.team}/jobs/{job.number}/trial-{trial}"
        await asyncio.to_thread((store.home / folder).mkdir, parents=True)
        await asyncio.to_thread((store.home / folder / "adapter").write_bytes, b"x" * SIZE)
        await store.add_checkpoint(job.id, "w", trial, folder, "s", value)
    if ends:
        await store.release(job.id, "w", "finished")


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    async with a_desk(tmp_path) as made:
        await made.has_data()
        await tuned(made)
        await tuned(made)
        yield made


async def left(store: Store) -> list[tuple[int, int]]:
    """(job, try) of what is there, in the store and on disk alike."""
    rows = sorted((each.job_number, each.trial) for each in await store.checkpoints("team"))
    found = sorted((int(path.parent.name), int(path.name.removeprefix("trial-")))
                   for path in (store.home / "teams/team/jobs").glob("*/trial-*"))
    assert rows == found
    return rows


@pytest.mark.parametrize("text", ["keep the best 2 checkpoints of each job", "チェックポイントはジョブごとに2個残して"])
async def test_nothing_goes_before_somebody_says_yes(person: Person, text: str) -> None:
    said = await person.say(text)
    assert len(await left(person.store)) == 8
    assert "4 KB" in words(said)
    assert ("tries 0 and 2 of job 1" in words(said)) or ("ジョブ1の試行0" in words(said))
    name = "tidy" if text.isascii() else "整理"
    done = words(await person.press(button(said, name)))
    assert "4 KB" in done
    assert await left(person.store) == [(1, 1), (1, 3), (2, 1), (2, 3)]


async def test_a_disk_budget_takes_the_weakest_and_never_the_best(person: Person) -> None:
    said = await person.say("checkpoints may take 0.005 MB")
    await person.press(button(said, "tidy"))
    assert await left(person.store) == [(1, 1), (1, 3), (2, 1), (2, 2), (2, 3)]
    said = await person.say("checkpoints may take 0.001 MB")
    assert "1 KB too much is left" in words(said)
    await person.press(button(said, "tidy"))
    assert await left(person.store) == [(1, 3), (2, 3)]


async def test_what_somebody_counts_on_stays(person: Person) -> None:
    store = person.store
    await person.say("promote trial 0 of job 1")
    await person.say("call trial 2 of job 1 calm one")
    await store.opinions.add_pair(Pair(
        id="p", team="team", channel="room", request="r", place=0, messages=({"role": "user", "content": "?"},),
        left_subject="job-1/trial-1", right_subject="base/onsa-tiny", left_answer="a", right_answer="b",
        created_at=person.clock()))
    await tuned(person, ends=False)
    await person.press(button(await person.say("keep only the best checkpoint"), "tidy"))
    assert await left(store) == [(1, 0), (1, 1), (1, 2), (1, 3), (2, 3), (3, 0), (3, 1), (3, 2), (3, 3)]
    await store.opinions.vote("team", "p", "aki", "left")
    await person.press(button(await person.say("tidy up the checkpoints"), "tidy"))
    assert (1, 1) not in await left(store), "the comparison is over"


async def test_what_became_protected_since_the_list_does_not_go(person: Person) -> None:
    said = await person.say("keep only the best checkpoint")
    await person.say("promote trial 0 of job 2")
    again = await person.press(button(said, "tidy"))
    assert len(await left(person.store)) == 8, "something else would go now: that is shown first"
    await person.press(button(again, "tidy"))
    assert await left(person.store) == [(1, 3), (2, 0), (2, 3)]


async def test_after_a_job_it_is_proposed_once_or_done_as_the_team_decided(person: Person) -> None:
    assert await tidying.check(person.store, "team", "en") is None, "no rule, no word"
    await person.say("keep the best 3 checkpoints of each job")
    offered = await tidying.check(person.store, "team", "en")
    assert isinstance(offered, Text)
    assert "2 checkpoints may go" in offered.text
    assert await tidying.check(person.store, "team", "en") is None, "said once is enough"
    assert len(await left(person.store)) == 8
    await person.say("tidy up checkpoints automatically")
    done = await tidying.check(person.store, "team", "ja")
    assert isinstance(done, Text)
    assert "2個" in done.text
    assert len(await left(person.store)) == 6
    assert await tidying.check(person.store, "team", "en") is None


async def test_only_who_manages_the_team_decides_and_deletes(person: Person) -> None:
    assert "Only people who may manage" in words(await person.say("keep only the best checkpoint", manages=False))
    assert not (await tidying.rule_of(person.store, "team")).is_any
    said = await person.say("keep only the best checkpoint")
    action = button(said, "tidy").action
    refused = await person._tell(pressed=action, kind="press", manages=False)
    assert "Only people who may manage" in words(refused)
    assert len(await left(person.store)) == 8


async def test_another_teams_rule_and_button_touch_nothing_here(person: Person) -> None:
    said = await person.say("keep only the best checkpoint")
    person.team = "other"
    assert "nothing to tidy up" in words(await person.press(button(said, "tidy")))
    assert await person.store.retention.kept("other") == []
    ids = [each.checkpoint.id for each in await person.store.retention.kept("team")]
    assert await person.store.retention.drop("other", ids) == []
    assert len(await left(person.store)) == 8


@pytest.mark.parametrize(("text", "expected"), [
    ("tidy up the checkpoints", "All checkpoints are kept; they take 8 KB"),
    ("how much disk do the checkpoints take?", "All checkpoints are kept. They take 8 KB now"),
    ("keep all checkpoints", "All checkpoints are kept"),
    ("settings", "All checkpoints are kept"),
    ("settings", "No model is the team's model"),
    ("チェックポイントを整理して", "すべて残していて"),
    ("チェックポイントの容量は？", "8 KB使っています"),
])
async def test_the_rule_is_told(person: Person, text: str, expected: str) -> None:
    assert expected in words(await person.say(text))


def test_the_rule_alone_decides_what_is_not_protected() -> None:
    def kept(job: int, rank: int, reason: str = "") -> Kept:
        one = Checkpoint(id=10 * job + rank, job=job, job_number=job, trial=rank, team="t", folder="f", sha256="",
                         value=None)
        return Kept(checkpoint=one, rank=rank, reason=reason)  # type: ignore[arg-type]

    everything = [kept(job, rank, "best" if rank == 0 else "") for job in (1, 2) for rank in range(3)]
    sizes = {each.checkpoint.id: 10 for each in everything}
    none = Rule(keep=None, budget=None, is_automatic=False)
    assert chosen(everything, sizes, none).ids == ()
    assert chosen(everything, sizes, Rule(keep=2, budget=None, is_automatic=False)).names == ((1, 2), (2, 2))
    budget = chosen(everything, sizes, Rule(keep=None, budget=45, is_automatic=False))
    assert (budget.names, budget.frees, budget.still_over) == (((1, 2), (2, 2)), 20, 0)
    both = chosen(everything, sizes, Rule(keep=1, budget=5, is_automatic=False))
    assert (len(both.ids), both.frees, both.still_over) == (4, 40, 15)


async def test_rules_chosen_together_all_hold(person: Person) -> None:
    also = (Wish(kind="budget", number=5_000_000), Wish(kind="mode", is_automatic=True))
    wish = Wish(kind="keep", number=2, also=also)
    said = words(await person.say("", command=Command(intent="settings"), managed=wish))
    assert "the best 2 checkpoints are kept" in said
    assert "5 MB" in said
    assert await tidying.rule_of(person.store, "team") == Rule(keep=2, budget=5_000_000, is_automatic=True)
