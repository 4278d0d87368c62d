"""The slow, obvious way to train one trial: plain peft, padded batches, a plain loop. For tests of the pack only."""

from __future__ import annotations

import dataclasses
import random
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from training_bench import SETTINGS

from tuner.train.batches import epoch_steps
from tuner.train.optim import rate_factor, warmup_steps
from tuner.train.packed.pack import Micro, Pack
from tuner.train.settings import TrialSettings

Steps = list[list[list[Any]]]
"""For each step its micro-batches, each a list of encoded examples."""


def trial(**changes: Any) -> TrialSettings:
    return TrialSettings.from_mapping({**SETTINGS, "lora_dropout": 0.0, **changes})


def various(count: int, lengths: Sequence[int] = (128, 24, 40), highest: float = 5e-3,
            alpha: float = 8.0, warmups: Sequence[float] = (0.0, 0.1, 0.3), first_seed: int = 0,
            **changes: Any) -> list[TrialSettings]:
    """Trials that differ in every knob, of like step sizes."""
    draw = random.Random(7)
    return [trial(**{
        "learning_rate": highest * 10 ** draw.uniform(-1, 0), "batch_size": 1 + place % 3,
        "gradient_accumulation": 1 + place % 2, "lora_rank": (2, 4, 8, 3, 16, 5, 4, 12)[place % 8],
        "lora_alpha": draw.choice((1.0, 2.0, 4.0)) * alpha, "target_modules": ("all", "attention", "mlp")[place % 3],
        "weight_decay": draw.choice((0.0, 0.01, 0.3)), "warmup_ratio": draw.choice(warmups),
        "lr_schedule": ("cosine", "linear", "constant")[place % 3], "max_grad_norm": draw.choice((0.05, 1.0, 5.0)),
        "label_smoothing": draw.choice((0.0, 0.1)), "max_length": lengths[place % len(lengths)],
        "seed": first_seed + place, **changes}) for place in range(count)]


def cut(rows: Sequence[Any], longest: int) -> list[Any]:
    """The rows cut at their end, those without an answer left out."""
    shorter = [dataclasses.replace(row, ids=row.ids[:longest], learn=row.learn[:longest]) for row in rows]
    return [row for row in shorter if any(row.learn[1:])]


def steps_of(rows: Sequence[Any], settings: TrialSettings, count: int) -> Steps:
    """The first `count` steps over as many epochs as they take."""
    own, found, epoch = cut(rows, settings.max_length), [], 0
    while len(found) < count:
        chosen = epoch_steps(range(len(own)), settings.batch_size, settings.gradient_accumulation, epoch,
                             settings.seed)
        found += [[[own[place] for place in micro] for micro in step] for step in chosen]
        epoch += 1
    return found[:count]


def adapted_copy(base: Any, settings: TrialSettings) -> Any:
    """A model of its own with a new adapter of plain peft."""
    import copy

    from peft import LoraConfig, get_peft_model

    from tuner.train.targets import target_names

    model = copy.deepcopy(base.model)
    names = target_names(model, settings.target_modules)
    torch.manual_seed(settings.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = get_peft_model(model, LoraConfig(
            task_type="CAUSAL_LM", r=settings.lora_rank, lora_alpha=settings.lora_alpha,
            lora_dropout=settings.lora_dropout, target_modules=names,
            fan_in_fan_out=type(model.get_submodule(names[0])).__name__ == "Conv1D"))
    return made.to(torch.promote_types(base.model.dtype, torch.float32)).eval()


def exact(logits: torch.Tensor) -> torch.Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def padded_loss(model: Any, rows: Sequence[Any], smoothing: float) -> tuple[torch.Tensor, int]:
    """Sum over answer tokens, and their number: padded on the right, labels of -100."""
    width = max(len(row.ids) for row in rows)
    ids = torch.tensor([row.ids + [0] * (width - len(row.ids)) for row in rows])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows])
    labels = torch.tensor([[one if learn else -100 for one, learn in zip(row.ids, row.learn, strict=True)]
                           + [-100] * (width - len(row.ids)) for row in rows])
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(exact(logits[:, :-1].flatten(0, 1)), labels[:, 1:].flatten(),
                                             reduction="sum", ignore_index=-100, label_smoothing=smoothing)
    return loss, int((labels[:, 1:] != -100).sum())


def plain_run(base: Any, settings: TrialSettings, steps: Steps) -> tuple[list[float], dict[str, torch.Tensor]]:
    """The loss of each step, and the adapter after the last: peft, torch.optim.AdamW, the library's own schedule."""
    from transformers import get_scheduler

    model = adapted_copy(base, settings)
    parameters = [one for one in model.parameters() if one.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    names = {"constant": "constant_with_warmup"}
    schedule = get_scheduler(names.get(settings.lr_schedule, settings.lr_schedule), optimiser,
                             num_warmup_steps=warmup_steps(settings.warmup_ratio, len(steps)),
                             num_training_steps=len(steps))
    losses = []
    for step in steps:
        optimiser.zero_grad()
        parts = [padded_loss(model, micro, settings.label_smoothing) for micro in step]
        loss = sum(part for part, _ in parts) / sum(count for _, count in parts)  # type: ignore[attr-defined]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses, {name: one.detach().clone() for name, one in model.named_parameters() if one.requires_grad}


class Sweep:
    """Drives a pack: each turn one micro-batch of every trial that has one left."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.left: dict[int, tuple[TrialSettings, Steps, int, list[Any]]] = {}
        self.curves: dict[int, list[float]] = {}
        self.errors: dict[int, Exception] = {}

    def place(self, slot: int, settings: TrialSettings, steps: Steps) -> None:
        self.pack.place(slot, settings)
        self.left[slot] = (settings, list(steps), len(steps), [])
        self.curves[slot] = []

    def drop(self, slot: int) -> None:
        del self.left[slot]
        self.pack.clear(slot)

    def turn(self) -> None:
        work, whole = {}, {}
        for slot, (_, steps, _, done) in self.left.items():
            micro = steps[0][len(done)]
            answers = sum(sum(row.learn[1:]) for part in steps[0] for row in part)
            work[slot] = Micro(examples=micro, answers=answers)
        found = self.pack.gradients(work)
        for slot, share in found.items():
            if isinstance(share, Exception):
                self.errors[slot] = share
                self.drop(slot)
                continue
            _, steps, _, done = self.left[slot]
            done.append(share)
            if len(done) == len(steps[0]):
                whole[slot] = sum(done)
        self._advance(whole)

    def _advance(self, whole: Mapping[int, float]) -> None:
        norms, rates = self.pack.norms(list(whole)), {}
        for slot, loss in whole.items():
            settings, steps, count, done = self.left[slot]
            at = count - len(steps)
            self.curves[slot].append(loss)
            rates[slot] = settings.learning_rate * rate_factor(
                at, count, warmup_steps(settings.warmup_ratio, count), settings.lr_schedule)
            steps.pop(0)
            done.clear()
        finite = {slot: rate for slot, rate in rates.items()
                  if torch.isfinite(torch.tensor([norms[slot], self.curves[slot][-1]])).all()}
        self.pack.advance(finite, norms)
        for slot in rates:
            if slot not in finite:
                self.drop(slot)
            elif not self.left[slot][1]:
                del self.left[slot]

    def run(self, turns: int = 10_000) -> Sweep:
        for _ in range(turns):
            if not self.left:
                break
            self.turn()
        return self


def distance(pack: Pack, slot: int, adapter: Mapping[str, torch.Tensor]) -> float:
    """The largest difference between a slot's adapter and peft's parameters, all of which must be there."""
    worst, seen = 0.0, 0
    for name, (a, b) in pack.weights(slot).items():
        for kind, found in (("lora_A", a), ("lora_B", b)):
            [expected] = [part for key, part in adapter.items() if key.endswith(f".{name}.{kind}.default.weight")]
            assert expected.shape == found.shape
            worst, seen = max(worst, float((found - expected.detach()).abs().max())), seen + 1
    assert seen == len(adapter)
    return worst
