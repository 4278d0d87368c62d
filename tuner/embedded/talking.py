"""Greedy answers of a model to many questions at once, and how many of them are right."""

from collections.abc import Sequence
from typing import Any

import torch

from tuner.embedded.general_chat import CheckPrompt, is_right
from tuner.embedded.texts import Conversation, user

_ROWS = 64


def answers(model: Any, tokenizer: Any, talks: Sequence[Conversation], *, new_tokens: int = 64) -> list[str]:
    """What ``model`` says next in each conversation, in order, greedily."""
    prompts = [
        tokenizer.apply_chat_template(talk, add_generation_prompt=True, return_dict=True)["input_ids"] for talk in talks
    ]
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    found = [""] * len(prompts)
    for start in range(0, len(order), _ROWS):
        chosen = order[start : start + _ROWS]
        for index, text in zip(chosen, _batch(model, tokenizer, [prompts[i] for i in chosen], new_tokens), strict=True):
            found[index] = text
    return found


def _batch(model: Any, tokenizer: Any, prompts: list[list[int]], new_tokens: int) -> list[str]:
    """Pads on the left and generates; ids: (rows, length) int64."""
    length = max(map(len, prompts))
    ids = torch.full((len(prompts), length), tokenizer.pad_token_id)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, length - len(prompt) :] = torch.tensor(prompt)
        mask[row, length - len(prompt) :] = 1
    made = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=new_tokens, do_sample=False,
        pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return [tokenizer.decode(row[length:], skip_special_tokens=True) for row in made]


def judge(model: Any, tokenizer: Any, checks: Sequence[CheckPrompt]) -> list[tuple[CheckPrompt, str, bool]]:
    """Each check with the model's answer and whether it is right."""
    said = answers(model, tokenizer, [[user(check.prompt)] for check in checks])
    return [(check, answer, is_right(check, answer)) for check, answer in zip(checks, said, strict=True)]


def share_right(judged: Sequence[tuple[CheckPrompt, str, bool]], language: str | None = None) -> float:
    """The share of right answers, of one language or of all."""
    counted = [right for check, _, right in judged if language in (None, check.language)]
    return sum(counted) / len(counted)
