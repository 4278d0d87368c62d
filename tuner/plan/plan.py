"""The plan of a job: everything that a worker needs to know, frozen before a person confirms it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from tuner.plan.space import Settings, Space, space_from_json, space_to_json

Method = Literal["grid", "random", "tpe", "gp", "cmaes"]
Pruner = Literal["none", "median", "hyperband", "asha"]
RUNGS = (20, 40)
"""Percents of a trial's own steps at which halving compares it with the others; it is validated there. ASHA's and
Hyperband's geometric series of factor 2, without 80: by then little is left to save."""
Metric = Literal["loss", "perplexity", "accuracy", "rouge", "bleu", "human"]
"""`human`: how often people would prefer the try's answers to those of the default settings, by their votes."""

MAXIMISED: frozenset[str] = frozenset({"accuracy", "rouge", "bleu", "human"})
"""Metrics of which more is better; of the others less is better."""

SHARES: frozenset[str] = frozenset({"accuracy", "human"})
"""Metrics that are a share, 0 to 1."""

SEEDS = 3
"""Runs of the same settings, each with a seed of its own, in the confirmation; the search's own run is one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One search, complete: no field is filled in later."""

    model: str
    """Name in the model catalogue, hub id or folder (`tuner.plan.models.find`)."""
    dataset: str
    """Id of the stored data set (sha256 of the file and its column mapping)."""
    space: Space
    """Searched knobs only: a Range with both bounds and `log` set, or Choices."""
    defaults: Settings
    """Every knob: the model's defaults with what the person fixed. Trial 0 runs exactly these."""
    method: Method
    pruner: Pruner
    metric: Metric
    """Judged on the validation split."""
    trials: int
    """Tries in all, trial 0 included."""
    parallel: int
    """Trials under way at once, as a person wished; 0: as many as suit the machine."""
    time_budget_s: int | None
    """No new trial starts after this many seconds of running; None: no limit."""
    general_chat: int
    """General-chat examples mixed into each epoch; 0: none."""
    seed: int
    """Of the search and of the split."""
    split: tuple[int, int, int]
    """Examples for training, validation and the sealed test."""
    assumed: tuple[str, ...]
    """Names of the fields and knobs that Onsa filled in and the person did not say."""
    confirm: int = 0
    """After the search, so many of the best settings, and the defaults, are trained again with other seeds; 0: none."""

    dataset_name: str = ""
    """What people called the data set when the plan was made; empty in plans of earlier versions."""

    @property
    def measured(self) -> str:
        """What a try is measured by when it is trained: nobody has voted on it then."""
        return "loss" if self.metric == "human" else self.metric

    @property
    def repeats(self) -> int:
        """Runs of the confirmation at most: one setting is the defaults' own, if no other one beats them."""
        return (self.confirm + 1) * (SEEDS - 1) if self.confirm else 0

    def to_json(self) -> dict[str, Any]:
        value = dataclasses.asdict(self)
        value["space"] = space_to_json(self.space)
        value["defaults"] = dict(self.defaults)
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Plan:
        known = {field.name for field in dataclasses.fields(cls)}
        parts = {key: part for key, part in value.items() if key in known}
        parts["space"] = space_from_json(value["space"])
        parts["split"] = tuple(value["split"])
        parts["assumed"] = tuple(value["assumed"])
        return cls(**parts)

    def hash(self) -> str:
        """sha256 over the canonical JSON: the same plan, the same hash, on every machine."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()
