"""Model names reach the right weights, and one team's names never another's."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tuner.chat.asks import ModelRef
from tuner.chat.catalogue import Catalogue
from tuner.checkpoints.manifest import MANIFEST, Manifest
from tuner.embedded import MODEL_NAME, model_path
from tuner.plan.plan import Plan
from tuner.store import Store
from tuner.store.records import NewJob

PLAN = Plan(
    model=MODEL_NAME, dataset="d" * 64, space={}, defaults={}, method="tpe", pruner="none", metric="loss", trials=3,
    parallel=1, time_budget_s=None, general_chat=0, seed=1, split=(8, 1, 1), assumed=(),
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with await Store.open(tmp_path / "home") as made:
        yield made


async def add_job(store: Store, team: str, values: tuple[float, ...], model: str = MODEL_NAME) -> int:
    """A finished job with one checkpoint for each value; promises its number in the team."""
    from tuner.events import TrialRecord

    plan = dataclasses.replace(PLAN, model=model)
    count = len(await store.jobs(team))
    new = NewJob(team=team, person="p", channel="c", message_id=f"{team}{count}", language="en", plan=plan)
    job, _ = await store.submit(new)
    assert await store.claim("w", 60.0)
    for number, value in enumerate(values):
        folder = f"teams/{team}/jobs/{job.number}/trial-{number}"
        (store.home / folder).mkdir(parents=True)
        await store.start_trial(job.id, "w", number, {})
        await store.record_trial(job.id, "w", TrialRecord(number=number, settings={}, state="complete", value=value))
        await store.add_checkpoint(job.id, "w", number, folder, f"sha-{team}-{number}", value)
    await store.release(job.id, "w", "finished")
    return job.number


def checkpoint(store: Store, team: str, job: int, trial: int) -> ModelRef:
    folder = store.home / f"teams/{team}/jobs/{job}/trial-{trial}"
    return ModelRef(base=str(model_path()), adapter=str(folder), sha256=f"sha-{team}-{trial}")


async def test_names_reach_their_weights(store: Store) -> None:
    assert await add_job(store, "red", (0.5, 0.2, 0.3)) == 1
    names = Catalogue(store.home, store)
    assert await names.find(MODEL_NAME) == ModelRef(base=str(model_path()))
    assert await names.find("red/job-1-base") == ModelRef(base=str(model_path()))
    assert await names.find("red/job-1-trial-2") == checkpoint(store, "red", 1, 2)
    assert await names.find("red/job-1-best") == checkpoint(store, "red", 1, 1)


async def test_each_team_has_its_own_names(store: Store) -> None:
    await add_job(store, "red", (0.5,))
    await add_job(store, "blue", (0.4, 0.6))
    names = Catalogue(store.home, store)
    assert await names.find("red/job-1-best") == checkpoint(store, "red", 1, 0)
    assert await names.find("blue/job-1-best") == checkpoint(store, "blue", 1, 0)
    assert await names.find("red/job-1-trial-1") is None
    red = [MODEL_NAME, "red/team-model", "red/job-1-base", "red/job-1-best", "red/job-1-trial-0"]
    blue = ["blue/team-model", "blue/job-1-base", "blue/job-1-best", "blue/job-1-trial-0", "blue/job-1-trial-1"]
    assert await names.names("red") == tuple(red)
    assert await names.names() == (MODEL_NAME, *blue, *red[1:])
    assert await names.names("nobody") == (MODEL_NAME,)


@pytest.mark.parametrize(
    "name",
    [
        "", "/", "red", "team-model", "/team-model", "green/team-model", "red/team-model/", "red/teamXmodel",
        "job-1-best", "/job-1-best", "red/job-0-best", "red/job-2-best", "red/job-1-trial-9",
        "red/job-1-trial-", "red/job-1-worst", "red/job-1-best/", "red/../blue/job-1-best",
        "../red/job-1-best", "red/job-01-best",
        "red/job-1-trial-1x", "red/job-１-best", "RED/job-1-best", "red/job-1-best\n", "Qwen/Qwen2.5-0.5B-Instruct",
        "/etc", ".", "red/job-99999999999999999999-best", "red/job-1-trial-99999999999999999999",
    ],
)
async def test_other_names_reach_nothing(store: Store, name: str) -> None:
    await add_job(store, "red", (0.5, 0.4))
    await add_job(store, "blue", (0.5, 0.4))
    assert await Catalogue(store.home, store).find(name) is None


async def test_a_team_has_a_model_that_needs_no_number(store: Store) -> None:
    await add_job(store, "red", (0.2, 0.5))
    await add_job(store, "red", (0.4,))
    await add_job(store, "blue", (0.1,))
    names = Catalogue(store.home, store)
    assert await names.find("red/team-model") == checkpoint(store, "red", 2, 0)
    await store.labels.promote("red", 1, 1, "ana")
    assert await names.find("red/team-model") == checkpoint(store, "red", 1, 1)
    assert await names.find("blue/team-model") == checkpoint(store, "blue", 1, 0)


async def test_a_job_without_checkpoints_offers_its_base_only(store: Store) -> None:
    await add_job(store, "red", ())
    names = Catalogue(store.home, store)
    assert await names.find("red/job-1-base") == ModelRef(base=str(model_path()))
    assert await names.find("red/job-1-best") is None


async def test_a_folder_that_has_moved_is_found_by_the_manifest(store: Store, tmp_path: Path) -> None:
    await add_job(store, "red", (0.5,), model=str(tmp_path / "gone"))
    names = Catalogue(store.home, store)
    assert await names.find("red/job-1-best") is None
    manifest = Manifest(base="owner/model", base_config_sha256="", trial=0, settings={}, created_at=1.0)
    (store.home / "teams/red/jobs/1/trial-0" / MANIFEST).write_text(manifest.model_dump_json())
    found = await names.find("red/job-1-best")
    assert found is not None
    assert found.base == "owner/model"
