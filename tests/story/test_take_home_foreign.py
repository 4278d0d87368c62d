"""Exports from anywhere: a base that is only known by its folder, and facts that somebody made up."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_home import ROOT
from taken_home import House, house, onsa_of

from bot.take_home import bring_in
from tuner.problems import ProblemError
from tuner.store import Store

assert ROOT
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> House:
    return house(tmp_path_factory.mktemp("house"))


@pytest.fixture(scope="module")
def export(here: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return here.export(tmp_path_factory.mktemp("out") / "mine")


async def brought(store: Store, source: Path, base: Path | None) -> Any:
    return await bring_in(store, store.home, source, team="local", person="p", channel="c", name="mine",
                          base=None if base is None else str(base))


async def test_a_base_known_by_its_folder_only_has_to_be_named(here: House, export: Path, tmp_path: Path) -> None:
    async with await Store.open(tmp_path) as store:
        with pytest.raises(ProblemError) as caught:
            await brought(store, export, None)
        assert caught.value.problems[0].key == "import.unknown_base"
        job, trial, is_new = await brought(store, export, here.base)
        assert (job.number, job.state, trial, is_new) == (1, "finished", 7, True)
        assert job.plan.model == str(here.base)
        best = await store.best_checkpoint("local", 1)
        assert best is not None
        assert best.trial == 7
        assert (tmp_path / best.folder / "adapter_model.safetensors").is_file()
        assert await store.undelivered() == [], "nobody waits for the report of a job from elsewhere"
        assert await store.claim("w", 60.0) is None


def _set(*path: Any, to: Any) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        for name in path[:-1]:
            value = value[name]
        value[path[-1]] = to

    return change


MADE_UP = (
    _set("plan", "space", to={"learning_rate": 3}), _set("plan", "trials", to="many"), _set("plan", "metric", to=None),
    _set("report", "trials", 0, "value", to="best"), _set("report", "trials", 1, "number", to=0),
    _set("report", "findings", 0, "facts", to={}), _set("report", "findings", to=7), _set("trial", "settings", to=[1]),
    _set("base", to="x"), _set("base", "name", to="/"), _set("job", to={}), _set("report", "test", 0, "right", to=1),
)


async def test_made_up_facts_reach_no_home(here: House, export: Path, tmp_path: Path) -> None:
    facts = onsa_of(export)
    source = tmp_path / "made-up"
    shutil.copytree(export, source)
    async with await Store.open(tmp_path / "home") as store:
        for change in MADE_UP:
            value = copy.deepcopy(facts)
            change(value)
            (source / "onsa.json").write_text(json.dumps(value), encoding="utf-8")
            with pytest.raises(ProblemError):
                await brought(store, source, None if value["base"] != facts["base"] else here.base)
        assert await store.jobs("local") == []
    assert not list((tmp_path / "home").rglob("adapter_model.safetensors"))
