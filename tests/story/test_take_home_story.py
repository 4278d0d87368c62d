"""A model leaves one home by the command line and speaks in another as it did before; nothing private goes along."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from chat_home import ROOT, served
from hub_standin import hub
from store_samples import new_job, trial
from taken_home import checkpoint

from tuner.analysis import build_report
from tuner.checkpoints import digest
from tuner.embedded import model_path
from tuner.events import StudyFinished, TestResult
from tuner.plan.knobs import KNOBS
from tuner.store import Store
from tuner.store.records import DataSet

pytestmark = pytest.mark.slow

ASK = [{"role": "user", "content": "Hello! How are you today?"}]


async def _fill(home: Path) -> None:
    """One finished job of the embedded model with two tries, a sealed test and its report."""
    defaults = {name: knob.default for name, knob in KNOBS.items()}
    async with await Store.open(home) as store:
        await store.add_dataset(DataSet(id="d" * 64, team="local", name="geheim.csv", folder="f", added_at=1.0, report={
            "examples": 100, "usable": 100, "languages": {"en": 1.0, "ja": 0.0, "other": 0.0},
            "tokens": {"median": 30, "p95": 50, "longest": 60}, "sample": [["Kyoko-secret", True]]}))
        job, _ = await store.submit(new_job(message="m", team="local", defaults=defaults, dataset_name="geheim.csv"))
        await store.claim("w", 600.0)
        for number in range(2):
            folder = f"teams/local/jobs/{job.number}/trial-{number}"
            await asyncio.to_thread(checkpoint, model_path(), home / folder, seed=number + 1, trial=number,
                                    targets=("v_proj", "o_proj", "up_proj", "down_proj"))
            await store.start_trial(job.id, "w", number, defaults)
            done = trial(number, 1.0 - 0.1 * number, settings=defaults | {"learning_rate": 1e-4 * (number + 1)})
            await store.record_trial(job.id, "w", done)
            sha256 = await asyncio.to_thread(digest, home / folder)
            await store.add_checkpoint(job.id, "w", number, folder, sha256, done.value)
        for subject, number, right in (("base", None, 2), ("default", 0, 8), ("best", 1, 9)):
            await store.save_test(job.id, "w", TestResult(
                subject=subject, trial=number, rows=tuple(range(10)), right=tuple(place < right for place in range(10)),
                losses=(1.0,) * 10, answers=("Kyoko-secret",) * 10, questions=("Kyoko-secret",) * 10,
                references=("Kyoko-secret",) * 10))
        now = dataclasses.replace(await store.job_by_id(job.id), state="finished")
        report = build_report(now, await store.trials(job.id), await store.tests(job.id))
        await store.release(job.id, "w", "finished", event=StudyFinished(reason="done", report=report))


def onsa(*arguments: str, cwd: Path, said: str = "", **environment: str) -> str:
    """What the command prints. Raises AssertionError when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", *arguments], cwd=cwd, input=said, capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refusal(*arguments: str, cwd: Path, **environment: str) -> str:
    with pytest.raises(AssertionError) as caught:
        onsa(*arguments, cwd=cwd, **environment)
    return str(caught.value)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `a`, a home with a job; `mine`, `mine.zip`, its exports; `b`, a home that took the zip in."""
    folder = tmp_path_factory.mktemp("homes")
    asyncio.run(_fill(folder / "a"))
    onsa("export", "1", "--home", "a", "--to", "mine", "--merged", cwd=folder)
    onsa("export", "1", "--home", "a", "--to", "mine.zip", "--language", "ja", cwd=folder)
    assert "job 1, try 1" in onsa("import", "mine.zip", "--home", "b", "--name", "Bike bot", cwd=folder)
    return folder


def answers(home: Path, *models: str) -> list[str]:
    import openai

    with served(home) as server, openai.OpenAI(
        base_url=f"{server.address.url}/v1", api_key=server.token, max_retries=0, timeout=120
    ) as client:
        got = [client.chat.completions.create(model=model, messages=ASK, temperature=0, max_tokens=30)  # type: ignore[arg-type]
               for model in models]
    return [str(each.choices[0].message.content) for each in got]


def test_the_model_says_the_same_in_the_other_home(homes: Path) -> None:
    there, base = answers(homes / "b", "local/job-1-best", "local/job-1-base")
    assert [there] == answers(homes / "a", "local/job-1-trial-1")
    assert there != base, "the adapter must matter for this to show"


def test_results_and_history_came_along(homes: Path) -> None:
    said = onsa("console", "--home", "b", cwd=homes, said="history\nexplain job 1\n")
    assert "Bike bot" in said
    assert "9 of 10" in said
    assert "here already: this is job 1" in onsa("import", "mine", "--home", "b", cwd=homes)
    assert onsa("jobs", "--home", "b", cwd=homes).count("finished") == 1, "the same export twice is one job"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_commands_in_the_answers_can_be_copied(homes: Path, language: str) -> None:
    """Also where the paths hold spaces and quotation marks."""
    said = onsa("export", "1", "--home", "a", "--to", f"Aki's {language} model", "--language", language, cwd=homes)
    copied = shlex.split(quoted(said, "onsa import "))
    onsa(*copied[1:], "--home", f"home of {language}", cwd=homes)
    said = onsa("backup", f"Aki's {language} backup.zip", "--home", "a", "--language", language, cwd=homes)
    copied = shlex.split(quoted(said, "onsa restore "))
    onsa(*copied[1:-1], f"restored of {language}", cwd=homes)
    assert "finished" in onsa("jobs", "--home", f"restored of {language}", cwd=homes)


def quoted(said: str, start: str) -> str:
    """The command that stands in quotation marks."""
    found = re.search(f"[“「]({start}.+?)[”」]", said)
    assert found is not None, said
    return found[1]


def test_the_code_of_the_card_runs(homes: Path) -> None:
    text = (homes / "mine" / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)
    assert len(blocks) == 2
    done = subprocess.run([sys.executable, "-c", "\n".join(blocks)], cwd=homes / "mine", capture_output=True,
                          text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip().splitlines()) >= 2


def test_nothing_private_is_in_the_export(homes: Path) -> None:
    with zipfile.ZipFile(homes / "mine.zip") as archive:
        for name in archive.namelist():
            content = archive.read(name).decode("utf-8", "replace")
            for word in ("Kyoko-secret", "geheim.csv", str(homes), str(ROOT)):
                assert word not in content, name
        assert "結果" in archive.read("mine/README.md").decode()


def test_what_was_brought_in_can_be_taken_home_again(homes: Path) -> None:
    onsa("export", "bike bot", "--home", "b", "--to", "again", cwd=homes)
    weights = "adapter_model.safetensors"
    assert (homes / "again" / weights).read_bytes() == (homes / "mine" / weights).read_bytes()
    facts: Any = json.loads((homes / "again" / "onsa.json").read_text(encoding="utf-8"))
    assert facts["plan"]["seed"] == 7
    assert "Bike bot" not in json.dumps(facts)


def test_the_hub_gets_it_by_the_command(homes: Path) -> None:
    with hub() as there:
        environment = {"HF_ENDPOINT": there.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
        said = onsa("export", "1", "--home", "a", "--push", "ana/bike-bot", cwd=homes, HF_TOKEN="hf_good",
                    **environment)
        assert f"{there.url}/ana/bike-bot" in said
        assert there.repositories["ana/bike-bot"].private
        assert "onsa.json" in there.repositories["ana/bike-bot"].files
        assert "HF_TOKEN" in refusal("export", "1", "--home", "a", "--push", "ana/x", cwd=homes, HF_TOKEN="",
                                     **environment)
    assert not (homes / "export").exists(), "nobody asked for a folder"


def test_optuna_opens_the_search(homes: Path) -> None:
    import optuna

    assert "2 tries" in onsa("export", "1", "--home", "a", "--optuna", "sqlite:///study.db", cwd=homes)
    (name,) = optuna.get_all_study_names(f"sqlite:///{homes / 'study.db'}")
    study = optuna.load_study(study_name=name, storage=f"sqlite:///{homes / 'study.db'}")
    assert [trial.value for trial in study.trials] == [1.0, 0.9]
    assert not (homes / "export").exists()


def test_problems_are_said_in_a_sentence(homes: Path) -> None:
    assert "exists already" in refusal("export", "1", "--home", "a", "--to", "mine", cwd=homes)
    assert "no file or folder nowhere.zip" in refusal("import", "nowhere.zip", "--home", "b", cwd=homes)
    assert "llama.cpp does not know" in refusal("export", "1", "--home", "a", "--to", "g", "--gguf", cwd=homes)
