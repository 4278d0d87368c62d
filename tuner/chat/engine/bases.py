"""Which base models are in memory, and how each of them answers: all requests in one batch, or one at a time.

Used by the engine's thread only. Knows no HTTP and no line of people.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tuner.chat.asks import Ask, Generation, Prompt, TooLong
from tuner.chat.engine.adapters import UnusualAdapterError
from tuner.chat.engine.cache import ROWS_OF_ONE
from tuner.chat.engine.packed import PackedBase
from tuner.chat.engine.plain import PlainBase
from tuner.chat.engine.readers import Reader
from tuner.train.model import load_base, pick_device, pick_dtype
from tuner.train.packed.layers import CannotPackError
from tuner.train.packed.memory import free_bytes

log = logging.getLogger(__name__)

MEMORY_SHARE = 0.3
"""Of a GPU's whole memory, elsewhere of what is free at the start; training has the rest."""
_ADAPTERS_PART = 0.25
_READERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Bytes that each base model may use beside its own weights."""

    cache_bytes: int
    """Keys and values."""
    adapter_bytes: int
    """Adapters in memory; those that are being used are there once more, side by side."""

    @classmethod
    def of(cls, device: torch.device, share: float, bases: int) -> Budget:
        if device.type == "cuda":
            free, there = torch.cuda.mem_get_info(device)
            whole = min(0.9 * free, share * there) / bases
        else:
            whole = share * free_bytes() / bases
        return cls(cache_bytes=int(whole * (1 - _ADAPTERS_PART)), adapter_bytes=int(whole * _ADAPTERS_PART / 2))


class Bases:
    """Implements `Models`. At most `bases` base models stay loaded, the least recently used goes first."""

    def __init__(self, *, bases: int = 2, max_tokens: int = 2048, device: torch.device | None = None,
                 budget: Budget | None = None, memory_share: float = MEMORY_SHARE) -> None:
        """Without a `budget`, `memory_share` of a GPU's memory, elsewhere of what is free now."""
        self._limit = bases
        self._max_tokens = max_tokens
        self._device = device or pick_device()
        self._budget = budget or Budget.of(self._device, memory_share, bases)
        self._readers: OrderedDict[str, Reader] = OrderedDict()
        self.loaded: OrderedDict[str, PackedBase | PlainBase] = OrderedDict()
        """By source; a base of adapters that cannot share a batch has a place of its own."""
        self._unusual: set[tuple[str, str]] = set()
        """Adapters that only peft itself can read."""

    def read(self, ask: Ask) -> Prompt:
        reader = self._reader(ask.model.base)
        ids = reader.prompt_ids(ask)
        context = self._context(reader)
        room = context - len(ids)
        wanted = min(self._max_tokens, max(room, 1)) if ask.max_tokens is None else ask.max_tokens
        if wanted > room:
            raise TooLong(prompt_tokens=len(ids), answer_tokens=wanted, context_tokens=context)
        return Prompt(ids=ids, max_tokens=wanted)

    def has_room(self, ask: Ask, prompt: Prompt) -> bool:
        base = self.loaded.get(self._place(ask))
        if base is None:
            return len(self.loaded) < self._limit or any(not held.is_held for held in self.loaded.values())
        return base.has_room(ask.model, prompt)

    def begin(self, ask: Ask, prompt: Prompt) -> Generation:
        reader = self._reader(ask.model.base)
        base = self._base(self._place(ask), ask.model.base)
        try:
            return base.begin(ask, prompt, reader)
        except UnusualAdapterError as unusual:
            log.info("answers of %s are written one at a time: %s", ask.model.adapter, unusual)
            self._unusual.add((ask.model.adapter or "", ask.model.sha256))
            if not self.has_room(ask, prompt):
                raise
        except Exception:
            if isinstance(base, PlainBase):
                del self.loaded[self._place(ask)]  # half an adapter may be left in it
            raise
        return self.begin(ask, prompt)

    def step(self) -> Sequence[tuple[Generation, int | Exception]]:
        told: list[tuple[Generation, int | Exception]] = []
        for base in [base for base in self.loaded.values() if base.is_held]:
            try:
                told += base.step()
            except Exception as error:
                told += [(writing, error) for writing in base.open]
        return told

    def preload(self, source: str) -> None:
        """Loads a base before anybody asks."""
        self._reader(source)
        self._base(source, source)

    def _context(self, reader: Reader) -> int:
        """The model's own longest conversation, or as much of it as the budget holds."""
        token_bytes = reader.geometry.token_bytes(pick_dtype(self._device))
        return min(reader.geometry.longest, max(256, self._budget.cache_bytes // (ROWS_OF_ONE * token_bytes)))

    def _place(self, ask: Ask) -> str:
        model = ask.model
        return f"{model.base}#alone" if (model.adapter or "", model.sha256) in self._unusual else model.base

    def _reader(self, source: str) -> Reader:
        reader = self._readers.pop(source, None) or Reader.load(source)
        self._readers[source] = reader
        if len(self._readers) > _READERS:
            self._readers.popitem(last=False)
        return reader

    def _base(self, place: str, source: str) -> PackedBase | PlainBase:
        base = self.loaded.pop(place, None)
        if base is None:
            while len(self.loaded) >= self._limit:
                idle = next(name for name, held in self.loaded.items() if not held.is_held)
                self.loaded.pop(idle).close()
            log.info("loading base model %s on %s", source, self._device)
            base = self._load(source, is_alone=place != source)
        self.loaded[place] = base
        return base

    def _load(self, source: str, *, is_alone: bool) -> PackedBase | PlainBase:
        base = load_base(source, self._device)
        if is_alone:
            return PlainBase(base)
        reader = self._reader(source)
        geometry = replace(reader.geometry, longest=self._context(reader))
        try:
            return PackedBase(base, geometry, cache_bytes=self._budget.cache_bytes,
                              adapter_bytes=self._budget.adapter_bytes)
        except CannotPackError as error:
            log.warning("answers of %s are written one at a time: %s", Path(source).name, error)
            return PlainBase(base)
