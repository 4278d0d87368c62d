"""How much ordinary conversation a tuned model has kept, on prompts that are in no training text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tuner.data.examples import Message
from tuner.data.render import prompt_ids
from tuner.embedded.general_chat import check_prompts, is_right
from tuner.evaluate.base import Base
from tuner.evaluate.generate import generate
from tuner.evaluate.losses import never

SAMPLE = 60
"""Prompts asked of each trial: every n-th of the whole list, so that all kinds and both languages occur."""


def chat_scores(base: Base, stop: Callable[[], bool] = never, sample: int = SAMPLE) -> dict[str, Any]:
    """Promises general_chat_accuracy (0 to 1) over `sample` prompts, and how many they were. Raises Stopped."""
    prompts = list(check_prompts())
    chosen = [prompts[place * len(prompts) // sample] for place in range(sample)] if len(prompts) > sample else prompts
    ids = [prompt_ids(base.tokenizer, (Message(role="user", content=one.prompt),)) for one in chosen]
    answers = generate(base.model, base.tokenizer, ids, base.device, 40, stop)
    right = sum(is_right(one, answer) for one, answer in zip(chosen, answers, strict=True))
    return {"general_chat_accuracy": right / max(1, len(chosen)), "general_chat_prompts": len(chosen)}
