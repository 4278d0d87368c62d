"""Pretrains the embedded model on the generator's conversations: answers only, packed into rows with hardly any
padding, bf16 products with fp32 weights, Muon for the inner matrices. Resumes from its checkpoint after a kill."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tuner.embedded.corpus import BY_HEART, KINDS, REHEARSED, TRAVELLED, WIDENED, Kinds, conversations
from tuner.embedded.make_tokenizer import ASSISTANT, END, MAX_POSITIONS, SYSTEM, USER
from tuner.embedded.texts import Conversation

IGNORED = -100
_POOL = 2_000  # conversations encoded at a time
_ROW = 128  # tokens of a packed row
_CONTRACTIONS = (
    "dog's", "it's", "that's", "Anna's", "bike's", "what's", "let's", "he's", "she's", "shop's", "where's", "town's",
)  # fmt: skip
_LONGEST = 384  # tokens of a row of long conversations; a longer one is left out


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides the weights, apart from numerics."""

    seed: int = 20
    steps: int = 9_400
    first_stage_steps: int = 2_908  # on the broad mixture
    second_stage_steps: int = 1_605  # on what is to be known by heart
    rehearsal_steps: int = 1_500  # on the made-up town; before them, on further phrasings
    contractions_step: int = 7_270  # from here on the copying tasks hold more contractions
    rehearsal_rate: float = 0.3  # share of the learning rate at which the rehearsal begins
    travel_steps: int = 1_600  # after the rehearsal, on several towns
    travel_rate: float = 0.35  # share of the learning rate at which that begins
    tokens_per_step: int = 2_304
    learning_rate: float = 3e-3  # of AdamW, for embedding and norms
    matrix_rate: float = 0.02  # of Muon, for the inner matrices
    warmup_steps: int = 100
    decay_share: float = 0.8  # of the steps before the rehearsal, at their end, falling to zero
    weight_decay: float = 0.02

    def scaled(self, steps: int) -> "Recipe":
        """The same recipe in ``steps`` steps, each stage with its share."""
        share = steps / self.steps
        return replace(
            self,
            steps=steps,
            first_stage_steps=round(self.first_stage_steps * share),
            second_stage_steps=round(self.second_stage_steps * share),
            rehearsal_steps=round(self.rehearsal_steps * share),
            travel_steps=round(self.travel_steps * share),
            contractions_step=round(self.contractions_step * share),
        )

    @property
    def before_rehearsal(self) -> int:
        """The steps of the first three stages."""
        return self.before_travel - self.rehearsal_steps

    @property
    def before_travel(self) -> int:
        """The steps of the first four stages."""
        return self.steps - self.travel_steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One conversation in tokens; the mask marks what the model has to say."""

    ids: list[int]
    said: list[bool]


def fp32_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Masked attention in fp32: on a CPU its bf16 backward is several times slower.

    query, key, value: (rows, heads, length, width); the answer: (rows, length, heads, width).
    """
    with torch.autocast("cpu", enabled=False):
        mixed = functional.scaled_dot_product_attention(
            query.float(), key.float(), value.float(), attn_mask=mask, scale=scaling
        )
    return mixed.transpose(1, 2), None


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


class Encoder:
    """Turns conversations into rows just as the chat template does, without its cost."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self._tokenizer = tokenizer
        ids = tokenizer.convert_tokens_to_ids([END, SYSTEM, USER, ASSISTANT])
        self._end, self._roles = ids[0], dict(zip(("system", "user", "assistant"), ids[1:], strict=True))

    def rows(self, talks: Sequence[Conversation]) -> list[Row]:
        """One row a conversation, in order."""
        contents = [message["content"] for talk in talks for message in talk]
        encoded = iter(self._tokenizer(contents, add_special_tokens=False, return_attention_mask=False)["input_ids"])
        return [self._row(talk, encoded) for talk in talks]

    def _row(self, talk: Conversation, encoded: Iterator[list[int]]) -> Row:
        ids: list[int] = []
        said: list[bool] = []
        for message in talk:
            content = next(encoded)
            ids += [self._roles[message["role"]], *content, self._end]
            said += [False] + [message["role"] == "assistant"] * (len(content) + 1)
        return Row(ids=ids, said=said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Several conversations in each row, none of which sees another."""

    ids: torch.Tensor  # (rows, length) int64
    targets: torch.Tensor  # (rows, length) int64, IGNORED where nothing is learnt
    mask: torch.Tensor  # (rows, 1, length, length) bool, true where a token may look


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
        batches(encoder, recipe.seed + 5, more_spellings, size, TRAVELLED),
    )


def batches(
    encoder: Encoder, seed: int, spellings: Sequence[str], tokens: int, kinds: Kinds = KINDS
) -> Iterator[Batch]:
    """Endless batches of about ``tokens`` tokens: conversations in the order of the corpus, so that each batch holds
    all kinds; the long ones wait until they fill a batch of their own."""
    source = conversations(seed, spellings, kinds)
    short: list[Row] = []
    long: list[Row] = []
    while True:
        for row in encoder.rows(list(islice(source, _POOL))):
            if len(row.ids) > _LONGEST:
                continue
            waiting, length = (short, _ROW) if len(row.ids) <= _ROW else (long, _LONGEST)
            waiting.append(row)
            if sum(len(one.ids) for one in waiting) >= tokens:
                yield pack(waiting, length)
                waiting.clear()


def pack(rows: Sequence[Row], length: int) -> Batch:
    """Lays the rows side by side into as few rows of ``length`` as first fit, longest first, finds."""
    laid: list[list[Row]] = []
    for row in sorted(rows, key=lambda row: -len(row.ids)):
        fits = (one for one in laid if sum(len(each.ids) for each in one) + len(row.ids) <= length)
        place = next(fits, None)
        if place is None:
            laid.append([row])
        else:
            place.append(row)
    ids = torch.zeros(len(laid), length, dtype=torch.long)
    targets = torch.full((len(laid), length), IGNORED, dtype=torch.long)
    owner = torch.zeros(len(laid), length, dtype=torch.long)
    for index, together in enumerate(laid):
        start = 0
        for number, row in enumerate(together, 1):
            end = start + len(row.ids)
            ids[index, start:end] = torch.tensor(row.ids)
            owner[index, start:end] = number
            shifted = [token if said else IGNORED for token, said in zip(row.ids[1:], row.said[1:], strict=True)]
            targets[index, start : end - 1] = torch.tensor(shifted)
            start = end
    same = owner[:, :, None] == owner[:, None, :]
    return Batch(ids=ids, targets=targets, mask=(same & torch.ones(length, length, dtype=torch.bool).tril())[:, None])


def answer_loss(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Mean cross entropy of the answer tokens; logits are made for these alone."""
    hidden = model.model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).last_hidden_state
    learnt = batch.targets != IGNORED
    logits = functional.linear(hidden[learnt], model.lm_head.weight)
    return functional.cross_entropy(logits.float(), batch.targets[learnt])


def factor(step: int, recipe: Recipe) -> float:
    """The share of the learning rate at ``step``: up, flat, down to zero; then twice more for the rehearsals."""
    warm = min(1.0, (step + 1) / recipe.warmup_steps)
    if step < recipe.before_rehearsal:
        left = (recipe.before_rehearsal - step) / (recipe.decay_share * recipe.before_rehearsal)
        return warm * min(1.0, left)
    start, steps, rate = recipe.before_rehearsal, recipe.rehearsal_steps, recipe.rehearsal_rate
    if step >= recipe.before_travel:
        start, steps, rate = recipe.before_travel, recipe.travel_steps, recipe.travel_rate
    warm = min(1.0, (step - start + 1) / recipe.warmup_steps)
    return warm * rate * (start + steps - step) / steps


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
    start = _restore(folder, recipe, model, optimizers)
    made = islice(stream(Encoder(tokenizer), spellings, recipe), start, None)
    saved = began = time.monotonic()
    seen = 0
    for step in range(start, recipe.steps):
        batch = next(made)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = answer_loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor(step, recipe)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seen += int((batch.ids != 0).sum())
        if step % 20 == 0:
            _log(folder, step=step, loss=round(loss.item(), 4), tokens_s=round(seen / (time.monotonic() - began)))
        if time.monotonic() - saved > save_every_s:
            _save(folder, recipe, step + 1, model, optimizers)
            saved = time.monotonic()
    _save(folder, recipe, recipe.steps, model, optimizers)
    return model


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
    folder: Path, recipe: Recipe, step: int, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]
) -> None:
    state = {
        "recipe": asdict(recipe),
        "step": step,
        "model": model.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    torch.save(state, folder / "checkpoint.tmp")
    (folder / "checkpoint.tmp").replace(folder / "checkpoint.pt")


def _restore(folder: Path, recipe: Recipe, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]) -> int:
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    state: dict[str, Any] = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise ValueError(f"a checkpoint continues only with its own recipe, got {recipe} for {state['recipe']}")
    model.load_state_dict(state["model"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    return int(state["step"])


def _log(folder: Path, **facts: float) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(facts) + "\n")
