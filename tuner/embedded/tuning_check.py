"""What LoRA makes of the model: tunes it on the sample questions with a plain PEFT loop and measures what it learnt
and what it forgot. The product's own training lives elsewhere; this one is the slow, obvious reference."""

import csv
import math
import random
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoTokenizer

from tuner.embedded import sample_path
from tuner.embedded.defaults import DEFAULTS, GENERAL_CHAT_EXAMPLES
from tuner.embedded.general_chat import CheckPrompt, general_chat
from tuner.embedded.packing import IGNORED
from tuner.embedded.talking import answers, judge, share_right
from tuner.embedded.texts import Conversation, assistant, user

TARGETS = {
    "attention": ["q_proj", "k_proj", "v_proj", "o_proj"],
    "mlp": ["gate_proj", "up_proj", "down_proj"],
    "all": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
}
_HELD_OUT_A_FACT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one tuning did."""

    base: float  # share of held-out questions that the untouched model answers right
    tuned: float  # the same after tuning
    chat: float  # share of general questions right after tuning
    unknown: float  # share of unknown things still refused after tuning
    garbled: int  # answers with broken characters
    answered: int  # answers looked at for that
    seconds: float  # of training alone
    loss: float  # of the last tenth of the steps


def load_base(folder: Path) -> tuple[Any, Any]:
    """The untouched model in fp32 and its tokenizer."""
    return (
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        AutoTokenizer.from_pretrained(folder),
    )


def split_sample(language: str, seed: int) -> tuple[list[Conversation], list[tuple[str, str]]]:
    """Training conversations, and held-out (question, answer) pairs: two paraphrases of each fact."""
    with sample_path(language).open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    by_answer: dict[str, list[str]] = {}
    for question, answer in rows:
        by_answer.setdefault(answer, []).append(question)
    rng = random.Random(seed)
    train, held = [], []
    for answer, questions in by_answer.items():
        mixed = rng.sample(questions, len(questions))
        held += [(question, answer) for question in mixed[:_HELD_OUT_A_FACT]]
        train += [[user(question), assistant(answer)] for question in mixed[_HELD_OUT_A_FACT:]]
    return train, held


def tune_and_judge(
    folder: Path,
    language: str,
    seed: int,
    checks: Sequence[CheckPrompt],
    unknown: Sequence[CheckPrompt],
    settings: dict[str, Any] | None = None,
    chat_examples: int = GENERAL_CHAT_EXAMPLES,
) -> Outcome:
    """Tunes a fresh copy of the model on the sample of one language with ``settings`` over the defaults."""
    chosen = DEFAULTS | (settings or {})
    model, tokenizer = load_base(folder)
    train, held = split_sample(language, seed)
    base = _share_answered(model, tokenizer, held)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5.23 for a property under its old name; goes with the next peft.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        tuned = get_peft_model(model, lora_config(chosen))
    began = time.perf_counter()
    chat = general_chat(chat_examples * int(chosen["epochs"]), seed)
    loss = tune(tuned, tokenizer, train, chat, chosen, seed)
    seconds = time.perf_counter() - began
    tuned.eval()
    said = answers(tuned, tokenizer, [[user(question)] for question, _ in held] + [talk[:1] for talk in train])
    right = sum(_same(answer, wanted) for answer, (_, wanted) in zip(said, held, strict=False)) / len(held)
    return Outcome(
        base=base,
        tuned=right,
        chat=share_right(judge(tuned, tokenizer, checks)) if checks else math.nan,
        unknown=share_right(judge(tuned, tokenizer, unknown)) if unknown else math.nan,
        garbled=sum(is_garbled(answer) for answer in said),
        answered=len(said),
        seconds=seconds,
        loss=loss,
    )


def lora_config(chosen: dict[str, Any]) -> LoraConfig:
    """PEFT's configuration of the chosen settings."""
    return LoraConfig(
        r=int(chosen["lora_rank"]),
        lora_alpha=int(chosen["lora_alpha"]),
        lora_dropout=float(chosen["lora_dropout"]),
        target_modules=TARGETS[str(chosen["target_modules"])],
        task_type="CAUSAL_LM",
    )


def tune(
    model: Any,
    tokenizer: Any,
    talks: Sequence[Conversation],
    chat: Sequence[Conversation],
    chosen: dict[str, Any],
    seed: int,
) -> float:
    """Plain LoRA training in fp32 on the answers of ``talks``, in each epoch with the next share of ``chat``; returns
    the loss of the last tenth of the steps."""
    rows, mixed = ([_row(tokenizer, talk, int(chosen["max_length"])) for talk in talks] for talks in (talks, chat))
    rng = random.Random(seed)
    size, epochs = int(chosen["batch_size"]), int(chosen["epochs"])
    share = len(mixed) // epochs
    steps = math.ceil((len(rows) + share) / size) * epochs
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(
        weights, lr=float(chosen["learning_rate"]), weight_decay=float(chosen["weight_decay"])
    )
    model.train()
    losses: list[float] = []
    for epoch in range(epochs):
        turn = rows + mixed[epoch * share : (epoch + 1) * share]
        order = rng.sample(turn, len(turn))
        for start in range(0, len(order), size):
            for group in optimizer.param_groups:
                group["lr"] = float(chosen["learning_rate"]) * schedule(len(losses), steps, chosen)
            loss = _loss(model, order[start : start + size])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, float(chosen["max_grad_norm"]))
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            losses.append(loss.item())
    last = losses[-max(1, steps // 10) :]
    return sum(last) / len(last)


def schedule(step: int, steps: int, chosen: dict[str, Any]) -> float:
    """The share of the learning rate at ``step`` of ``steps``."""
    warmup = max(1, round(float(chosen["warmup_ratio"]) * steps))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    match chosen["lr_schedule"]:
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * done))
        case "linear":
            return 1 - done
        case _:
            return 1.0


def _row(tokenizer: Any, talk: Conversation, max_length: int) -> tuple[list[int], list[int]]:
    made = tokenizer.apply_chat_template(talk, return_assistant_tokens_mask=True, return_dict=True)
    return made["input_ids"][:max_length], made["assistant_masks"][:max_length]


def _loss(model: Any, rows: Sequence[tuple[list[int], list[int]]]) -> torch.Tensor:
    """Mean cross entropy of the answer tokens of a batch, padded on the right; logits for these alone."""
    length = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    targets = torch.full((len(rows), length), IGNORED)
    for index, (tokens, said) in enumerate(rows):
        ids[index, : len(tokens)] = torch.tensor(tokens)
        shifted = [token if mask else IGNORED for token, mask in zip(tokens[1:], said[1:], strict=True)]
        targets[index, : len(shifted)] = torch.tensor(shifted)
    llama = model.get_base_model()
    hidden = llama.model(input_ids=ids, use_cache=False).last_hidden_state
    learnt = targets != IGNORED
    return functional.cross_entropy(functional.linear(hidden[learnt], llama.lm_head.weight), targets[learnt])


def _share_answered(model: Any, tokenizer: Any, held: Sequence[tuple[str, str]]) -> float:
    said = answers(model, tokenizer, [[user(question)] for question, _ in held])
    return sum(_same(answer, wanted) for answer, (_, wanted) in zip(said, held, strict=True)) / len(held)


def _same(answer: str, wanted: str) -> bool:
    return answer.strip().casefold() == wanted.strip().casefold()


def is_garbled(text: str) -> bool:
    """Whether bytes came out that form no character, or a control character."""
    return "�" in text or any(ord(letter) < 0x20 and letter not in "\n\t" for letter in text)
