"""A search that people's votes steer, from plan to report: the worker trains, people compare, nothing is lost."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from desk_house import Clock, Person, button, words
from judging_house import Models, actions, pair_card
from worker_jobs import Launches, of, plan, report, submit, told

from bot import watch
from bot.desk.context import Services
from bot.desk.door import Desk
from bot.judging.subjects import key_of_trial
from bot.replies import Button, Card, Reply, Text
from tuner.data.held_out import held_out, key
from tuner.events import JobAwaitsVotes, JobStarted, VotesWanted
from tuner.judging import rounds
from tuner.plan.plan import Plan
from tuner.store import Store
from tuner.store.records import Job
from tuner.store.steering import GIVE_UP_S, REMIND_S
from tuner.worker import run


def steered(**changes: object) -> Plan:
    return plan(**{"metric": "human", "method": "tpe", "trials": 7, **changes})  # type: ignore[arg-type]


@dataclass(slots=True, kw_only=True)
class House:
    aki: Person
    store: Store
    models: Models
    clock: Clock

    def other(self, name: str) -> Person:
        return Person(desk=self.aki.desk, store=self.store, clock=self.clock, name=name, channel="c", language="en")

    async def work(self, launches: Launches | None = None) -> Launches:
        """One claim of the worker, until it lets go."""
        launches = launches or Launches()
        async with asyncio.timeout(60):
            await run(self.store.home, once=True, runner_factory=launches, clock=self.clock)
        return launches

    async def vote(self, person: Person, taste: Callable[[int], float] | None = None, most: int = 100) -> list[Reply]:
        """Judges pair after pair by a known taste (None: always left); promises the last replies."""
        replies = await person.say("judge")
        for _ in range(most):
            if not any("left" in actions(reply) for reply in replies if isinstance(reply, Card)):
                return replies
            pair = (await self.store.opinions.pairs("team"))[0]
            left, right = (int(key.rpartition("-")[2]) for key in (pair.left_subject, pair.right_subject))
            verb = "left" if taste is None or taste(left) > taste(right) else "right"
            replies = await person.press(Button(name=verb, label=verb, action=f"{verb}:{pair.id}"))
        return replies


@asynccontextmanager
async def a_house(home: Path) -> AsyncIterator[House]:
    clock, models = Clock(), Models()

    async def chat() -> Models:
        return models

    async with await Store.open(home, clock) as store:
        services = Services(store=store, home=home, chat=chat, clock=clock, chance=Random(3))  # type: ignore[arg-type]
        aki = Person(desk=Desk(services), store=store, clock=clock, channel="c", language="en")
        yield House(aki=aki, store=store, models=models, clock=clock)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with a_house(tmp_path / "home") as opened:
        yield opened


async def settled(house: House, job: Job, taste: Callable[[int], float]) -> Job:
    """Works and votes until the job is over."""
    for _ in range(20):
        await house.work()
        job = await house.store.job_by_id(job.id)
        if job.state == "finished":
            return job
        await house.vote(house.aki, taste)
    raise AssertionError(f"the job must end, it is {job.shown}")


async def test_a_steered_search_rests_until_people_have_voted_and_then_goes_on_by_itself(house: House) -> None:
    job = await submit(house.store, steered())
    launches = await house.work()
    now = await house.store.job_by_id(job.id)
    assert (now.state, now.shown, now.worker) == ("paused", "votes", None)
    trained = await house.store.trials(job.id)
    assert len(trained) == rounds.FIRST + rounds.AHEAD, "a few tries are trained ahead of the votes, and no more"
    assert trained[0].settings == job.plan.defaults
    assert len(launches.made) == 1
    again = await house.work()
    assert not again.made, "a job that waits for votes takes no machine"
    replies = await house.vote(house.aki, lambda trial: trial, most=rounds.wanted(rounds.FIRST) - 1)
    assert (await house.store.job_by_id(job.id)).shown == "votes"
    replies = await house.vote(house.aki, lambda trial: trial, most=1)
    assert (await house.store.job_by_id(job.id)).state == "queued", "the last vote that was missing sends it on"
    assert "job 1 goes on" in words(replies)


async def test_the_try_that_people_prefer_wins_although_its_loss_is_the_highest(house: House) -> None:
    job = await submit(house.store, steered())
    losses: dict[int, float] = {}

    def taste(trial: int) -> float:
        return losses[trial]

    for _ in range(20):
        await house.work()
        losses |= {trial.number: trial.metrics["loss"] for trial in await house.store.trials(job.id)}
        if (await house.store.job_by_id(job.id)).state == "finished":
            break
        await house.vote(house.aki, taste)
    made = await report(house.store, job)
    best = max(made.trials, key=lambda trial: trial.value or 0.0)
    assert losses[best.number] == max(losses.values())
    checkpoint = await house.store.best_checkpoint("team", job.number)
    assert checkpoint is not None
    assert checkpoint.trial == best.number
    assert made.metric == "human"
    assert made.maximise
    assert made.trials[0].value == 0.5, "the defaults are what all others are compared with"
    assert {result.subject for result in made.test} == {"base", "default", "best"}
    compared = await house.store.opinions.compared("team", job.number)
    assert compared == rounds.wanted(len(made.trials))
    now = await house.store.job_by_id(job.id)
    following = watch.follow(house.store, now, "en", house.store.home, clock=house.clock)
    last = words([[reply async for reply in following][-1]])
    assert f"People steered this search: {compared} votes of 1 person on {compared} pairs" in last
    assert f"Try {best.number} was preferred in" in last


async def test_no_question_of_the_sealed_test_is_shown(house: House) -> None:
    job = await submit(house.store, steered())
    await settled(house, job, lambda trial: trial)
    folder = house.store.home / "teams/team/data/data-1"
    parts = await asyncio.to_thread(held_out, folder, job.plan.split, job.plan.seed)
    asked = {key(pair.messages) for pair in await house.store.opinions.pairs("team")}
    assert asked
    assert not asked & parts.closed


async def test_people_are_asked_once_a_round_and_not_while_the_last_tries_are_under_way(house: House) -> None:
    job = await submit(house.store, steered(trials=3, parallel=3))
    await house.work()
    assert [event.tries for event in of(await told(house.store, job), VotesWanted)] == [3]
    assert (await house.store.job_by_id(job.id)).votes_wanted == rounds.wanted(3)
    replies = await house.vote(house.aki, lambda trial: trial)
    assert "goes on" in words(replies)
    assert "ask again" not in words(replies), "no try comes any more"


async def test_a_pair_names_no_try_before_the_vote(house: House) -> None:
    await submit(house.store, steered())
    await house.work()
    shown = words([pair_card(await house.aki.say("judge"))]).replace("job-1-trial", "")
    assert "try" not in shown
    assert "efault" not in shown
    assert "Question 1 of 6" in shown


async def test_somebody_who_comes_later_gets_the_pair_that_is_open(house: House) -> None:
    await submit(house.store, steered())
    await house.work()
    first = pair_card(await house.aki.say("judge"))
    assert actions(pair_card(await house.other("ben").say("judge"))) == actions(first)
    await house.aki.press(button([first], "left"))
    late = await house.other("ben").press(button([first], "right"))
    assert not [reply for reply in late if isinstance(reply, Card)], "a newer pair is open already"
    assert actions(pair_card(await house.other("ben").press(button(late, "next"))))


async def test_stop_keeps_the_best_so_far_also_before_anybody_voted(house: House) -> None:
    job = await submit(house.store, steered())
    await house.work()
    await house.aki.say("stop")
    await house.work()
    assert (await house.store.job_by_id(job.id)).state == "stopped"
    made = await report(house.store, job)
    assert {result.subject for result in made.test} == {"base", "default", "best"}
    last = [reply async for reply in watch.follow(house.store, job, "en", house.store.home, clock=house.clock)][-1]
    assert "Nobody voted" in words([last])
    best = max(made.trials, key=lambda trial: trial.value or 0.0)
    assert best.metrics["loss"] == min(trial.metrics["loss"] for trial in made.trials)


async def test_stop_after_some_votes_keeps_what_people_liked_and_values_nothing_unseen(house: House) -> None:
    job = await submit(house.store, steered())
    await house.work()
    await house.vote(house.aki, lambda trial: -trial, most=2)
    await house.aki.say("stop job 1")
    await house.work()
    made = await report(house.store, job)
    votes = await house.store.opinions.votes("team")
    seen = {int(name.rpartition("-")[2]) for vote in votes for name in (vote.left_subject, vote.right_subject)} | {0}
    assert {trial.number for trial in made.trials if trial.value is not None} == seen
    checkpoint = await house.store.best_checkpoint("team", job.number)
    assert checkpoint is not None
    assert checkpoint.trial == 0


async def test_a_vote_that_comes_while_the_worker_lets_go_is_not_waited_for(house: House) -> None:
    job = await submit(house.store, steered())
    claimed = await house.store.claim("w", 60)
    assert claimed is not None
    await house.store.release(job.id, "w", "paused", event=JobAwaitsVotes(wanted=0, compared=0, trials_done=0),
                              votes_wanted=0)
    assert (await house.store.job_by_id(job.id)).shown == "paused"
    await house.store.resume("team", job.number)
    await house.work()
    await house.vote(house.aki, lambda trial: trial)
    await house.store.claim("w", 60)
    await house.store.release(job.id, "w", "paused", votes_wanted=rounds.wanted(rounds.FIRST))
    assert (await house.store.job_by_id(job.id)).state == "queued"


async def test_votes_that_come_while_tries_are_trained_ahead_keep_the_job_running(house: House) -> None:
    job = await submit(house.store, steered())
    await house.work()
    asked = of(await told(house.store, job), VotesWanted)
    assert [event.wanted for event in asked] == [rounds.wanted(rounds.FIRST)]
    assert [event.tries for event in asked] == [rounds.FIRST], "people are asked before the tries ahead are trained"
    await house.vote(house.aki, lambda trial: trial)
    await house.work()
    events = await told(house.store, job)
    assert [event.wanted for event in of(events, VotesWanted)] == [rounds.wanted(4), rounds.wanted(7)]
    assert len(of(events, JobStarted)) == 2


async def test_people_are_reminded_once_a_day_and_after_a_week_the_job_ends_with_the_best_so_far(house: House) -> None:
    job = await submit(house.store, steered())
    await house.work()
    house.clock.now += REMIND_S + 1
    await house.store.remind()
    await house.store.remind()
    reminders = [event for event in of(await told(house.store, job), VotesWanted) if event.is_reminder]
    assert len(reminders) == 1
    said = watch.votes_reply(reminders[0], await house.store.job_by_id(job.id), "en")
    assert "still waiting" in said.text
    assert "6 comparisons to go" in said.text
    house.clock.now += GIVE_UP_S
    await house.store.remind()
    await house.work()
    assert (await house.store.job_by_id(job.id)).state == "stopped"
    assert (await report(house.store, job)).trials


async def test_status_resume_and_pause_say_what_the_job_waits_for(house: House) -> None:
    job = await submit(house.store, steered())
    await house.work()
    status = await house.aki.say("status")
    assert "waiting for 6 comparisons" in words(status)
    assert button(status, "judge")
    assert "waiting for 6 comparisons" in words(await house.aki.say("resume"))
    assert (await house.store.job_by_id(job.id)).shown == "votes"
    assert "waiting for votes" in words(await house.aki.say("history"))
    await house.aki.say("pause job 1")
    await house.vote(house.aki, lambda trial: trial)
    assert (await house.store.job_by_id(job.id)).shown == "paused", "somebody who says pause means it"


async def test_a_watching_front_is_asked_and_the_watch_ends_when_the_job_rests(house: House) -> None:
    job = await submit(house.store, steered())
    await house.work()
    replies = [reply async for reply in watch.follow(house.store, job, "ja", house.store.home, clock=house.clock)]
    asked = [reply for reply in replies if isinstance(reply, Text) and "judge" in actions(reply)]
    assert len(asked) == 2
    assert "投票" in asked[-1].text
    assert isinstance(replies[-1], Text)
    assert "6組" in replies[-1].text


async def test_somebody_who_always_votes_left_is_told_kindly_and_weighs_less(house: House) -> None:
    job = await submit(house.store, steered(trials=16))
    lines = []
    for _ in range(4):
        await house.work()
        replies = await house.aki.say("judge")
        while any("left" in actions(reply) for reply in replies if isinstance(reply, Card)):
            replies = await house.aki.press(button(replies, "left"))
            lines.append(words(replies))
    told_of = [line for line in lines if "drawn by lot" in line]
    assert told_of
    assert "8 of 8" in told_of[0]
    assert math.isclose(len(lines), await house.store.opinions.compared("team", job.number))


async def test_the_same_answer_twice_needs_no_vote(house: House) -> None:
    job = await submit(house.store, steered())
    house.models.says = {f"trial-{number}": "The same." for number in range(20)}
    await house.work()
    replies = await house.aki.say("judge")
    assert "goes on" in words(replies)
    assert (await house.store.job_by_id(job.id)).state == "queued"


async def test_nothing_to_judge_is_said(house: House) -> None:
    assert "No search asks for votes" in words(await house.aki.say("judge"))
    job = await submit(house.store, steered())
    assert "not trained two tries" in words(await house.aki.say("judge"))
    await settled(house, job, lambda trial: trial)
    assert "is over" in words(await house.aki.say("judge job 1"))
    assert key_of_trial(1, 0) == "job-1/trial-0"
