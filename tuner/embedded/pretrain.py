"""Pretrains the embedded model on the generator's conversations: answers only, packed into rows with hardly any
padding, bf16 products with fp32 weights, Muon for the inner matrices. Resumes from its checkpoint after a kill."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tuner.embedded.corpus import BY_HEART, KEPT, PRACTISED, REHEARSED, TRAVELLED, WIDENED
from tuner.embedded.losses import answer_loss, fp32_attention
from tuner.embedded.make_tokenizer import MAX_POSITIONS
from tuner.embedded.packing import IGNORED, Batch, Encoder, batches
from tuner.embedded.practice import Practice, added
from tuner.embedded.recipe import Recipe, factor

_CONTRACTIONS = (
    "dog's", "it's", "that's", "Anna's", "bike's", "what's", "let's", "he's", "she's", "shop's", "where's", "town's",
)  # fmt: skip
_BASE_EVERY = 3  # one step in so many of the practice is on the untouched weights


def new_model(vocabulary: int) -> LlamaForCausalLM:
    """The untrained network, always the same shape."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=5,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=MAX_POSITIONS,
            tie_word_embeddings=True,
            rms_norm_eps=1e-5,
            initializer_range=0.02,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=1,
        )
    )


def stream(encoder: Encoder, spellings: Sequence[str], recipe: Recipe) -> Iterator[Batch]:
    """The batches of the whole recipe: one stage after the other."""
    size = recipe.tokens_per_step
    first = batches(encoder, recipe.seed, spellings, size)
    second = batches(encoder, recipe.seed + 1, spellings, size, BY_HEART)
    third = batches(encoder, recipe.seed + 2, spellings, size, WIDENED)
    last = batches(encoder, recipe.seed + 3, spellings, size, REHEARSED)
    more_spellings = [*spellings, *_CONTRACTIONS]
    fifth = batches(encoder, recipe.seed + 4, more_spellings, size, REHEARSED)
    third_steps = recipe.before_rehearsal - recipe.first_stage_steps - recipe.second_stage_steps
    return chain(
        islice(first, recipe.first_stage_steps),
        islice(second, recipe.second_stage_steps),
        islice(third, max(0, third_steps)),
        islice(last, max(0, recipe.contractions_step - recipe.before_rehearsal)),
        islice(fifth, max(0, recipe.before_travel - recipe.contractions_step)),
        islice(batches(encoder, recipe.seed + 5, more_spellings, size, TRAVELLED), recipe.travel_steps),
        _alternating(
            batches(encoder, recipe.seed + 6, more_spellings, size, PRACTISED),
            batches(encoder, recipe.seed + 7, (), size, KEPT),
        ),
    )


def _alternating(base: Iterator[Batch], kept: Iterator[Batch]) -> Iterator[Batch]:
    while True:
        for turn in range(_BASE_EVERY):
            yield next(kept if turn else base)


def pretrain(
    tokenizer: PreTrainedTokenizerFast, spellings: Sequence[str], recipe: Recipe, folder: Path, *, save_every_s: float
) -> LlamaForCausalLM:
    """Trains from the checkpoint in ``folder`` or from nothing, and returns the model. Each finished step is logged
    to ``folder/log.jsonl``."""
    torch.manual_seed(recipe.seed)
    model = new_model(len(tokenizer))
    AttentionInterface.register("fp32", fp32_attention)
    model.config._attn_implementation = "fp32"
    optimizers = _optimizers(model, recipe)
    encoder = Encoder(tokenizer)
    practice = Practice(encoder)
    start = _restore(folder, recipe, model, optimizers, practice)
    made = islice(stream(encoder, spellings, recipe), start, None)
    saved = began = time.monotonic()
    seen = 0
    for step in range(start, recipe.steps):
        batch = next(made)
        since = step - recipe.before_practice
        if since >= 0 and since % recipe.practice_every == 0:
            practice.tune(model, since // recipe.practice_every)
        loss = _backward(model, batch, practice if since >= 0 and since % _BASE_EVERY else None, step)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor(step, recipe)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seen += int((batch.ids != 0).sum())
        if step % 20 == 0:
            _log(folder, step=step, loss=round(loss, 4), tokens_s=round(seen / (time.monotonic() - began)))
        if time.monotonic() - saved > save_every_s:
            _save(folder, recipe, step + 1, model, optimizers, practice)
            saved = time.monotonic()
    _save(folder, recipe, recipe.steps, model, optimizers, practice)
    return model


def _backward(model: LlamaForCausalLM, batch: Batch, practice: Practice | None, step: int) -> float:
    """Leaves the gradients of the loss in the weights: at these, or, in practice, at what a tuning made of them."""
    with added(model, practice.at(step).delta) if practice else nullcontext():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = practice.loss(model, batch, step) if practice else answer_loss(model, batch)
        loss.backward()
    return loss.item()


def count_targets(tokenizer: PreTrainedTokenizerFast, spellings: Sequence[str], recipe: Recipe) -> list[int]:
    """How often each token, by its number, is a target in the whole pretraining of ``recipe``."""
    counts = torch.zeros(len(tokenizer), dtype=torch.long)
    for batch in islice(stream(Encoder(tokenizer), spellings, recipe), recipe.steps):
        counts += torch.bincount(batch.targets[batch.targets != IGNORED], minlength=len(counts))
    found: list[int] = counts.tolist()
    return found


def _optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    inner = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "layers" in name]
    chosen = {id(weight) for weight in inner}
    outer = [weight for weight in model.parameters() if id(weight) not in chosen]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(inner, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay, momentum=0.95, ns_steps=5),
        torch.optim.AdamW(outer, lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    ]
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers


def _save(
    folder: Path,
    recipe: Recipe,
    step: int,
    model: LlamaForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    practice: Practice,
) -> None:
    state = {
        "recipe": asdict(recipe),
        "step": step,
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "practice": practice.state(),
    }
    torch.save(state, folder / "checkpoint.tmp")
    (folder / "checkpoint.tmp").replace(folder / "checkpoint.pt")


def _restore(
    folder: Path,
    recipe: Recipe,
    model: LlamaForCausalLM,
    optimizers: list[torch.optim.Optimizer],
    practice: Practice,
) -> int:
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise ValueError(f"a checkpoint continues only with its own recipe, got {recipe} for {state['recipe']}")
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    practice.restore(state["practice"])
    return int(state["step"])


def _log(folder: Path, **facts: float) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(facts) + "\n")
