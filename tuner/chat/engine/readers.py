"""How a base model's messages become tokens and tokens text. Needs no weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import AutoConfig, AutoTokenizer

from tuner.chat.asks import Ask, BadMessages
from tuner.chat.engine.cache import Geometry
from tuner.data.render import prompt_ids
from tuner.problems import ProblemError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reader:
    """Implements `Texts`."""

    tokenizer: Any
    geometry: Geometry

    @classmethod
    def load(cls, source: str) -> Reader:
        """The model's tokenizer and configuration."""
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        config = AutoConfig.from_pretrained(source, trust_remote_code=False).get_text_config()
        return cls(tokenizer=tokenizer, geometry=_geometry(config, int(tokenizer.model_max_length)))

    def prompt_ids(self, ask: Ask) -> tuple[int, ...]:
        """Raises BadMessages."""
        try:
            return tuple(prompt_ids(self.tokenizer, ask.messages))
        except ProblemError as error:
            reasons = [str(problem.facts.get("reason", problem.key)) for problem in error.problems]
            raise BadMessages(", ".join(reasons)) from error

    def texts(self, lines: Sequence[Sequence[int]]) -> list[str]:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None and not getattr(self.tokenizer, "clean_up_tokenization_spaces", False):
            found: list[str] = backend.decode_batch([list(line) for line in lines], skip_special_tokens=True)
            return found
        return [self.tokenizer.decode(list(line), skip_special_tokens=True, clean_up_tokenization_spaces=False)
                for line in lines]


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that the model's maker names as the end of an answer."""
    ends: set[int] = set()
    for config in (model.generation_config, model.config.get_text_config(), tokenizer):
        named = getattr(config, "eos_token_id", None)
        if named is not None:
            ends.update([named] if isinstance(named, int) else named)
    return frozenset(ends)


def penalty_of(model: Any) -> float:
    return float(getattr(model.generation_config, "repetition_penalty", None) or 1.0)


def _geometry(config: Any, longest: int) -> Geometry:
    heads = int(getattr(config, "num_attention_heads", None) or 1)
    return Geometry(
        layers=int(config.num_hidden_layers), heads=int(getattr(config, "num_key_value_heads", None) or heads),
        width=int(getattr(config, "head_dim", None) or config.hidden_size // heads),
        longest=int(getattr(config, "max_position_embeddings", None) or longest))
