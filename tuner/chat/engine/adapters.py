"""Adapters on demand: read from their folders, kept within a budget of bytes, the least recently used ones dropped.

Reads ordinary LoRA adapters. What peft can do beyond that (DoRA, other ranks by layer, retrained embeddings) is told
apart, so that it can be answered through peft itself.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig
from peft.utils import load_peft_weights

from tuner.chat.engine.side import NOBODY, Loaded, Owner, Places, Side
from tuner.train.packed.stack import Shape, Weights

AdapterKey = tuple[str, str]
PATIENCE_STEPS = 32
"""So long an adapter that nobody uses stays beside the others."""
_PREFIX = "base_model.model."
_PLAIN_STARTS = (True, False, "gaussian")
"""Ways of drawing an adapter that leave the base model's weights alone."""
_EXTRAS = ("use_dora", "lora_bias", "modules_to_save", "rank_pattern", "alpha_pattern", "trainable_token_indices",
           "layer_replication", "target_parameters", "alora_invocation_tokens", "exclude_modules")


class UnusualAdapterError(Exception):
    """An adapter that is more than A and B on linear layers, of one rank."""


def read_adapter(folder: Path, shapes: Mapping[str, Shape]) -> tuple[Weights, float]:
    """Promises an adapter's weights and alpha / rank. Raises UnusualAdapterError, OSError, ValueError."""
    if not (folder / "adapter_model.safetensors").is_file():
        raise FileNotFoundError(f"an adapter must hold adapter_model.safetensors, got {folder}")
    config = PeftConfig.from_pretrained(str(folder))
    _refuse_unusual(config, folder)
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for key, weight in load_peft_weights(str(folder), device="cpu").items():
        name, _, kind = key.removeprefix(_PREFIX).removesuffix(".weight").rpartition(".")
        if kind not in ("lora_A", "lora_B") or name not in shapes:
            raise UnusualAdapterError(f"{folder} holds {key}")
        parts.setdefault(name, {})[kind] = weight
    rank = int(config.r)
    for name, part in parts.items():
        shape = shapes[name]
        if {kind: tuple(weight.shape) for kind, weight in part.items()} != {
                "lora_A": (rank, shape.inputs), "lora_B": (shape.outputs, rank)}:
            raise ValueError(f"{folder}: the weights of {name} must have rank {rank} and fit the layer")
    scale = config.lora_alpha / (math.sqrt(rank) if config.use_rslora else rank)
    return {name: (part["lora_A"], part["lora_B"]) for name, part in parts.items()}, scale


def _refuse_unusual(config: Any, folder: Path) -> None:
    unusual = [name for name in _EXTRAS if getattr(config, name, None)]
    if str(getattr(config.peft_type, "value", config.peft_type)) != "LORA":
        unusual.append("peft_type")
    elif config.bias != "none":
        unusual.append("bias")
    elif config.init_lora_weights not in _PLAIN_STARTS:
        unusual.append("init_lora_weights")
    if unusual:
        raise UnusualAdapterError(f"{folder} uses {', '.join(unusual)}")


class Adapters:
    """The adapters of one base model. An adapter that somebody holds is never dropped."""

    def __init__(self, families: Sequence[Sequence[Shape]], *, budget_bytes: int, device: torch.device,
                 dtype: torch.dtype) -> None:
        """`families`: all layers, those that read the same input together."""
        self._shapes = {shape.name: shape for family in families for shape in family}
        self._budget_bytes = budget_bytes
        self._device, self._dtype = device, dtype
        self._owners: OrderedDict[AdapterKey, Owner] = OrderedDict()
        """Least recently used first."""
        self._loaded: dict[Owner, Loaded] = {}
        self._holders: Counter[Owner] = Counter()
        self._count = 0
        self._unused_steps = 0
        self._places = Places(families, budget_bytes=budget_bytes, device=device, dtype=dtype)
        self._is_laid = True
        self.side = Side()
        """The adapters that `use` asked for, and some of those before."""

    @property
    def loaded(self) -> tuple[str, ...]:
        """Folders, least recently used first."""
        return tuple(folder for folder, _ in self._owners)

    def has_room(self, folder: str | None, sha256: str) -> bool:
        """True when loading it drops none that somebody holds. One alone always has room."""
        if folder is None or (folder, sha256) in self._owners or not self._holders:
            return True
        try:
            wanted = (Path(folder) / "adapter_model.safetensors").stat().st_size
        except OSError:
            return True  # loading it will say what is wrong
        held = sum(self._loaded[owner].nbytes for owner in self._holders)
        return held + wanted <= self._budget_bytes

    def hold(self, folder: str | None, sha256: str) -> Owner:
        """Promises the adapter's number, loaded until `let_go`. Raises what reading it raises."""
        if folder is None:
            return NOBODY
        key = (folder, sha256)
        if key not in self._owners:
            self._loaded[self._count] = self._load(Path(folder))
            self._owners[key] = self._count
            self._count += 1
        self._owners.move_to_end(key)
        owner = self._owners[key]
        self._holders[owner] += 1
        self._drop_unused()
        return owner

    def let_go(self, owner: Owner) -> None:
        if owner != NOBODY:
            self._holders[owner] -= 1
            if not self._holders[owner]:
                del self._holders[owner]

    def use(self, owners: Iterable[Owner]) -> bool:
        """Makes `side` hold these adapters; True when it changed.

        Others stay in it for a while: their people may ask on.
        """
        wanted = set(owners) - {NOBODY}
        self._unused_steps = 0 if len(wanted) == len(self.side.owners) else self._unused_steps + 1
        if self._is_laid and wanted <= set(self.side.owners) and self._unused_steps < PATIENCE_STEPS:
            return False
        self._is_laid = False
        try:
            self.side = self._places.hold({owner: self._loaded[owner] for owner in sorted(wanted)})
        except BaseException:
            self._places.clear()
            raise
        self._is_laid = True
        return True

    def _load(self, folder: Path) -> Loaded:
        weights, scale = read_adapter(folder, self._shapes)
        found = {name: tuple(part.t().to(self._device, self._dtype).contiguous() for part in parts)
                 for name, parts in weights.items()}
        for name, parts in found.items():
            if not all(bool(torch.isfinite(part).all()) for part in parts):
                raise ValueError(f"an adapter's weights must be finite, those of {name} in {folder} are not")
        return Loaded(
            weights=found, scale=scale, nbytes=sum(part.nbytes for parts in found.values() for part in parts),
            rank=max((b.shape[0] for _, b in found.values()), default=1))

    def _drop_unused(self) -> None:
        total = sum(one.nbytes for one in self._loaded.values())
        for key, owner in list(self._owners.items()):
            if total <= self._budget_bytes:
                return
            if owner not in self._holders:
                total -= self._loaded.pop(owner).nbytes
                del self._owners[key]
