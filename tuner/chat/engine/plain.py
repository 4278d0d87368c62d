"""Answers of models and adapters that cannot share a batch: one at a time, through transformers and peft alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache

from tuner.chat.asks import Ask, ModelRef, Prompt
from tuner.chat.engine.readers import Reader, end_tokens, penalty_of
from tuner.chat.engine.sampling import Choice, choose
from tuner.evaluate.base import Base
from tuner.train.model import saved_adapter

PROMPT_TOKENS = 256
"""Of a prompt in one step."""


class PlainBase:
    """One base model; at most one answer is being written."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._ends = end_tokens(base.model, base.tokenizer)
        self._penalty = penalty_of(base.model)
        self._writing: PlainWriting | None = None

    @property
    def is_held(self) -> bool:
        return self._writing is not None

    @property
    def open(self) -> list[PlainWriting]:
        return [] if self._writing is None else [self._writing]

    def close(self) -> None:
        """Does nothing: between two answers the model is as it was loaded."""

    def has_room(self, model: ModelRef, prompt: Prompt) -> bool:
        return self._writing is None

    def begin(self, ask: Ask, prompt: Prompt, reader: Reader) -> PlainWriting:
        choice = Choice(temperature=ask.temperature, top_p=ask.top_p, seed=ask.seed, repetition_penalty=self._penalty,
                        prompt=prompt.ids)
        self._writing = PlainWriting(self, self._base, reader, ask, prompt, choice)
        return self._writing

    def step(self) -> list[tuple[PlainWriting, int | Exception]]:
        """See `Models.step`."""
        writing = self._writing
        if writing is None:
            return []
        token = writing.step()
        return [] if token is None else [(writing, token)]

    def leave(self, writing: PlainWriting) -> None:
        if self._writing is writing:
            self._writing = None

    def ends(self, token: int) -> bool:
        return token in self._ends


class PlainWriting:
    """One answer. Implements `Generation`."""

    def __init__(self, home: PlainBase, base: Base, reader: Reader, ask: Ask, prompt: Prompt, choice: Choice) -> None:
        """Raises what reading the adapter raises."""
        self.reader = reader
        self._home, self._base, self._choice = home, base, choice
        self._ids = list(prompt.ids)
        self._held = 0
        self._cache: Any = DynamicCache(config=base.model.config)
        self._adapter = None if ask.model.adapter is None else saved_adapter(base, Path(ask.model.adapter))
        if self._adapter is not None:
            self._adapter.__enter__()

    def step(self) -> int | None:
        part = self._ids[self._held : self._held + PROMPT_TOKENS]
        with torch.inference_mode():
            out = self._base.model(
                input_ids=torch.tensor([part], device=self._base.device), past_key_values=self._cache, use_cache=True)
            self._held += len(part)
            if self._held < len(self._ids):
                return None
            [token] = choose(out.logits[:, -1], [self._choice])
        if token is None:
            raise FloatingPointError("a model's largest logit must be finite")
        self._ids.append(token)
        return token

    def ends(self, token: int) -> bool:
        return self._home.ends(token)

    def close(self) -> None:
        if self._cache is not None:
            self._cache = None
            if self._adapter is not None:
                self._adapter.__exit__(None, None, None)
            self._home.leave(self)
