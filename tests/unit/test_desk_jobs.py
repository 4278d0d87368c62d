"""What people say about jobs: status, stop, go on, extend, best, why; each team sees only its own."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot.replies import Card, Table
from tuner.events import TrialFinished, TrialParked, TrialRecord, TrialStarted
from tuner.repeats import planned_repeats


async def _started(person: Person, text: str = "tune lr between 1e-5 and 1e-3 with 5 trials") -> None:
    await person.has_data()
    await person.press(button(await person.say(text), "start"))


async def _one_trial_done(person: Person, value: float = 0.5) -> None:
    """As a worker would: claim, run trial 0, record it."""
    job = await person.store.claim("worker", 60)
    assert job is not None
    await person.store.start_trial(job.id, "worker", 0, job.plan.defaults)
    trial = TrialRecord(number=0, settings=dict(job.plan.defaults), state="complete", value=value)
    event = TrialFinished(number=0, state="complete", value=value, cause="", best=True)
    await person.store.record_trial(job.id, "worker", trial, event)


async def test_status_tells_how_far_and_the_best_so_far(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        assert "waiting" in words(await person.say("how far is it?"))
        await _one_trial_done(person)
        said = words(await person.say("how far is it?"))
        assert "1 of 5 tries are done" in said
        assert "try 0 with loss 0.5" in said


async def test_a_waiting_job_stops_at_once_and_a_running_one_is_asked_to(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        assert "had not started" in words(await person.say("stop the job"))
        await _started(person, "tune dropout 0 to 0.2")
        await _one_trial_done(person)
        assert "kept" in words(await person.say("stop job 2"))
        job = await person.store.job("team", 2)
        assert job is not None
        assert job.wish == "stop"


async def test_pause_and_resume_keep_the_finished_tries(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        assert "pauses" in words(await person.say("pause job 1"))
        assert "goes on" in words(await person.say("resume job 1"))
        job = await person.store.job("team", 1)
        assert job is not None
        assert job.state == "queued"


async def test_more_tries_for_a_running_job_need_no_question(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        assert "15 tries in all" in words(await person.say("10 more trials"))


async def test_more_tries_for_a_job_that_is_over_need_a_yes(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        await person.say("stop the job")
        asked = await person.say("10 more trials for job 1")
        job = await person.store.job("team", 1)
        assert job is not None
        assert (job.state, job.plan.trials) == ("stopped", 5)
        await person.press(button(asked, "yes"))
        job = await person.store.job("team", 1)
        assert job is not None
        assert (job.state, job.plan.trials) == ("queued", 15)


async def test_the_best_names_its_settings(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        assert "no finished try yet" in words(await person.say("what are the best settings so far?"))
        await _one_trial_done(person)
        assert "learning rate 0.0" in words(await person.say("what are the best settings so far?"))


async def test_queue_and_history_are_tables(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        for text in ("who is ahead of me?", "show my past jobs"):
            replies = await person.say(text)
            assert isinstance(replies[0], Table)
            assert replies[0].rows[0][0] == "1"


@pytest.mark.parametrize(
    "text", ["stop job 1", "pause job 1", "resume job 1", "how far is job 1?", "why did trial 0 fail in job 1?",
             "export job 1", "chat with job 1", "20 more trials for job 1"],
)
async def test_another_teams_job_is_no_job(tmp_path: Path, text: str) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        before = await person.store.job("team", 1)
        person.team = "other"
        said = words(await person.say(text))
        assert "faq.csv" not in said
        assert await person.store.job("team", 1) == before


async def test_a_term_is_explained_from_the_glossary_with_the_models_default(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        (card,) = await person.say("what is a learning rate?")
        assert isinstance(card, Card)
        assert "Too high" in words([card])
        assert "0.000" in words([card])


async def test_help_shows_an_example_for_every_kind_of_wish(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        (card,) = await person.say("help")
        assert isinstance(card, Card)
        assert len(card.fields) >= 17


async def test_an_old_button_is_answered_kindly(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        from bot.replies import Button

        for action in ("start:gone", "answer:0", "try:1:0", "columns:0", "nonsense", "chat:7", "details:7"):
            replies = await person.press(Button(name="x", label="x", action=action))
            assert replies
            assert "reference" not in words(replies)


async def _ended(person: Person, limit: str) -> None:
    """A job of ten tries that ended after one."""
    await _started(person, f"tune lr between 1e-5 and 1e-3 with 10 trials{limit}")
    await _one_trial_done(person)
    job = await person.store.job("team", "last")
    assert job is not None
    await person.store.release(job.id, "worker", "finished")


async def test_more_tries_for_a_job_whose_time_was_over_come_with_time(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _ended(person, ", at most 30 minutes")
        asked = await person.say("10 more trials")
        assert "10 more tries and 5 hours more" in words(asked)
        await person.press(button(asked, "yes"))
        job = await person.store.job("team", "last")
        assert job is not None
        assert (job.plan.trials, job.plan.time_budget_s) == (20, 30 * 60 * 11)


async def test_more_time_for_a_job_without_a_limit_says_what_helps(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _ended(person, "")
        assert "10 more trials" in words(await person.say("give job 1 10 more minutes"))
        job = await person.store.job("team", "last")
        assert job is not None
        assert (job.state, job.plan.trials) == ("finished", 10)


@pytest.mark.parametrize(
    ("code", "expected"), [(errno.ENOSPC, "full"), (errno.EROFS, "writable"), (errno.EIO, "reference")]
)
async def test_a_disk_that_takes_nothing_is_named(
    tmp_path: Path, code: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    async with a_desk(tmp_path) as person:
        monkeypatch.setattr(type(person.store), "jobs", broken)
        said = words(await person.say("what is in the queue?"))
        assert expected in said
        assert ("on my side" in said) == (code == errno.EIO)


async def test_a_job_keeps_the_name_that_its_data_had(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        dataset = await person.has_data("faq.csv")
        await _started(person)
        renamed = dataclasses.replace(dataset, name="faq-final.csv", added_at=dataset.added_at + 60)
        await person.store.add_dataset(renamed)
        table = words(await person.say("history"))
        assert "faq.csv" in table
        assert "faq-final.csv" not in table


@pytest.mark.parametrize(("question", "words_"), [
    ("status", ("checking the best ones again (1 of 4)", "2 of 2 tries are done")),
    ("今どう？", ("もう一度確かめています：4回中1回目", "2回のうち2回の試行")),
])
async def test_the_status_tells_that_the_best_are_checked_again(
    tmp_path: Path, question: str, words_: tuple[str, ...]
) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person, "tune lr between 1e-5 and 1e-3 with 2 trials, repeat the best with other seeds")
        await _one_trial_done(person)
        job = await person.store.job(person.team, 1)
        assert job is not None
        settings = {**job.plan.defaults, "learning_rate": 5e-4}
        best = TrialRecord(number=1, settings=settings, state="complete", value=0.4)
        await person.store.record_trial(job.id, "worker", best)
        repeat = planned_repeats(job.plan, await person.store.trials(job.id))[0]
        await person.store.start_trial(job.id, "worker", repeat.number, repeat.settings)
        told = words(await person.say(question))
        assert all(part in told for part in words_)


@pytest.mark.parametrize(("question", "words_"), [
    ("status", ("try 1 (1 more waits to be compared)", "1 of 8 tries are done")),
    ("今どう？", ("試行1。ほかに1つが比較待ち",)),
    ("how is try 2?", ("Try 2 waits, with", "once the other tries have come as far")),
    ("試行2はどう？", ("試行2は、比較待ちです", "差が小さければ続け")),
    ("how is try 1?", ("Try 1 is still running",)),
    ("what about try 2?", ("Try 2 waits, with",)),
    ("why is try number 2 still waiting?", ("Try 2 waits, with",)),
    ("is try 1 done?", ("Try 1 is still running",)),
    ("how is try 5?", ("Try 5 of job 1 has not started yet. 1 of 8 tries are done; try 1 is running.",)),
    ("how is try 8?", ("Job 1 has no try 8",)),
    ("試行2は待っているの？", ("試行2は、比較待ちです",)),
])
async def test_a_try_that_waits_is_not_told_as_running(tmp_path: Path, question: str, words_: tuple[str, ...]) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person, "tune lr between 1e-5 and 1e-3 with 8 trials")
        await _one_trial_done(person)
        job = await person.store.job(person.team, 1)
        assert job is not None
        for number in (1, 2):
            settings = {**job.plan.defaults, "learning_rate": number * 1e-4}
            await person.store.start_trial(job.id, "worker", number, settings,
                                           TrialStarted(number=number, settings=settings))
        await person.store.append(job.id, "worker", TrialParked(number=2))
        told = words(await person.say(question))
        assert all(part in told for part in words_), told


@pytest.mark.parametrize(("question", "is_running", "told"), [
    ("how is try 3?", False, "Try 3 of job 1 has not started yet. 0 of 5 tries are done."),
    ("how is try 0?", True, "Try 0 is still running, with learning rate 0.0"),
    ("is try 3 done?", True, "Try 3 of job 1 has not started yet. 0 of 5 tries are done; try 0 is running."),
    ("試行3はどう？", True, "試行3は、まだ始まっていません。5回のうち0回の試行が済んでいます。今は試行0を実行中"),
    ("how is try 5?", True, "Job 1 has no report yet"),
])
async def test_a_try_is_told_of_before_the_first_one_has_ended(
    tmp_path: Path, question: str, is_running: bool, told: str
) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        if is_running:
            job = await person.store.claim("worker", 60)
            assert job is not None
            await person.store.start_trial(job.id, "worker", 0, job.plan.defaults,
                                           TrialStarted(number=0, settings=dict(job.plan.defaults)))
        assert told in words(await person.say(question))


async def test_a_try_that_waits_is_told_of_before_the_first_one_has_ended(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        job = await person.store.claim("worker", 60)
        assert job is not None
        for number in (0, 1):
            started = TrialStarted(number=number, settings=dict(job.plan.defaults))
            await person.store.start_trial(job.id, "worker", number, job.plan.defaults, started)
        await person.store.append(job.id, "worker", TrialParked(number=1))
        assert "Try 1 waits, with learning rate" in words(await person.say("how is try 1?"))
        assert "Try 0 is still running, with learning rate" in words(await person.say("how is try 0?"))


@pytest.mark.parametrize("question", ["how is try 2?", "how was try 2", "what about try 2?", "how about try 4?"])
async def test_a_question_about_a_try_changes_no_plan_that_waits(tmp_path: Path, question: str) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person)
        await person.say("tune rank 4 to 16 with 6 trials")
        replies = await person.say(question)
        assert not any(isinstance(reply, Card) for reply in replies)
        assert "Tries: 6," in words(await person.say("make it 2 hours at most"))


async def test_the_best_try_is_the_one_with_the_best_mean(tmp_path: Path) -> None:
    async with a_desk(tmp_path) as person:
        await _started(person, "tune lr between 1e-5 and 1e-3 with 2 trials, repeat the best with other seeds")
        await _one_trial_done(person)
        job = await person.store.job(person.team, 1)
        assert job is not None
        settings = {**job.plan.defaults, "learning_rate": 5e-4}
        lucky = TrialRecord(number=1, settings=settings, state="complete", value=0.4)
        await person.store.record_trial(job.id, "worker", lucky)
        assert "try 1 with" in words(await person.say("status"))
        for repeat in planned_repeats(job.plan, await person.store.trials(job.id)):
            record = TrialRecord(number=repeat.number, settings=repeat.settings, state="complete",
                                 value=0.9 if repeat.trial else 0.5, repeat_of=repeat.trial)
            await person.store.record_trial(job.id, "worker", record)
        assert "try 0 with" in words(await person.say("status"))
        assert "of 2" in words(await person.say("history"))
