"""A checkpoint of a tiny random model, a job that tells of it, and its export. For tests only."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from planted_reports import reports
from planted_studies import SPACE, at_the_edge, planted, sealed
from tiny_adapters import save_adapter
from tiny_models import save_model

from bot.phrases import Language
from bot.take_home.card import model_card
from bot.take_home.facts import onsa_json
from tuner.analysis import report_of
from tuner.checkpoints.manifest import MANIFEST, Manifest, file_sha256
from tuner.checkpoints.origin import base_facts
from tuner.checkpoints.package import Order, write_package
from tuner.events import Report
from tuner.plan.knobs import KNOBS
from tuner.plan.models import ModelCard, find
from tuner.plan.plan import Plan
from tuner.store.records import Checkpoint, DataSet, Job

PRIVATE = ("Kyoko-secret", "guild-4711", "person-0815", "geheim.csv")
"""Words of data, people and files that no export may hold."""


def plan(model: str, **changes: Any) -> Plan:
    made = Plan(
        model=model, dataset="d" * 64, space=SPACE, defaults={name: knob.default for name, knob in KNOBS.items()},
        method="tpe", pruner="median", metric="loss", trials=12, parallel=1, time_budget_s=None, general_chat=40,
        seed=7, split=(168, 36, 36), assumed=("epochs",), confirm=0, dataset_name="geheim.csv",
    )
    return dataclasses.replace(made, **changes)


def job(model: str, **changes: Any) -> Job:
    return Job(id=5, number=12, team="guild-4711", person="person-0815", channel="c", language="en",
               plan=plan(model, **changes), state="finished", wish="", worker=None, lease_until=0.0, created_at=1000.5,
               started_at=1001.0, ended_at=2000.0, ran_s=321.0, problem=None)


def dataset(**changes: Any) -> DataSet:
    report = {
        "examples": 250, "usable": 240, "languages": {"en": 0.9, "ja": 0.1, "other": 0.0}, "exact_duplicates": 4,
        "near_duplicates": 6, "groups": 230, "multi_turn": 0, "split": [168, 36, 36],
        "tokens": {"total": 9000, "median": 33, "p95": 60, "longest": 90, "max_length": 256, "cut": 0},
        "sample": [["Kyoko-secret", True]], "mapping": {"question": "Kyoko-secret"}, "findings": [], **changes,
    }
    return DataSet(id="d" * 64, team="guild-4711", name="geheim.csv", folder="f", report=report, added_at=1.0)


@cache
def clear_gain() -> Report:
    """The planted report of that name alone: all of them take their time."""
    return report_of(dataclasses.replace(planted(at_the_edge, 1, 12), tests=sealed(41, 25, 2, best_trial=7)))


def private(report: Report) -> Report:
    """The report with words of the data wherever a report of a real job has them."""
    said = tuple(
        dataclasses.replace(test, answers=tuple("Kyoko-secret" for _ in test.rows),
                            questions=tuple("Kyoko-secret" for _ in test.rows),
                            references=tuple("Kyoko-secret" for _ in test.rows))
        for test in report.test
    )
    trials = tuple(dataclasses.replace(trial, error="/home/Kyoko-secret/x.py", checkpoint="trial")
                   for trial in report.trials)
    return dataclasses.replace(report, test=said, trials=trials)


def facts(kind: str = "clear gain", *, card: ModelCard | None = None, trial: int | None = None, **changes: Any) -> Any:
    """onsa.json of the planted report `kind`."""
    card = card or find(None)
    assert card is not None
    contents = {"base": False, "merged": False, "gguf": False, **changes.pop("contents", {})}
    made = changes.pop("made", {"base": {"files": {}, "revision": None, "license": None}, "versions": {"torch": "2"}})
    report = private(clear_gain() if kind == "clear gain" else reports()[kind])
    best = trial if trial is not None else 7
    found = next((run for run in report.trials if run.number == best), None)
    checkpoint = Checkpoint(id=1, job=5, job_number=12, trial=best, team="guild-4711", folder="f", sha256="s",
                            value=found.value if found is not None else None)
    return onsa_json(job=job(card.reference, **changes), checkpoint=checkpoint, card=card, made=made,
                     dataset=dataset(), report=report, trials=report.trials, contents=contents)


def checkpoint(
    base: Path, folder: Path, *, seed: int = 1, trial: int = 7, targets: Sequence[str] = ("q_proj", "v_proj")
) -> Path:
    """A sound checkpoint, as a trial leaves it."""
    save_adapter(base, folder, seed=seed, targets=targets)
    (folder / "README.md").unlink(missing_ok=True)
    files = {path.name: file_sha256(path) for path in sorted(folder.iterdir())}
    manifest = Manifest(base=str(base), base_config_sha256="0" * 64, data="d" * 64, plan="p", job=12, trial=trial,
                        settings={"learning_rate": 1e-4}, scores={"loss": 0.5}, created_at=1000.0, files=files)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return folder


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A base and a checkpoint on it."""

    base: Path
    adapter: Path

    def order(self, out: Path, *, language: Language = "en", **changes: Any) -> Order:
        card = find(str(self.base))
        assert card is not None
        contents = {name: bool(changes.get(wish)) for name, wish in
                    (("base", "with_base"), ("merged", "merged"), ("gguf", "gguf"))}
        made = {"base": base_facts(str(self.base)), "versions": {"torch": "2"}}
        said = facts(card=card, contents=contents, made=made)
        return Order(**{
            "adapter": self.adapter, "out": out, "base_source": str(self.base), "base_name": card.name,
            "card": model_card(said, language), "facts": said, **changes,
        })

    def export(self, out: Path, **changes: Any) -> Path:
        write_package(self.order(out, **changes))
        return out


def house(folder: Path) -> House:
    base = save_model(folder / "tiny-llama", max_position_embeddings=512)
    return House(base=base, adapter=checkpoint(base, folder / "trial-7"))


def onsa_of(folder: Path) -> Any:
    return json.loads((folder / "onsa.json").read_text(encoding="utf-8"))
