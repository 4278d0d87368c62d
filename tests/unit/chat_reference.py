"""What plain transformers and peft answer, and the engine's torch side by hand. For tests only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuner.chat.asks import Ask, Generation, ModelRef
from tuner.chat.engine.bases import Bases, Budget
from tuner.data.examples import Message

QUESTION = "Where do I leave a broken bike? 自転車が壊れたら、どこに置けばいいですか。" * 2
TARGETS = {"gpt2": ("c_attn", "c_proj", "c_fc")}
PLENTY = Budget(cache_bytes=2**26, adapter_bytes=2**26)


def ref(base: Path, adapter: Path | None = None, sha256: str = "") -> ModelRef:
    return ModelRef(base=str(base), adapter=None if adapter is None else str(adapter), sha256=sha256)


def ask(model: ModelRef, text: str = QUESTION, max_tokens: int | None = 12, **sampling: Any) -> Ask:
    messages = (Message(role="user", content=text),)
    return Ask(model=model, messages=messages, max_tokens=max_tokens, **{"temperature": 0.0, **sampling})


def bases(**options: Any) -> Bases:
    import torch

    return Bases(device=torch.device("cpu"), **{"budget": PLENTY, **options})


def tokens(models: Bases, wanted: Ask) -> list[int]:
    """One answer, alone."""
    return together(models, [wanted])[0]


def together(models: Bases, asks: list[Ask]) -> list[list[int]]:
    """All in one batch from the start. Raises what broke an answer."""
    prompts = [models.read(wanted) for wanted in asks]
    opened: list[Generation] = []
    for wanted, prompt in zip(asks, prompts, strict=True):
        opened.append(models.begin(wanted, prompt))
    found: list[list[int]] = [[] for _ in asks]
    left = set(range(len(asks)))
    try:
        while left:
            for generation, token in models.step():
                if generation not in opened:
                    continue  # somebody else's
                place = opened.index(generation)
                if isinstance(token, Exception):
                    raise token
                found[place].append(token)
                if generation.ends(token) or len(found[place]) == prompts[place].max_tokens:
                    left.discard(place)
                    generation.close()
    finally:
        for generation in opened:
            generation.close()
    return found


def plain(base: Path, adapter: Path | None, text: str = QUESTION, count: int = 12) -> list[int]:
    """The same with plain transformers and peft."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    out = model.eval().generate(**asked, max_new_tokens=count, do_sample=False, pad_token_id=0)
    found: list[int] = out[0, asked["input_ids"].shape[1] :].tolist()
    return found
