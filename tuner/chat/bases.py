"""Base models in memory, adapters on them through peft, and one generation at a time on each. The engine's torch side.

Used by the engine's thread only. Knows no HTTP and no line of people.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.utils import load_peft_weights
from transformers import AutoConfig, AutoTokenizer, DynamicCache

from tuner.chat.asks import Ask, BadMessages, ModelRef, Prompt, TooLong
from tuner.chat.sampling import Sampler
from tuner.data.render import prompt_ids
from tuner.problems import ProblemError
from tuner.train.model import load_base, pick_device

log = logging.getLogger(__name__)

PREFILL_TOKENS = 256
"""A long prompt is read in pieces of this many tokens, so that it does not stall the others."""

_BASE = ""
"""Name under which a base counts its untouched self among the adapters."""

AdapterKey = tuple[str, str]


class Bases:
    """Implements `Models`. At most `bases` base models and `adapters` adapters on each stay loaded."""

    def __init__(
        self, *, bases: int = 2, adapters: int = 16, max_tokens: int = 2048, device: torch.device | None = None
    ) -> None:
        self._limit = bases
        self._adapters = adapters
        self._max_tokens = max_tokens
        self._device = device or pick_device()
        self._readers: OrderedDict[str, _Reader] = OrderedDict()
        self._loaded: OrderedDict[str, _Base] = OrderedDict()

    def read(self, ask: Ask) -> Prompt:
        reader = self._reader(ask.model.base)
        ids = reader.prompt_ids(ask)
        room = reader.context - len(ids)
        wanted = min(self._max_tokens, max(room, 1)) if ask.max_tokens is None else ask.max_tokens
        if wanted > room:
            raise TooLong(prompt_tokens=len(ids), answer_tokens=wanted, context_tokens=reader.context)
        return Prompt(ids=ids, max_tokens=wanted)

    def has_room(self, model: ModelRef) -> bool:
        base = self._loaded.get(model.base)
        if base is None:
            return len(self._loaded) < self._limit or any(not held.is_held for held in self._loaded.values())
        return base.has_room(model)

    def begin(self, ask: Ask, prompt: Prompt) -> TorchGeneration:
        base = self._base(ask.model.base)
        try:
            name = base.load(ask.model)
        except Exception:
            self._loaded.pop(ask.model.base, None)  # half an adapter may be left in it; those who write on it go on
            raise
        return TorchGeneration(base, name, self._reader(ask.model.base), ask, prompt)

    def preload(self, source: str) -> None:
        """Loads a base before anybody asks."""
        self._reader(source)
        self._base(source)

    def _reader(self, source: str) -> _Reader:
        reader = self._readers.pop(source, None) or _Reader.load(source)
        self._readers[source] = reader
        if len(self._readers) > 8:
            self._readers.popitem(last=False)
        return reader

    def _base(self, source: str) -> _Base:
        base = self._loaded.pop(source, None)
        if base is None:
            while len(self._loaded) >= self._limit:
                idle = next(name for name, held in self._loaded.items() if not held.is_held)
                del self._loaded[idle]
            log.info("loading base model %s on %s", source, self._device)
            base = _Base(source, self._device, self._adapters)
        self._loaded[source] = base
        return base


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    """How a base model's text becomes tokens and back; needs no weights."""

    tokenizer: Any
    context: int

    @classmethod
    def load(cls, source: str) -> _Reader:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False).get_text_config()
        context = getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length
        return cls(tokenizer=tokenizer, context=int(context))

    def prompt_ids(self, ask: Ask) -> tuple[int, ...]:
        try:
            return tuple(prompt_ids(self.tokenizer, ask.messages))
        except ProblemError as error:
            reasons = [str(problem.facts.get("reason", problem.key)) for problem in error.problems]
            raise BadMessages(", ".join(reasons)) from error

    def text(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class _Base:
    """One base model with its adapters. Adapters are added in place; which one is active is a switch on every layer."""

    def __init__(self, source: str, device: torch.device, limit: int) -> None:
        self.model = load_base(source, device).model
        self.device = device
        self.ends = _end_tokens(self.model)
        self.repetition_penalty = float(getattr(self.model.generation_config, "repetition_penalty", None) or 1.0)
        self._limit = limit
        self._peft: PeftModel | None = None
        self._names: OrderedDict[AdapterKey, str] = OrderedDict()
        self._holders: dict[str, int] = {}
        self._count = 0
        self._active: str | None = None
        """None: not known, because loading or deleting switched something."""

    @property
    def is_held(self) -> bool:
        return bool(self._holders)

    def has_room(self, model: ModelRef) -> bool:
        if model.adapter is None or (model.adapter, model.sha256) in self._names:
            return True
        return len(self._names) < self._limit or any(name not in self._holders for name in self._names.values())

    def load(self, model: ModelRef) -> str:
        """Promises the name of the adapter, loaded and switched on. Raises what reading it raises."""
        if model.adapter is None:
            return _BASE
        key = (model.adapter, model.sha256)
        if key not in self._names:
            self._names[key] = self._add(Path(model.adapter))
            self.use(self._names[key])  # peft cannot delete an adapter that is on
            while len(self._names) > self._limit:
                self._evict(self._names[key])
        self._names.move_to_end(key)
        return self._names[key]

    def hold(self, name: str) -> None:
        self._holders[name] = self._holders.get(name, 0) + 1

    def let_go(self, name: str) -> None:
        self._holders[name] -= 1
        if not self._holders[name]:
            del self._holders[name]

    def use(self, name: str) -> None:
        """Switches every layer to this adapter, or all adapters off."""
        if self._active == name or self._peft is None:
            return
        if name == _BASE:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(name, inference_mode=True)
        self._active = name

    def _add(self, folder: Path) -> str:
        if not (folder / "adapter_model.safetensors").is_file():
            raise FileNotFoundError(f"an adapter must hold adapter_model.safetensors, got {folder}")
        load_peft_weights(str(folder), device="cpu")  # a broken file shows here, before it can touch the model
        self._count += 1
        name = f"adapter{self._count}"
        self._active = None
        if self._peft is None:
            self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name)
        else:
            self._peft.load_adapter(str(folder), adapter_name=name)
        self._peft.eval()
        return name

    def _evict(self, newest: str) -> None:
        idle = (key for key, name in self._names.items() if name != newest and name not in self._holders)
        key = next(idle)
        assert self._peft is not None
        self._peft.delete_adapter(self._names.pop(key))


class TorchGeneration:
    """One answer: a key-value cache, its own sampler, one token a step. Implements `Generation`."""

    def __init__(self, base: _Base, adapter: str, reader: _Reader, ask: Ask, prompt: Prompt) -> None:
        self._base = base
        self._adapter = adapter
        self._reader = reader
        self._ids = list(prompt.ids)
        self._read = 0
        """How many of the ids the cache holds."""
        self._cache: Any = DynamicCache(config=base.model.config)
        self._sampler = Sampler(
            temperature=ask.temperature, top_p=ask.top_p, seed=ask.seed, repetition_penalty=base.repetition_penalty
        )
        base.hold(adapter)

    def step(self) -> int | None:
        self._base.use(self._adapter)
        part = self._ids[self._read : self._read + PREFILL_TOKENS]
        with torch.inference_mode():
            out = self._base.model(
                input_ids=torch.tensor([part], device=self._base.device),
                past_key_values=self._cache,
                use_cache=True,
                logits_to_keep=1,
            )
            self._read += len(part)
            if self._read < len(self._ids):
                return None
            token = self._sampler.choose(out.logits[0, -1], self._ids)
        self._ids.append(token)
        return token

    def text(self, ids: Sequence[int]) -> str:
        return self._reader.text(ids)

    def ends(self, token: int) -> bool:
        return token in self._base.ends or token == self._reader.tokenizer.eos_token_id

    def close(self) -> None:
        if self._cache is not None:
            self._cache = None
            self._base.let_go(self._adapter)


def _end_tokens(model: Any) -> frozenset[int]:
    """Every token that the model's maker names as the end of an answer."""
    ends: set[int] = set()
    for config in (model.generation_config, model.config.get_text_config()):
        named = getattr(config, "eos_token_id", None)
        if named is not None:
            ends.update([named] if isinstance(named, int) else named)
    return frozenset(ends)
