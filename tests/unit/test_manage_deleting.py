"""A data set that is deleted is gone, with all that came from it, to the last byte; nothing else is touched."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from desk_house import Person, a_desk, button, words

from bot.manage import deleting
from bot.replies import Button, Card
from tuner.events import TestResult, TrialRecord
from tuner.store import Store
from tuner.store.opinions import Pair
from tuner.store.records import DataSet, Job
from tuner.store.removal import Busy

SECRET, OTHER = "zanzibar-quokka", "harmless-heron"


async def brought(person: Person, name: str, word: str) -> DataSet:
    """A data set on disk, as posting the file leaves it, made the channel's current one."""
    usual = await person.has_data("usual.csv")
    dataset = dataclasses.replace(usual, id=hashlib.sha256(name.encode()).hexdigest(), name=name, person=person.name)
    content = f"question,answer\nwhere is {word}?,here is {word}\n".encode()
    folder = f"teams/{person.team}/data/{dataset.id}"
    await asyncio.to_thread(_write, person.store.home / folder, content, word)
    await person.store.prefer(person.team, None, f"dataset:{person.channel}", dataset.id)
    return await person.store.add_dataset(dataclasses.replace(dataset, folder=folder))


def _write(folder: Path, content: bytes, word: str) -> None:
    folder.mkdir(parents=True)
    (folder / "original.bin").write_bytes(content)
    messages = [{"role": "user", "content": f"where is {word}?"}, {"role": "assistant", "content": f"here is {word}"}]
    (folder / "examples.jsonl").write_text(json.dumps({"row": 2, "messages": messages}) + "\n")
    (folder / "report.json").write_text(json.dumps({"sample": word}))
    posted = folder.parent.parent / "posted"
    posted.mkdir(exist_ok=True)
    (posted / hashlib.sha256(content).hexdigest()).write_bytes(content)


async def tuned(person: Person, word: str) -> Job:
    """A finished job on the current data, with files, a report, votes, ratings and a conversation that say `word`."""
    await person.press(button(await person.say("tune lr between 1e-5 and 1e-3 with 2 trials"), "start"))
    store, home = person.store, person.store.home
    job = await store.claim("w", 60)
    assert job is not None
    record = TrialRecord(number=0, settings=dict(job.plan.defaults), state="complete", value=0.5, error=word)
    await store.record_trial(job.id, "w", record)
    folder = f"teams/{person.team}/jobs/{job.number}/trial-0"
    for file in (f"{folder}/manifest.json", f"charts/{person.team}/job-{job.number}/best.png",
                 f"exports/{person.team}/job-{job.number}-trial-0/card.md", f"logs/runner-{job.id}.log"):
        await asyncio.to_thread((home / file).parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread((home / file).write_text, word)
    await store.add_checkpoint(job.id, "w", 0, folder, "s", 0.5)
    await store.save_test(job.id, "w", TestResult(subject="base", trial=None, rows=(2,), right=(True,), losses=(0.5,),
                                                  answers=(f"here is {word}",), metrics={}))
    await store.release(job.id, "w", "finished")
    await store.labels.call(person.team, job.number, None, f"name {word}", "aki")
    await store.labels.promote(person.team, job.number, 0, "aki")
    asked = ({"role": "user", "content": f"where is {word}?"},)
    key = f"job-{job.number}/trial-0"
    await store.opinions.add_pair(Pair(
        id=f"p-{word}", team=person.team, channel="room", request=f"r-{word}", place=0, messages=asked,
        left_subject=key, right_subject="base/onsa-tiny", left_answer=word, right_answer="?", created_at=1.0))
    await store.opinions.vote(person.team, f"p-{word}", "aki", "left")
    await store.opinions.rate(team=person.team, person="aki", answer_id=f"a-{word}", job=job.number, subject=key,
                              messages=asked, answer=word, verdict="bad", reason=word)
    model = f"{person.team}/job-{job.number}-trial-0"
    talk = {"chat": {"model": model, "messages": [{"role": "user", "content": word}]}}
    await store.keep_dialogue("ben", f"{person.team}/hall", talk, 1e6)
    await store.keep_dialogue("*", f"rated:{person.team}:a-{word}",
                              {"model": model, "answer": word}, 1e6)
    return job


def holding(home: Path, word: str) -> list[str]:
    """Files of the home that hold the word, as text or as JSON escapes it."""
    return [str(path.relative_to(home)) for path in home.rglob("*")
            if path.is_file() and word.encode() in path.read_bytes()]


@pytest.fixture
async def person(tmp_path: Path) -> AsyncIterator[Person]:
    """Two data sets, each with a job of its own; the second is the current one."""
    async with a_desk(tmp_path) as made:
        await brought(made, "other.csv", OTHER)
        await tuned(made, OTHER)
        await brought(made, f"{SECRET}.csv", SECRET)
        await tuned(made, SECRET)
        await made.store.labels.promote("team", 1, 0, "aki")
        await made.store.removal.forget("team", (await made.has_data("usual.csv")).id, (), ())
        await made.store.prefer("team", None, "dataset:room", (await made.store.datasets("team"))[0].id)
        yield made


@pytest.mark.parametrize(("text", "name"), [
    (f"delete the data set {SECRET}.csv and everything that came from it", "delete"),
    (f"delete {SECRET}.csv", "delete"), ("delete this data", "delete"),
    (f"erase everything from {SECRET}.csv", "delete"), (f"データセット{SECRET}.csvを削除して", "削除"),
    (f"{SECRET}.csvを削除して", "削除"),
    (f"{SECRET}.csvとそこからできたものを全部消してください", "削除"),
])
async def test_nothing_is_left_of_it_and_everything_of_the_other(person: Person, text: str, name: str) -> None:
    home = person.store.home
    assert await asyncio.to_thread(holding, home, SECRET)
    asked = await person.say(text)
    assert await person.store.job("team", 2) is not None, "asking deletes nothing"
    said = words(await person.press(button(asked, name)))
    assert "free again" in said or "空きました" in said
    assert await asyncio.to_thread(holding, home, SECRET) == []
    assert not (home / "teams/team/jobs/2").exists()
    assert (home / "teams/team/jobs/1/trial-0/manifest.json").exists()
    assert [job.number for job in await person.store.jobs("team")] == [1]
    assert [rating.answer for rating in await person.store.opinions.ratings("team")] == [OTHER]
    assert [each.name for each in await person.store.labels.names("team")] == [f"name {OTHER}"]
    promoted = await person.store.labels.promoted("team")
    assert promoted is not None
    assert promoted.job == 1
    assert await person.store.removal.unfinished() == []


async def test_the_list_names_everything_first(person: Person) -> None:
    (card,) = await person.say(f"delete {SECRET}.csv")
    assert isinstance(card, Card)
    assert dict(card.fields) == {"Jobs": "2", "Checkpoints": "1", "Ratings and corrections": "1",
                                 "Votes": "1 on 1 pair of answers", "Conversations": "2"}
    assert "That frees" in words([card])
    assert "nothing was deleted" in words(await person.press(button([card], "keep")))
    assert await asyncio.to_thread(holding, person.store.home, SECRET)


async def test_the_number_of_a_deleted_job_is_not_given_again(person: Person) -> None:
    await person.press(button(await person.say(f"delete {SECRET}.csv"), "delete"))
    await brought(person, "new.csv", "new")
    job = await tuned(person, "new")
    assert job.number == 3


async def test_while_a_job_runs_on_it_nothing_is_deleted(person: Person) -> None:
    asked = await person.say(f"delete {SECRET}.csv")
    await person.press(button(await person.say("tune lr between 1e-5 and 1e-3 with 2 trials"), "start"))
    for replies in (await person.press(button(asked, "delete")), await person.say(f"delete {SECRET}.csv")):
        assert "cannot be deleted now: job 3" in words(replies)
        assert not any(each.action.startswith("delete:") for reply in replies for each in reply.buttons)  # type: ignore[union-attr]
    with pytest.raises(Busy):
        await person.store.removal.forget("team", (await person.store.datasets("team"))[0].id, (), ())
    assert len(await person.store.jobs("team")) == 3
    await person.say("stop job 3")
    await person.press(button(await person.say(f"delete {SECRET}.csv"), "delete"))
    assert [job.number for job in await person.store.jobs("team")] == [1]


async def test_what_came_of_it_since_the_list_is_shown_before_it_goes(person: Person) -> None:
    asked = await person.say(f"delete {SECRET}.csv")
    await tuned(person, f"{SECRET}-2")
    again = await person.press(button(asked, "delete"))
    assert "2 and 3" in words(again)
    assert len(await person.store.jobs("team")) == 3
    await person.press(button(again, "delete"))
    assert await asyncio.to_thread(holding, person.store.home, SECRET) == []


async def test_data_made_from_it_by_corrections_goes_too(person: Person) -> None:
    made = await brought(person, "second-v2.jsonl", f"{SECRET}-corrected")
    rating = (await person.store.opinions.ratings("team", 2))[0]
    await person.store.opinions.correct("team", rating.id, f"{SECRET} right")
    await person.store.opinions.mark_used("team", [rating.id], made.id)
    await tuned(person, f"{SECRET}-3")
    asked = await person.say(f"delete {SECRET}.csv")
    assert "second-v2.jsonl" in words(asked)
    await person.press(button(asked, "delete"))
    assert await asyncio.to_thread(holding, person.store.home, SECRET) == []
    assert {dataset.name for dataset in await person.store.datasets("team")} == {"other.csv", "usual.csv"}


async def test_plans_that_wait_on_it_are_gone_and_words_mean_the_job_that_is_left(person: Person) -> None:
    waiting = await person.say("tune lr between 1e-5 and 1e-3 with 7 trials")
    ben = dataclasses.replace(person, name="ben")
    await ben.say("how far is job 2?")
    await ben.store.keep_dialogue("ben", "team/room", {"job": 2, "language": "en"}, 1e6)
    await person.press(button(await person.say(f"delete {SECRET}.csv"), "delete"))
    await person.press(button(waiting, "start"))
    assert [job.number for job in await person.store.jobs("team")] == [1]
    assert "Job 1" in words(await ben.say("how far is it?"))


async def test_only_who_brought_it_or_manages_the_team_may(person: Person) -> None:
    person.name = "ben"
    assert "by the person who brought it" in words(await person.say(f"delete {SECRET}.csv", manages=False))
    asked = await person.say(f"delete {SECRET}.csv")
    action = button(asked, "delete").action
    refused = await person._tell(pressed=action, kind="press", manages=False)
    assert "by the person who brought it" in words(refused)
    mine = (await person.store.datasets("team"))[0]
    await person.store.removal.forget("team", mine.id, (), ())
    await person.store.add_dataset(dataclasses.replace(mine, person="ben"))
    assert "with all that came from it?" in words(await person.say(f"delete {SECRET}.csv", manages=False))


async def test_another_team_can_neither_see_nor_delete_it(person: Person) -> None:
    action = button(await person.say(f"delete {SECRET}.csv"), "delete").action
    person.team = "other"
    assert "Checkpoints" not in words(await person.say(f"delete {SECRET}.csv"))
    assert "gone already" in words(await person.press(Button(name="x", label="x", action=action)))
    assert len(await person.store.jobs("team")) == 2
    mine = (await person.store.datasets("team"))[0]
    assert await person.store.removal.trace("other", mine.id, (), ()) is None
    assert await person.store.removal.forget("other", mine.id, (), ()) is None


async def test_what_a_killed_process_left_is_finished_by_the_next(person: Person) -> None:
    mine = (await person.store.datasets("team"))[0]
    await person.store.removal.forget("team", mine.id, (), frozenset({f"where is {SECRET}?"}))
    home = person.store.home
    assert (home / "teams/team/jobs/2").exists()
    async with await Store.open(home) as another:
        assert await deleting.finish(another)
    assert not (home / "teams/team/jobs/2").exists()
    assert await person.store.removal.unfinished() == []


async def test_folders_outside_of_the_home_are_never_touched(tmp_path: Path) -> None:
    home, outside = tmp_path / "home", tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    home.mkdir()
    (home / "link").symlink_to(outside, target_is_directory=True)
    await asyncio.to_thread(deleting._remove, home, ("../outside", "link/*", "link", "../outside/precious"))
    assert (outside / "precious").read_text() == "x"


async def test_no_data_of_that_name_is_said(person: Person) -> None:
    assert "no data called “gone.csv”" in words(await person.say("delete gone.csv"))


@pytest.mark.parametrize("question", [
    "delete usual.csv", "keep the best 3 checkpoints of each job", "このファイルを消して",
])
async def test_a_yes_to_a_question_of_deleting_starts_no_plan(tmp_path: Path, question: str) -> None:
    async with a_desk(tmp_path) as person:
        await person.has_data("usual.csv")
        await person.say("tune lr between 1e-5 and 1e-3 with 2 trials")
        await person.say(question)
        await person.say("yes")
        assert await person.store.jobs("team") == []
