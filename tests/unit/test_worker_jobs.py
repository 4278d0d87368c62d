"""The worker sees a job through: every ending of a trial, every wish, every death of a runner. Trains nothing."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from worker_jobs import Launches, counted_once, of, plan, report, submit, told, until, working

from tuner.events import (
    JobFailed,
    JobPaused,
    JobStarted,
    StudyFinished,
    TestScored,
    TrialFinished,
    TrialProgress,
    TrialRecord,
    TrialStarted,
)
from tuner.plan.space import Choices, Range
from tuner.runners.scripted import Script
from tuner.store import Store
from tuner.store.records import Job
from tuner.worker import run

SLOW = Script(steps=400, step_s=0.02)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as opened:
        yield opened


async def work(store: Store, launches: Launches | None = None, **options: Any) -> Launches:
    """One job, to its end."""
    launches = launches or Launches()
    async with asyncio.timeout(60):
        await run(store.home, once=True, runner_factory=launches, **options)
    return launches


def steps_under_way(number: int) -> Any:
    return lambda job, trials: any(trial.number == number and trial.state == "running" for trial in trials)


async def test_a_job_runs_every_trial_once_and_reports(store: Store) -> None:
    job = await submit(store, plan())
    launches = await work(store)
    trials = await store.trials(job.id)
    assert [(trial.number, trial.state) for trial in trials] == [(number, "complete") for number in range(4)]
    assert trials[0].settings == job.plan.defaults
    assert (await store.job_by_id(job.id)).state == "finished"
    events = await told(store, job)
    assert [type(event) for event in events if not isinstance(event, TrialProgress)] == [
        JobStarted, *[TrialStarted, TrialFinished] * 4, *[TestScored] * 3, StudyFinished]
    assert of(events, StudyFinished)[0].reason == "done"
    assert len(launches.made) == 1


async def test_the_report_holds_every_trial_and_the_sealed_test(store: Store) -> None:
    job = await submit(store, plan())
    await work(store)
    made = await report(store, job)
    assert [trial.number for trial in made.trials] == [0, 1, 2, 3]
    assert [result.subject for result in made.test] == ["base", "default", "best"]
    best = min(made.trials, key=lambda trial: trial.value or 9e9)
    assert made.test[2].trial == best.number


async def test_a_trial_keeps_its_curve_its_scores_and_its_adapter(store: Store) -> None:
    job = await submit(store, plan(trials=1))
    await work(store)
    [trial] = await store.trials(job.id)
    assert [step for step, _, _ in trial.curve] == list(range(1, 9))
    assert [step for step, _, valid in trial.curve if valid is not None] == [2, 4, 6, 8]
    assert trial.metrics["steps"] == 8
    assert trial.value == trial.metrics["loss"]
    [checkpoint] = await store.checkpoints("team", job.number)
    assert checkpoint.folder == f"teams/team/jobs/{job.number}/trial-0"
    assert (store.home / checkpoint.folder / "onsa-manifest.json").is_file()
    assert len(checkpoint.sha256) == 64
    assert checkpoint.value == trial.value


async def test_what_a_killed_child_was_writing_is_cleared_away(store: Store) -> None:
    job = await submit(store, plan(trials=1))
    folder = store.home / f"teams/team/jobs/{job.number}"
    for name in (".trial-1-a1b2c3", ".trial-0-old-77", "trial-9"):
        (folder / name).mkdir(parents=True)
        (folder / name / "adapter_model.safetensors").write_bytes(b"half")
    await work(store)
    assert sorted(path.name for path in folder.iterdir()) == ["trial-0", "trial-9"]


async def test_the_defaults_are_tested_once_when_nothing_beats_them(store: Store) -> None:
    far = {"learning_rate": Range(low=1e-7, high=1e-6, log=True)}
    job = await submit(store, plan(space=far))
    await work(store)
    tests = {result.subject: result for result in await store.tests(job.id)}
    assert tests["best"] == dataclasses.replace(tests["default"], subject="best")
    assert tests["best"].trial == 0


async def test_the_last_step_is_always_told_and_stays_alone_after_the_end(store: Store) -> None:
    job = await submit(store, plan(trials=1))
    await work(store, Launches(Script(steps=100, step_s=0.005)))
    [progress] = of(await told(store, job), TrialProgress)
    assert progress.step == progress.steps == 100


async def test_a_trial_that_diverges_costs_nothing_but_itself(store: Store) -> None:
    steep = {"learning_rate": Range(low=1e-4, high=1.0, log=True)}
    job = await submit(store, plan(space=steep, trials=6))
    await work(store)
    trials = await store.trials(job.id)
    assert {trial.state for trial in trials} == {"complete", "failed"}
    assert {trial.cause for trial in trials if trial.state == "failed"} == {"diverged"}
    assert (await store.job_by_id(job.id)).state == "finished"


async def test_when_all_trials_fail_the_report_still_comes_with_their_causes(store: Store) -> None:
    steep = {"learning_rate": Range(low=0.1, high=1.0, log=True)}
    made = plan(space=steep, trials=3)
    job = await submit(store, dataclasses.replace(made, defaults={**made.defaults, "learning_rate": 0.5}))
    await work(store)
    found = await report(store, job)
    assert [trial.cause for trial in found.trials] == ["diverged"] * 3
    assert found.test == ()
    assert (await store.job_by_id(job.id)).state == "finished"


async def test_a_trial_without_the_plans_metric_has_failed(store: Store) -> None:
    job = await submit(store, plan(trials=1, metric="bleu"))
    await work(store)
    [trial] = await store.trials(job.id)
    assert (trial.state, trial.cause, trial.value) == ("failed", "nan", None)


async def test_a_hopeless_trial_is_pruned(store: Store) -> None:
    low = {"learning_rate": Range(low=1e-9, high=1e-3, log=True)}
    job = await submit(store, plan(space=low, trials=10, pruner="median"))
    await work(store, Launches(Script(steps=20, step_s=0.003)))
    pruned = [trial for trial in await store.trials(job.id) if trial.state == "pruned"]
    assert pruned
    for trial in pruned:
        assert trial.cause == "pruned"
        assert trial.checkpoint is None
        assert trial.curve[-1][0] < 20


async def test_several_slots_run_several_trials_at_once(store: Store) -> None:
    job = await submit(store, plan(trials=7, parallel=3))
    await work(store, Launches(Script(steps=5, step_s=0.02)))
    events = [event for event in await told(store, job) if isinstance(event, TrialStarted | TrialFinished)]
    under_way, most = 0, 0
    for event in events:
        under_way += 1 if isinstance(event, TrialStarted) else -1
        most = max(most, under_way)
    assert most == 3
    assert counted_once(await told(store, job), TrialFinished)
    assert len(await store.trials(job.id)) == 7


async def test_no_trial_starts_after_the_time_is_over(store: Store) -> None:
    job = await submit(store, plan(trials=500, time_budget_s=1))
    await work(store, Launches(Script(steps=5, step_s=0.02)))
    ended = of(await told(store, job), StudyFinished)[0]
    assert ended.reason == "time"
    assert 1 <= len(ended.report.trials) < 60
    assert len(await store.tests(job.id)) == 3


async def test_a_stop_keeps_the_adapter_of_the_trial_under_way(store: Store) -> None:
    job = await submit(store, plan())
    async with working(store, Launches(SLOW)):
        await until(store, job, steps_under_way(0))
        await asyncio.sleep(0.2)
        await store.wish("team", job.number, "stop")
        await until(store, job, lambda now, _: now.state == "stopped")
    [trial] = await store.trials(job.id)
    assert trial.state == "stopped"
    assert trial.value is not None
    assert (await store.best_checkpoint("team", job.number)) is not None
    assert of(await told(store, job), StudyFinished)[0].reason == "stopped"


async def test_a_stop_reports_the_best_so_far_with_its_sealed_test(store: Store) -> None:
    job = await submit(store, plan(trials=50))
    async with working(store, Launches(Script(steps=5, step_s=0.02))):
        await until(store, job, lambda _, trials: sum(trial.state == "complete" for trial in trials) >= 2)
        await store.wish("team", job.number, "stop")
        await until(store, job, lambda now, _: now.state == "stopped")
    assert [result.subject for result in (await report(store, job)).test] == ["base", "default", "best"]


async def test_a_pause_drops_the_trial_under_way_and_resuming_runs_it_again(store: Store) -> None:
    job = await submit(store, plan(trials=2))
    async with working(store, Launches(SLOW)):
        await until(store, job, steps_under_way(0))
        await store.wish("team", job.number, "pause")
        paused = await until(store, job, lambda now, _: now.state == "paused")
    assert await store.trials(paused.id) == []
    assert of(await told(store, job), JobPaused) == [JobPaused(trials_done=0)]
    await store.resume("team", job.number)
    await work(store)
    assert [trial.state for trial in await store.trials(job.id)] == ["complete", "complete"]
    assert [event.again for event in of(await told(store, job), JobStarted)] == [False, True]


async def test_a_job_that_waits_to_be_stopped_is_only_reported(store: Store) -> None:
    job = await submit(store, plan(trials=50))
    async with working(store, Launches(Script(steps=5, step_s=0.05))):
        await until(store, job, lambda _, trials: any(trial.state == "complete" for trial in trials))
        await store.wish("team", job.number, "pause")
        await until(store, job, lambda now, _: now.state == "paused")
    before = len(await store.trials(job.id))
    await store.wish("team", job.number, "stop")
    await work(store)
    assert len((await report(store, job)).trials) == before
    assert (await store.job_by_id(job.id)).state == "stopped"


async def test_an_extended_job_tests_only_what_is_new(store: Store) -> None:
    job = await submit(store, plan(trials=2))
    await work(store)
    await store.extend("team", job.number, trials=5)
    await work(store)
    scored = [event.subject for event in of(await told(store, job), TestScored)]
    assert scored.count("base") == 1
    assert scored.count("default") == 1
    assert len(await store.trials(job.id)) == 7
    assert len(of(await told(store, job), StudyFinished)) == 2


async def test_a_job_extended_under_way_is_tested_and_reported_once_at_its_end(store: Store) -> None:
    job = await submit(store, plan(trials=2))
    async with working(store, Launches(Script(steps=40, step_s=0.02))):
        await until(store, job, steps_under_way(1))
        await store.extend("team", job.number, trials=2)
        await until(store, job, lambda now, _: now.state == "finished")
    events = [event for event in await told(store, job) if not isinstance(event, TrialProgress)]
    assert [type(event) for event in events] == [
        JobStarted, *[TrialStarted, TrialFinished] * 4, *[TestScored] * 3, StudyFinished]
    undisturbed = await submit(store, plan(trials=4), message="m2")
    await work(store)
    assert [trial.settings for trial in await store.trials(job.id)] == [
        trial.settings for trial in await store.trials(undisturbed.id)]


async def test_a_grid_extended_beyond_its_points_reports_once(store: Store) -> None:
    grid = {"learning_rate": Choices(values=(1e-4, 3e-4))}
    job = await submit(store, plan(space=grid, method="grid", trials=3))
    launches = Launches(Script(steps=20, step_s=0.02))
    task = asyncio.create_task(run(store.home, idle_exit_s=0.5, runner_factory=launches))
    await until(store, job, steps_under_way(1))
    await store.extend("team", job.number, trials=20)
    async with asyncio.timeout(60):
        await task
    assert (await store.job_by_id(job.id)).state == "finished"
    assert len(await store.trials(job.id)) == 3
    assert len(of(await told(store, job), StudyFinished)) == 1
    assert len(of(await told(store, job), JobStarted)) == 1


async def test_time_added_under_way_is_used(store: Store) -> None:
    job = await submit(store, plan(trials=3, time_budget_s=1))
    async with working(store, Launches(Script(steps=60, step_s=0.02))):
        await until(store, job, steps_under_way(0))
        await store.extend("team", job.number, time_s=600)
        await until(store, job, lambda now, _: now.state == "finished")
    assert [trial.number for trial in await store.trials(job.id)] == [0, 1, 2]
    assert [event.reason for event in of(await told(store, job), StudyFinished)] == ["done"]


async def test_a_cancelled_worker_gives_the_job_back_with_its_finished_trials(store: Store) -> None:
    job = await submit(store, plan(trials=3))
    async with working(store, Launches(Script(), SLOW)) as task:
        await until(store, job, lambda _, trials: any(trial.state == "complete" for trial in trials))
        task.cancel()
        await asyncio.wait([task])
    back = await store.job_by_id(job.id)
    assert (back.state, back.worker) == ("queued", None)
    assert all(trial.state == "complete" for trial in await store.trials(job.id))
    await work(store)
    assert [trial.number for trial in await store.trials(job.id)] == [0, 1, 2]
    assert counted_once(await told(store, job), TrialFinished)


async def test_a_worker_that_lost_its_lease_writes_nothing_more(store: Store) -> None:
    job = await submit(store, plan(trials=2))
    launches = Launches(SLOW)
    now = [1000.0]
    task = asyncio.create_task(run(store.home, once=True, runner_factory=launches, clock=lambda: 0.0, lease_s=30))
    await until(store, job, steps_under_way(0))
    async with await Store.open(store.home, clock=lambda: now[0]) as other:
        taken = await other.claim("thief", 600)
        assert taken is not None
        async with asyncio.timeout(20):
            await task
        seq = await other.last_seq()
        await asyncio.sleep(0.3)
        assert await other.last_seq() == seq
        assert (await other.job_by_id(job.id)).worker == "thief"


async def test_a_crash_in_a_trial_is_a_cause_not_an_end(store: Store) -> None:
    job = await submit(store, plan())
    await work(store, Launches(Script(accidents={"1": "crash"})))
    trials = await store.trials(job.id)
    assert [trial.cause for trial in trials] == ["", "crashed", "", ""]
    reference = trials[1].error[1:9]
    assert reference in (store.home / "logs" / "worker.log").read_text("utf-8")
    assert (await store.job_by_id(job.id)).state == "finished"


@pytest.mark.parametrize(("accident", "cause"), [("exit", "crashed"), ("kill", "out_of_memory")])
async def test_a_runners_death_fails_its_trial_and_the_next_runner_goes_on(store: Store, accident: Any,
                                                                           cause: str) -> None:
    job = await submit(store, plan())
    launches = await work(store, Launches(Script(accidents={"1": accident})))
    trials = await store.trials(job.id)
    assert [trial.cause for trial in trials] == ["", cause, "", ""]
    assert trials[1].error.startswith("[")
    assert "scripted accident" in trials[1].error
    assert len(launches.made) == 2
    assert len((await report(store, job)).test) == 3


async def test_three_deaths_in_a_row_fail_the_job_with_a_reference(store: Store) -> None:
    job = await submit(store, plan(trials=9))
    accidents: Any = {str(number): "exit" for number in range(2, 9)}
    launches = await work(store, Launches(Script(accidents=accidents)))
    ended = await store.job_by_id(job.id)
    assert ended.state == "failed"
    assert ended.problem is not None
    assert ended.problem["key"] == "runner.died"
    [failed] = of(await told(store, job), JobFailed)
    assert failed.reference
    assert ended.problem["facts"]["reference"] == failed.reference
    assert [trial.state for trial in await store.trials(job.id)] == ["complete"] * 2 + ["failed"] * 3
    assert len(launches.made) == 3


async def test_deaths_with_an_ending_in_between_do_not_add_up(store: Store) -> None:
    job = await submit(store, plan(trials=10))
    accidents: Any = {str(number): "exit" for number in (1, 3, 5, 7)}
    await work(store, Launches(Script(accidents=accidents)))
    assert (await store.job_by_id(job.id)).state == "finished"


async def test_a_model_that_does_not_load_fails_the_job_at_once(store: Store) -> None:
    job = await submit(store, plan())
    launches = await work(store, Launches(Script(broken="runner.model_missing")))
    ended = await store.job_by_id(job.id)
    assert ended.state == "failed"
    assert ended.problem is not None
    assert ended.problem["key"] == "runner.model_missing"
    assert len(launches.made) == 1
    assert await store.trials(job.id) == []


async def test_a_runner_that_dies_loading_is_tried_three_times(store: Store) -> None:
    job = await submit(store, plan())
    launches = await work(store, Launches(Script(broken="runner.died")))
    assert len(launches.made) == 3
    assert (await store.job_by_id(job.id)).state == "failed"


async def test_a_full_disk_fails_the_job_but_no_trial_and_resuming_goes_on(store: Store) -> None:
    job = await submit(store, plan())
    await work(store, Launches(Script(accidents={"2": "disk_full"})))
    failed = await store.job_by_id(job.id)
    assert failed.problem is not None
    assert failed.problem["key"] == "runner.disk_full"
    assert [trial.state for trial in await store.trials(job.id)] == ["complete"] * 2
    await store.resume("team", job.number)
    await work(store)
    assert [trial.state for trial in await store.trials(job.id)] == ["complete"] * 4


async def test_a_runner_that_falls_silent_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuner.worker.crew.SILENCE_S", 0.3)
    job = await submit(store, plan())
    launches = await work(store, Launches(Script(accidents={"1": "hang"})))
    assert [trial.cause for trial in await store.trials(job.id)] == ["", "crashed", "", ""]
    assert len(launches.made) == 2


async def test_a_job_whose_data_are_gone_says_so(store: Store) -> None:
    job = await submit(store, plan())
    (store.home / "teams" / "team" / "data" / "data-1" / "examples.jsonl").unlink()
    await work(store)
    ended = await store.job_by_id(job.id)
    assert ended.problem is not None
    assert ended.problem["key"] == "runner.data_missing"


async def test_our_own_mistake_fails_the_job_with_a_reference_and_the_worker_goes_on(store: Store) -> None:
    first = await submit(store, plan(), message="m1")
    second = await submit(store, plan(trials=1), message="m2")
    launches = Launches()

    async def breaks_once(setup: Any, log: Path) -> Any:
        if not launches.made:
            launches.made.append(None)  # type: ignore[arg-type]
            raise RuntimeError("a mistake of ours")
        return await launches(setup, log)

    async with asyncio.timeout(60):
        await run(store.home, idle_exit_s=0.1, runner_factory=breaks_once)
    failed = await store.job_by_id(first.id)
    assert failed.problem is not None
    assert failed.problem["key"] == "worker.unexpected"
    assert "a mistake of ours" not in json.dumps(failed.problem)
    log = (store.home / "logs" / "worker.log").read_text(encoding="utf-8")
    assert "a mistake of ours" in log
    assert failed.problem["facts"]["reference"] in log
    assert (await store.job_by_id(second.id)).state == "finished"


async def test_speeds_are_measured_for_the_next_plan(store: Store) -> None:
    await submit(store, plan())
    await work(store, Launches(Script(step_s=0.01, load_s=0.05)))
    await submit(store, plan(parallel=4), message="m2")
    await work(store, Launches(Script(step_s=0.01, load_s=0.05)))
    for key in ("alone_seconds_per_token:onsa-tiny", "seconds_per_token:onsa-tiny", "together:onsa-tiny",
                "load_seconds:onsa-tiny"):
        measured = await store.measured(key)
        assert measured is not None
        assert 0 < measured < 5


async def test_the_log_names_action_and_job_and_nothing_of_the_data(store: Store) -> None:
    job = await submit(store, plan())
    await work(store)
    lines = [json.loads(line) for line in (store.home / "logs" / "worker.log").read_text("utf-8").splitlines()]
    assert {"worker.started", "job.claimed", "trial.started", "trial.ended", "job.released"} <= {
        line["action"] for line in lines}
    assert all(line["job"] == job.id for line in lines if line["action"].startswith(("trial.", "job.")))
    assert "Where is" not in json.dumps(lines)


async def test_an_idle_worker_ends_when_it_was_told_so(store: Store) -> None:
    async with asyncio.timeout(10):
        await run(store.home, idle_exit_s=0.1, runner_factory=Launches())


async def test_the_event_loop_is_never_held_up(store: Store) -> None:
    job: Job = await submit(store, plan(trials=14, method="tpe"))
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        while True:
            before = time.thread_time()  # what this thread computed: other processes' turns do not count
            await asyncio.sleep(0.01)
            worst = max(worst, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    await work(store)
    watching.cancel()
    trials: list[TrialRecord] = await store.trials(job.id)
    assert len(trials) == 14
    assert worst < 0.5


def test_the_workers_process_holds_no_torch() -> None:
    code = "import sys, tuner.worker.__main__, tuner.analysis; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"
