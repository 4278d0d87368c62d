"""The model catalogue: where a model comes from, its own defaults and its own recommended ranges. Loads nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from tuner.embedded import MODEL_NAME, model_path
from tuner.embedded.defaults import (
    CHAT_SHARE,
    DEFAULTS,
    EPOCHS,
    EXAMPLES_SEEN,
    GENERAL_CHAT_EXAMPLES,
    LEAST_CHAT,
    RECOMMENDED,
)
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Settings, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """One base model that people may tune, as far as a plan has to know it."""

    name: str
    """What people call it."""
    source: str
    """A folder on this machine, or a hub id such as `Qwen/Qwen2.5-0.5B-Instruct`."""
    origin: Literal["embedded", "folder", "hub"]
    parameters: int | None = None
    """Number of weights; None: not known before it is loaded."""
    defaults: Settings = field(default_factory=dict)
    """Complete: every knob of the catalogue."""
    recommended: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Knob -> range in which good runs of this model lie; outside it a plan says so."""
    general_chat: int = 0
    """Examples of general chat mixed into each epoch, so that tuning keeps ordinary conversation."""
    suits_examples: bool = False
    """Whether `suited` has something to say."""
    license: str | None = None
    """Of the model, as hubs name it; None: not known here."""

    def suited(self, examples: int) -> ModelCard:
        """Promises this card with the epochs and the general chat that suit so many training examples: few are gone
        over more often, with less chat beside them. A card without such figures stays as it is."""
        if not self.suits_examples:
            return self
        epochs = min(max(round(EXAMPLES_SEEN / max(1, examples)), EPOCHS[0]), EPOCHS[1])
        chat = min(max(round(CHAT_SHARE * examples), LEAST_CHAT), self.general_chat)
        return dataclasses.replace(
            self, defaults=MappingProxyType({**self.defaults, "epochs": epochs}), general_chat=chat
        )

    @property
    def reference(self) -> str:
        """What `find` finds this card by: a folder's name alone would not do."""
        return self.source if self.origin == "folder" else self.name


def _complete(own: Mapping[str, Value]) -> Settings:
    return MappingProxyType({name: own.get(name, knob.default) for name, knob in KNOBS.items()})


_HUB_RECOMMENDED = MappingProxyType(
    {
        "learning_rate": (1e-5, 1e-3),
        "epochs": (1, 10),
        "batch_size": (1, 64),
        "lora_rank": (4, 128),
        "lora_alpha": (4, 256),
        "lora_dropout": (0.0, 0.3),
        "weight_decay": (0.0, 0.2),
        "warmup_ratio": (0.0, 0.3),
        "max_grad_norm": (0.1, 10.0),
        "label_smoothing": (0.0, 0.2),
        "max_length": (64, 8192),
    }
)
"""What the LoRA literature and the libraries' guides use on instruct models of 0.5 to 8 billion weights."""

_HUB = (
    ("qwen2.5-0.5b", "Qwen/Qwen2.5-0.5B-Instruct", 494_000_000, "apache-2.0"),
    ("qwen3-0.6b", "Qwen/Qwen3-0.6B", 596_000_000, "apache-2.0"),
    ("llama-3.2-1b", "meta-llama/Llama-3.2-1B-Instruct", 1_236_000_000, "llama3.2"),
    ("gemma-3-1b", "google/gemma-3-1b-it", 1_000_000_000, "gemma"),
    ("mistral-7b", "mistralai/Mistral-7B-Instruct-v0.3", 7_248_000_000, "apache-2.0"),
)


def embedded() -> ModelCard:
    """The small bilingual model that comes with Onsa and needs no network."""
    return ModelCard(
        name=MODEL_NAME,
        source=str(model_path()),
        origin="embedded",
        parameters=2_400_000,
        defaults=_complete(DEFAULTS),
        recommended=MappingProxyType(
            {
                name: (float(bounds[0]), float(bounds[1]))
                for name, bounds in RECOMMENDED.items()
                if KNOBS[name].kind != "choice"
            }
        ),
        general_chat=GENERAL_CHAT_EXAMPLES,
        suits_examples=True,
        license="apache-2.0",
    )


def catalogue() -> tuple[ModelCard, ...]:
    """Every model that has a name of its own, the embedded one first."""
    hub = (
        ModelCard(
            name=name,
            source=source,
            origin="hub",
            parameters=parameters,
            defaults=_complete({}),
            recommended=_HUB_RECOMMENDED,
            license=license_,
        )
        for name, source, parameters, license_ in _HUB
    )
    return embedded(), *hub


def find(name: str | None) -> ModelCard | None:
    """Promises the card of a catalogue name, a hub id (`owner/name`) or a model folder; None for anything else.

    `None` is the embedded model. A folder must hold a config.json. Nothing is downloaded here.
    """
    if name is None:
        return embedded()
    wanted = name.strip().casefold()
    for card in catalogue():
        if wanted in (card.name.casefold(), card.source.casefold()):
            return card
    folder = Path(name).expanduser()
    if (folder / "config.json").is_file():
        return ModelCard(
            name=folder.name,
            source=str(folder.resolve()),
            origin="folder",
            defaults=_complete({}),
            recommended=_HUB_RECOMMENDED,
        )
    owner, slash, rest = name.strip().partition("/")
    if (
        slash
        and owner
        and rest
        and all(part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in (owner, rest))
    ):
        return ModelCard(
            name=name.strip(), source=name.strip(), origin="hub", defaults=_complete({}), recommended=_HUB_RECOMMENDED
        )
    return None
