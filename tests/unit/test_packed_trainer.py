"""A pack's curves against those of Hugging Face's Trainer, for what the Trainer can express."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from packed_reference import Steps, Sweep, adapted_copy, distance, trial
from training_bench import encoded, load

from tuner.train.optim import warmup_steps
from tuner.train.packed.pack import Pack

pytestmark = pytest.mark.slow  # real training

TRIALS = (
    trial(batch_size=4, seed=1, learning_rate=3e-3, warmup_ratio=0.0, weight_decay=0.1, epochs=10),
    trial(batch_size=4, seed=4, learning_rate=3e-3, label_smoothing=0.1, lora_alpha=4.0, target_modules="mlp"),
    trial(batch_size=2, gradient_accumulation=2, seed=2, lr_schedule="linear", lora_rank=7, max_grad_norm=0.1),
    trial(batch_size=8, seed=3, lr_schedule="constant", warmup_ratio=0.5, target_modules="attention", epochs=3),
)


def in_order(rows: list[Any], settings: Any) -> Steps:
    """Every epoch the same order, all batches full."""
    micro = [rows[start : start + settings.batch_size] for start in range(0, len(rows), settings.batch_size)]
    size = settings.gradient_accumulation
    return [micro[start : start + size] for start in range(0, len(micro), size)] * settings.epochs


def collate(rows: list[Any]) -> dict[str, torch.Tensor]:
    width = max(len(row["input_ids"]) for row in rows)
    filling = {"input_ids": 0, "attention_mask": 0, "labels": -100}
    return {name: torch.tensor([row[name] + [fill] * (width - len(row[name])) for row in rows])
            for name, fill in filling.items()}


def trainers(model: Any, rows: list[Any], settings: Any, steps: int, folder: Path) -> list[float]:
    """The loss of each step as the Trainer logs it: to four digits."""
    from transformers import Trainer, TrainingArguments

    names = {"constant": "constant_with_warmup"}
    data = [{"input_ids": row.ids, "attention_mask": [1] * len(row.ids),
             "labels": [one if learn else -100 for one, learn in zip(row.ids, row.learn, strict=True)]} for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = Trainer(model=model, train_dataset=data, data_collator=collate, args=TrainingArguments(  # type: ignore[arg-type]
            output_dir=str(folder), per_device_train_batch_size=settings.batch_size, num_train_epochs=settings.epochs,
            gradient_accumulation_steps=settings.gradient_accumulation, learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay, label_smoothing_factor=settings.label_smoothing,
            max_grad_norm=settings.max_grad_norm, seed=settings.seed,
            lr_scheduler_type=names.get(settings.lr_schedule, settings.lr_schedule), use_cpu=True,
            warmup_steps=warmup_steps(settings.warmup_ratio, steps), train_sampling_strategy="sequential",
            logging_steps=1, report_to=[], save_strategy="no", disable_tqdm=True))
        trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def test_the_curves_are_those_of_hugging_faces_trainer(tmp_path: Path) -> None:
    base = load(tmp_path)
    rows = encoded(base, 16)
    swept = Sweep(Pack(base, len(TRIALS)))
    for slot, settings in enumerate(TRIALS):
        swept.place(slot, settings, in_order(rows, settings))
    swept.run()
    assert len(swept.curves[0]) == 40
    for slot, settings in enumerate(TRIALS):
        model = adapted_copy(base, settings)
        curve = trainers(model, rows, settings, len(swept.curves[slot]), tmp_path / f"trainer-{slot}")
        assert swept.curves[slot] == pytest.approx(curve, abs=1.5e-4)
        assert curve[-1] < curve[0] - 0.01
        adapter = {name: part for name, part in model.named_parameters() if part.requires_grad}
        assert distance(swept.pack, slot, adapter) < 1e-3
