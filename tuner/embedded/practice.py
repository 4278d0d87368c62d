"""Practises being tuned: every now and then LoRA tunes the model on the questions of a made-up service, and the weights
learn from the loss that the *tuned* network has: on further phrasings of what it was tuned on, and on general chat.

So tuning later finds facts behind new phrasings and breaks little else. This is first-order MAML (Finn, Abbeel and
Levine 2017, section 5.2) with LoRA as the inner loop: the gradient at the tuned weights moves the untouched ones.
"""

import math
import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

from tuner.embedded.defaults import DEFAULTS
from tuner.embedded.faq import faq
from tuner.embedded.general_chat import general_chat
from tuner.embedded.losses import answer_loss
from tuner.embedded.packing import ROW, Batch, Encoder, Row, pack

_EPOCHS = (3, 5)
_BATCH_SIZES = (4, 8)
_LEARNING_RATES = (1.5e-4, 5e-4)
_HELD_SHARE = 0.25  # of the loss at the tuned weights, on phrasings kept back
_HELD_ROWS = 16
_POOL = 6  # tunings at hand

Delta = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """One tuning: what it added to the weights, and the phrasings that it did not see."""

    number: int
    delta: Delta
    held: list[Row]


class Practice:
    """The tunings at hand. Each is replaced by a newer one after a while, for it fits the weights it was made of."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._pool: list[Tuned] = []

    def tune(self, model: LlamaForCausalLM, number: int) -> None:
        """Makes tuning ``number`` of the model as it stands; the model itself stays as it is."""
        seen, held = faq(number)
        rng = random.Random(f"practice {number}")
        epochs = rng.randint(*_EPOCHS)
        rows = self._encoder.rows(seen)
        chat = self._encoder.rows(general_chat(len(seen) * epochs, number))
        low, high = map(math.log, _LEARNING_RATES)
        delta = tuned_by(model, rows, chat, epochs, math.exp(rng.uniform(low, high)), rng)
        self._pool = [*self._pool[-(_POOL - 1) :], Tuned(number=number, delta=delta, held=self._encoder.rows(held))]

    def loss(self, model: LlamaForCausalLM, kept: Batch, step: int) -> torch.Tensor:
        """The loss at the weights of one of the tunings, to be differentiated while ``at`` holds them."""
        rng = random.Random(f"practice step {step}")
        tuned = self.at(step)
        held = pack(rng.sample(tuned.held, min(_HELD_ROWS, len(tuned.held))), ROW)
        return _HELD_SHARE * answer_loss(model, held) + (1 - _HELD_SHARE) * answer_loss(model, kept)

    def at(self, step: int) -> Tuned:
        """The tuning whose turn ``step`` is."""
        return self._pool[random.Random(f"practice turn {step}").randrange(len(self._pool))]

    def state(self) -> list[dict[str, object]]:
        """What a checkpoint keeps."""
        return [{"number": tuned.number, "delta": tuned.delta} for tuned in self._pool]

    def restore(self, state: Sequence[dict[str, object]]) -> None:
        """Takes up what ``state`` gave."""
        self._pool = [
            Tuned(number=number, delta=delta, held=self._encoder.rows(faq(number)[1]))  # type: ignore[arg-type]
            for number, delta in ((kept["number"], kept["delta"]) for kept in state)
        ]


def tuned_by(
    model: LlamaForCausalLM, rows: Sequence[Row], chat: Sequence[Row], epochs: int, rate: float, rng: random.Random
) -> Delta:
    """What LoRA with the defaults adds to the weights in ``epochs`` over ``rows``, each time with its share of
    ``chat``. By the name of the weight, each of the weight's shape."""
    with warnings.catch_warnings():
        # peft 0.21 asks transformers 5.23 for a property under its old name; goes with the next peft.
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        wrapped = get_peft_model(model, _lora())
    weights = [weight for weight in wrapped.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0)
    size, share = rng.choice(_BATCH_SIZES), len(chat) // epochs
    steps = math.ceil((len(rows) + share) / size) * epochs
    step = 0
    for epoch in range(epochs):
        mixed = [*rows, *chat[epoch * share : (epoch + 1) * share]]
        rng.shuffle(mixed)
        for start in range(0, len(mixed), size):
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1.0, 10 * (step + 1) / steps) * 0.5 * (1 + math.cos(math.pi * step / steps))
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = answer_loss(model, pack(mixed[start : start + size], ROW))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, float(DEFAULTS["max_grad_norm"]))
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            step += 1
    delta = {
        name.removeprefix("base_model.model.") + ".weight": module.get_delta_weight("default").detach()
        for name, module in wrapped.named_modules()
        if hasattr(module, "get_delta_weight")
    }
    wrapped.unload()
    for weight in model.parameters():
        weight.requires_grad_(True)
    return delta


def _lora() -> LoraConfig:
    return LoraConfig(
        r=int(DEFAULTS["lora_rank"]),
        lora_alpha=int(DEFAULTS["lora_alpha"]),
        target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        task_type="CAUSAL_LM",
    )


@contextmanager
def added(model: LlamaForCausalLM, delta: Delta) -> Iterator[None]:
    """Adds ``delta`` to the weights; afterwards they are bit for bit what they were."""
    weights = dict(model.named_parameters())
    before = {name: weights[name].detach().clone() for name in delta}
    with torch.no_grad():
        for name, change in delta.items():
            weights[name].add_(change)
    try:
        yield
    finally:
        with torch.no_grad():
            for name, kept in before.items():
                weights[name].copy_(kept)
