"""A base model in bf16 under adapters in fp32: the losses at the end are those of fp32, give or take a seed."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from packed_reference import Sweep, steps_of, trial
from training_bench import encoded, load

from tuner.evaluate.losses import losses
from tuner.train.packed.pack import Pack

pytestmark = pytest.mark.slow  # real training


def final_losses(base: Any, rows: list[Any]) -> list[float]:
    """Of three seeds side by side, on rows that they did not see."""
    swept = Sweep(Pack(base, 3))
    for seed in range(3):
        settings = trial(seed=seed, learning_rate=5e-3, lora_dropout=0.1, batch_size=4, epochs=10)
        swept.place(seed, settings, steps_of(rows[:14], settings, 40))
    swept.run()
    assert all(part.dtype == torch.float32 for pair in swept.pack.weights(0).values() for part in pair)
    found = []
    for seed in range(3):
        with swept.pack.alone(seed):
            found.append(losses(base.model, rows[14:], base.device, base.layout).loss)
    return found


def test_bf16_ends_within_the_spread_of_three_seeds_of_fp32(tmp_path: Path) -> None:
    base = load(tmp_path)
    rows = encoded(base, 20)
    rough = dataclasses.replace(base, model=copy.deepcopy(base.model).bfloat16())
    untouched = losses(base.model, rows[14:], base.device, base.layout).loss
    exact, found = final_losses(base, rows), final_losses(rough, rows)
    spread = max(exact) - min(exact)
    assert max(exact) < 0.8 * untouched, "they learn"
    assert exact != found
    assert min(exact) <= sum(found) / 3 <= max(exact)
    for one, other in zip(exact, found, strict=True):
        assert abs(one - other) <= spread
