"""How fast the embedded model is on one core: ``python -m benchmarks.embedded``.

Prints seconds of one trial with the defaults, tokens a second of pretraining, and answers a second.
"""

import time
from itertools import islice
from typing import Any

import torch
from transformers import AttentionInterface

from tuner.embedded import model_path
from tuner.embedded.general_chat import check_prompts
from tuner.embedded.losses import answer_loss, fp32_attention
from tuner.embedded.make_tokenizer import spellings
from tuner.embedded.packing import Encoder, batches
from tuner.embedded.pretrain import new_model
from tuner.embedded.recipe import Recipe
from tuner.embedded.talking import judge
from tuner.embedded.tuning_check import load_base, tune_and_judge

_BATCHES = 8


def main() -> None:
    """Measures on one thread and prints a line each."""
    torch.set_num_threads(1)
    for language in ("en", "ja"):
        outcome = tune_and_judge(model_path(), language, 0, [], [])
        print(f"trial_s_{language} {outcome.seconds:.1f}")
    model, tokenizer = load_base(model_path())
    checks = check_prompts()[:64]
    began = time.perf_counter()
    judge(model, tokenizer, checks)
    print(f"answers_per_s {len(checks) / (time.perf_counter() - began):.1f}")
    print(f"pretraining_tokens_per_s {pretraining_speed(tokenizer):.0f}")


def pretraining_speed(tokenizer: Any) -> float:
    """Tokens a second of forward and backward passes, as in pretraining."""
    AttentionInterface.register("fp32", fp32_attention)
    model = new_model(len(tokenizer))
    model.config._attn_implementation = "fp32"
    texts = spellings(tokenizer)[0]
    made = list(islice(batches(Encoder(tokenizer), 1, texts, Recipe().tokens_per_step), _BATCHES))
    tokens = sum(int((batch.ids != 0).sum()) for batch in made)
    began = time.perf_counter()
    for batch in made:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = answer_loss(model, batch)
        loss.backward()
    return tokens / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
