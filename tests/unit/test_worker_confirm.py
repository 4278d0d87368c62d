"""After the search the best settings and the defaults are trained again with other seeds. Trains nothing here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from worker_jobs import Launches, counted_once, of, plan, repeats_until, report, submit, told, until, working

from tuner.events import (
    JobStarted,
    RepeatFinished,
    RepeatStarted,
    StudyFinished,
    TestScored,
    TrialFinished,
    TrialProgress,
    TrialRecord,
    TrialStarted,
)
from tuner.repeats import FIRST_REPEAT
from tuner.runners.scripted import Script
from tuner.store import Store
from tuner.store.records import Job
from tuner.worker import run


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


async def work(store: Store, launches: Launches | None = None) -> Launches:
    """One job, to its end."""
    launches = launches or Launches()
    async with asyncio.timeout(60):
        await run(store.home, once=True, runner_factory=launches)
    return launches


def at_least(count: int, state: str) -> Callable[[list[TrialRecord]], bool]:
    return lambda repeats: sum(repeat.state == state for repeat in repeats) >= count


async def slow_at(store: Store, place: int, seconds: float = 10.0) -> Script:
    """A script in which the repeat that comes `place`-th, from 0, of `plan(trials=4, confirm=1)` takes so long that it
    is still under way when the test has seen it, however slow the machine is.
    """
    twin = await submit(store, plan(trials=4, confirm=1), message="twin")
    await work(store)
    started = of(await told(store, twin), RepeatStarted)
    return Script(long={str(started[place].number): round(seconds / 0.02)}, step_s=0.02)


async def ranked(store: Store, job: Job) -> list[int]:
    """The job's trials, the best first."""
    return [trial.number for trial in sorted(await store.trials(job.id), key=lambda trial: trial.value or 9e9)]


async def test_the_three_best_and_the_defaults_run_with_three_seeds_in_all(store: Store) -> None:
    job = await submit(store, plan(trials=8, confirm=3))
    await work(store)
    best = [number for number in await ranked(store, job) if number][:3]
    repeats = await store.repeats(job.id)
    assert Counter(repeat.repeat_of for repeat in repeats) == dict.fromkeys([0, *best], 2)
    trials = {trial.number: trial for trial in await store.trials(job.id)}
    for number in (0, *best):
        runs = [trials[number], *(repeat for repeat in repeats if repeat.repeat_of == number)]
        assert len({run.settings["seed"] for run in runs}) == 3
        assert len({tuple((n, v) for n, v in run.settings.items() if n != "seed") for run in runs}) == 1


async def test_repeats_come_after_the_search_and_before_the_sealed_test_and_count_as_no_trial(store: Store) -> None:
    job = await submit(store, plan(trials=4, confirm=1))
    await work(store)
    events = [event for event in await told(store, job) if not isinstance(event, TrialProgress)]
    assert [type(event) for event in events] == [
        JobStarted, *[TrialStarted, TrialFinished] * 4, *[RepeatStarted, RepeatFinished] * 4, *[TestScored] * 3,
        StudyFinished]
    assert [(event.done, event.repeats) for event in of(events, RepeatFinished)] == [(n, 4) for n in (1, 2, 3, 4)]
    assert [trial.number for trial in await store.trials(job.id)] == [0, 1, 2, 3]
    assert all(repeat.number >= FIRST_REPEAT for repeat in await store.repeats(job.id))
    made = await report(store, job)
    assert len(made.trials) == 4
    assert len(made.repeats) == 4


async def test_the_sampler_never_hears_of_a_repeat(store: Store) -> None:
    plain = await submit(store, plan(trials=9, method="tpe"), message="m1")
    await work(store)
    checked = await submit(store, plan(trials=5, method="tpe", confirm=3), message="m2")
    await work(store)
    await store.extend("team", checked.number, trials=4)
    await work(store)
    assert [trial.settings for trial in await store.trials(checked.id)] == [
        trial.settings for trial in await store.trials(plain.id)]


async def test_the_best_mean_wins_over_one_lucky_run(store: Store) -> None:
    job = await submit(store, plan(trials=6, confirm=3))
    await work(store)
    first, second = (await ranked(store, job))[:2]
    unlucky = {str(FIRST_REPEAT * place + first): 5.0 for place in (1, 2)}
    again = await submit(store, plan(trials=6, confirm=3), message="m2")
    await work(store, Launches(Script(luck=unlucky)))
    made = await report(store, again)
    winner = next(finding for finding in made.findings if finding.kind == "winner")
    assert winner.facts["best_trial"] == second
    assert {result.subject: result.trial for result in made.test}["best"] == second
    kept = await store.best_checkpoint("team", again.number)
    assert kept is not None
    assert kept.trial == second
    confirmed = next(finding for finding in made.findings if finding.kind == "confirmed")
    assert confirmed.facts["overtaken"] == first
    assert confirmed.facts["best"]["count"] == 3


async def test_only_the_searchs_own_runs_leave_adapters(store: Store) -> None:
    job = await submit(store, plan(trials=4, confirm=1))
    await work(store)
    assert {checkpoint.trial for checkpoint in await store.checkpoints("team", job.number)} == {0, 1, 2, 3}
    folders = {path.name for path in (store.home / f"teams/team/jobs/{job.number}").iterdir()}
    assert folders == {"trial-0", "trial-1", "trial-2", "trial-3"}


async def test_settings_that_another_seed_breaks_do_not_win(store: Store) -> None:
    first = await submit(store, plan(trials=4, confirm=2))
    await work(store)
    best = (await ranked(store, first))[0]
    nan = {str(FIRST_REPEAT + best): float("nan")}
    job = await submit(store, plan(trials=4, confirm=2), message="m2")
    await work(store, Launches(Script(luck=nan)))
    broken = [repeat for repeat in await store.repeats(job.id) if repeat.state == "failed"]
    assert [(repeat.repeat_of, repeat.cause) for repeat in broken] == [(best, "nan")]
    made = await report(store, job)
    assert next(finding for finding in made.findings if finding.kind == "winner").facts["best_trial"] != best
    assert next(finding for finding in made.findings if finding.kind == "confirmed").facts["broke"] == [best]


@pytest.mark.parametrize("accident", ["crash", "exit"])
async def test_a_repeat_that_fails_by_itself_costs_nothing_but_itself(store: Store, accident: Any) -> None:
    first = await submit(store, plan(trials=4, confirm=1))
    await work(store)
    best = (await ranked(store, first))[0]
    job = await submit(store, plan(trials=4, confirm=1), message="m2")
    await work(store, Launches(Script(accidents={str(FIRST_REPEAT + best): accident})))
    states = Counter((repeat.state, repeat.cause) for repeat in await store.repeats(job.id))
    assert states == {("complete", ""): 3, ("failed", "crashed"): 1}
    assert (await store.job_by_id(job.id)).state == "finished"
    made = await report(store, job)
    assert next(finding for finding in made.findings if finding.kind == "winner").facts["best_trial"] == best
    assert not any(finding.kind in ("failures", "crashed") for finding in made.findings)


async def test_a_cancelled_worker_leaves_only_the_missing_repeats_to_the_next(store: Store) -> None:
    script = await slow_at(store, 2)
    job = await submit(store, plan(trials=4, confirm=1))
    async with working(store, Launches(script)) as task:
        await repeats_until(store, job, at_least(2, "complete"))
        task.cancel()
        await asyncio.wait([task])
    assert (await store.job_by_id(job.id)).state == "queued"
    done = await store.repeats(job.id)
    await work(store)
    repeats = await store.repeats(job.id)
    assert len(repeats) == 4
    assert all(repeat in repeats for repeat in done)
    assert counted_once(await told(store, job), RepeatFinished)
    assert len(await store.tests(job.id)) == 3


async def test_a_stop_while_checking_keeps_the_search_and_reports(store: Store) -> None:
    script = await slow_at(store, 1)
    job = await submit(store, plan(trials=4, confirm=1))
    async with working(store, Launches(script)):
        await repeats_until(store, job, at_least(1, "complete"))
        await repeats_until(store, job, at_least(1, "running"))
        await store.wish("team", job.number, "stop")
        await until(store, job, lambda now, _: now.state == "stopped")
    made = await report(store, job)
    assert len(made.trials) == 4
    assert [result.subject for result in made.test] == ["base", "default", "best"]
    assert all(repeat.state == "complete" for repeat in made.repeats)
    best = min(made.trials, key=lambda trial: trial.value or 9e9)
    assert next(finding for finding in made.findings if finding.kind == "winner").facts["best_trial"] == best.number
    await store.resume("team", job.number)
    await work(store)
    assert len(await store.repeats(job.id)) == 4
    assert counted_once(await told(store, job), RepeatFinished)


async def test_a_pause_while_checking_drops_the_run_under_way_and_resuming_runs_it_again(store: Store) -> None:
    script = await slow_at(store, 0)
    job = await submit(store, plan(trials=4, confirm=1))
    async with working(store, Launches(script)):
        await repeats_until(store, job, at_least(1, "running"))
        await store.wish("team", job.number, "pause")
        await until(store, job, lambda now, _: now.state == "paused")
    assert all(repeat.state != "running" for repeat in await store.repeats(job.id))
    assert await store.tests(job.id) == []
    await store.resume("team", job.number)
    await work(store)
    assert [repeat.state for repeat in await store.repeats(job.id)] == ["complete"] * 4


async def test_an_extended_job_goes_on_searching_and_then_checks_the_new_best_ones(store: Store) -> None:
    script = await slow_at(store, 0, seconds=2.0)
    job = await submit(store, plan(trials=4, confirm=1))
    async with working(store, Launches(script)):
        await repeats_until(store, job, at_least(1, "running"))
        await store.extend("team", job.number, trials=4)
        await until(store, job, lambda now, _: now.state == "finished")
    assert [trial.number for trial in await store.trials(job.id)] == list(range(8))
    best = (await ranked(store, job))[0]
    counts = Counter(repeat.repeat_of for repeat in await store.repeats(job.id))
    assert counts[0] == counts[best] == 2
    events = await told(store, job)
    assert counted_once(events, RepeatFinished)
    assert [event.subject for event in of(events, TestScored)] == ["base", "default", "best"]


@pytest.mark.slow
async def test_the_search_leaves_time_for_checking(store: Store) -> None:
    job = await submit(store, plan(trials=500, time_budget_s=8, confirm=1))
    await work(store, Launches(Script(steps=30, step_s=0.02)))
    assert of(await told(store, job), StudyFinished)[0].reason == "time"
    assert len(await store.repeats(job.id)) >= 1


async def test_no_check_starts_when_the_time_is_over(store: Store) -> None:
    job = await submit(store, plan(trials=2, time_budget_s=1, confirm=1))
    await work(store, Launches(Script(steps=60, step_s=0.02)))
    assert await store.repeats(job.id) == []
    assert len(await store.tests(job.id)) == 3


async def test_a_search_with_one_finished_setting_has_nothing_to_compare(store: Store) -> None:
    job = await submit(store, plan(trials=3, confirm=3))
    await work(store, Launches(Script(accidents={"1": "crash", "2": "crash"})))
    assert await store.repeats(job.id) == []
    assert (await store.job_by_id(job.id)).state == "finished"


async def test_several_slots_check_several_at_once(store: Store) -> None:
    job = await submit(store, plan(trials=6, confirm=3, parallel=3))
    await work(store, Launches(Script(steps=5, step_s=0.02)))
    under_way, most = 0, 0
    for event in await told(store, job):
        under_way += isinstance(event, RepeatStarted) - isinstance(event, RepeatFinished)
        most = max(most, under_way)
    assert most == 3
    assert len(await store.repeats(job.id)) in (6, 8)
