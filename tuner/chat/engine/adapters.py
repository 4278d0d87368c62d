"""Adapters on demand: read from their folders, kept within a budget of bytes, the least recently used ones dropped.

Reads ordinary LoRA adapters. What peft can do beyond that (DoRA, other ranks by layer, retrained embeddings) is told
apart, so that it can be answered through peft itself.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig
from peft.utils import load_peft_weights

from tuner.train.packed.rows import NOBODY, Block, Owner, prepared, stacked
from tuner.train.packed.stack import Shape, Weights

AdapterKey = tuple[str, str]
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

    def __init__(self, shapes: Sequence[Shape], *, budget_bytes: int, device: torch.device, dtype: torch.dtype) -> None:
        self._shapes = {shape.name: shape for shape in shapes}
        self._budget_bytes = budget_bytes
        self._device, self._dtype = device, dtype
        self._owners: OrderedDict[AdapterKey, Owner] = OrderedDict()
        """Least recently used first."""
        self._weights: dict[Owner, dict[str, tuple[torch.Tensor, torch.Tensor]]] = {}
        self._holders: Counter[Owner] = Counter()
        self._count = 0
        self._stacked: tuple[Owner, ...] = ()
        self.blocks: dict[str, Block] = {}
        """The adapters that `use` asked for, and some of those before."""

    @property
    def is_held(self) -> bool:
        return bool(self._holders)

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
        held = sum(self._bytes(owner) for owner in self._holders)
        return held + wanted <= self._budget_bytes

    def hold(self, folder: str | None, sha256: str) -> Owner:
        """Promises the adapter's number, loaded until `let_go`. Raises what reading it raises."""
        if folder is None:
            return NOBODY
        key = (folder, sha256)
        if key not in self._owners:
            weights = prepared(*read_adapter(Path(folder), self._shapes), self._dtype, self._device)
            self._owners[key] = self._count
            self._weights[self._count] = weights
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

    def use(self, owners: Sequence[Owner]) -> bool:
        """Makes `blocks` hold these adapters; True when they changed.

        Those that wait for their person's next question stay, as long as they are the fewer: copying them anew is dear.
        """
        wanted = {owner for owner in owners if owner != NOBODY}
        if wanted <= set(self._stacked) and len(self._stacked) <= 2 * len(wanted):
            return False
        self._stacked = tuple(sorted(wanted))
        self.blocks = stacked({owner: self._weights[owner] for owner in self._stacked}, list(self._shapes))
        return True

    def _bytes(self, owner: Owner) -> int:
        return sum(down.nbytes + up.nbytes for down, up in self._weights[owner].values())

    def _drop_unused(self) -> None:
        total = sum(map(self._bytes, self._weights))
        for key, owner in list(self._owners.items()):
            if total <= self._budget_bytes:
                return
            if owner not in self._holders:
                total -= self._bytes(owner)
                del self._owners[key], self._weights[owner]
