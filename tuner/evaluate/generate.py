"""Greedy answers of a model to many prompts at once. Knows no scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from tuner.evaluate.losses import Stopped, by_length, never

TOKENS_AT_ONCE = 4096
"""Prompt and answer tokens in one batch."""


class _Stop(StoppingCriteria):
    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop

    def __call__(self, input_ids: torch.Tensor, scores: Any, **others: Any) -> torch.Tensor:
        return torch.full((input_ids.shape[0],), self._stop(), device=input_ids.device, dtype=torch.bool)


def generate(model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], device: torch.device, longest: int,
             stop: Callable[[], bool] = never) -> list[str]:
    """Promises the model's most likely answer to each prompt (token ids), in order, of at most `longest` tokens each.

    Batches hold prompts of like length, padded on the left. Raises Stopped within a token of `stop`.
    """
    answers = [""] * len(prompts)
    config = _config(model, tokenizer, longest)
    for chosen in by_length([len(prompt) + longest for prompt in prompts], TOKENS_AT_ONCE):
        ids, mask = _pad_left([prompts[index] for index in chosen], int(config.pad_token_id or 0), device)
        with torch.no_grad():
            out = model.generate(input_ids=ids, attention_mask=mask, generation_config=config,
                                 stopping_criteria=StoppingCriteriaList([_Stop(stop)]))
        if stop():
            raise Stopped
        for place, index in enumerate(chosen):
            answers[index] = tokenizer.decode(out[place, ids.shape[1]:], skip_special_tokens=True).strip()
    return answers


def _config(model: Any, tokenizer: Any, longest: int) -> GenerationConfig:
    """Greedy, whatever the model's own generation settings say; ends at any of its end tokens."""
    own = getattr(model.generation_config, "eos_token_id", None)
    ends = {*(own if isinstance(own, list) else [own]), tokenizer.eos_token_id} - {None}
    pad = tokenizer.pad_token_id
    if pad is None:
        pad = min(ends) if ends else 0
    return GenerationConfig(max_new_tokens=longest, do_sample=False, num_beams=1, use_cache=True,
                            eos_token_id=sorted(ends) or None, pad_token_id=pad)


def _pad_left(prompts: Sequence[Sequence[int]], pad: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(len(prompt) for prompt in prompts)
    ids = [[pad] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)
