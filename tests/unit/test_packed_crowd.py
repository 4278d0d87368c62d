"""Trials that come and go at random in eight slots, some broken: each is the trial that it is alone."""

from __future__ import annotations

import dataclasses
import functools
import random
from typing import Any

import pytest
import torch
from packed_reference import Steps, Sweep, steps_of, trial
from training_bench import encoded, load

from tuner.train.packed.pack import Pack

pytestmark = pytest.mark.slow  # real training of many small models

SLOTS = 8
Weights = list[torch.Tensor]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def rows(base: Any) -> list[Any]:
    return encoded(base, 20)


def drawn(draw: random.Random, number: int) -> Any:
    """Settings of any kind, of like step sizes."""
    return trial(
        learning_rate=10 ** draw.uniform(-4, -2.3), batch_size=draw.randint(1, 6), epochs=draw.randint(1, 4),
        gradient_accumulation=draw.randint(1, 3), lora_rank=draw.choice((1, 2, 3, 5, 8, 16, 24)),
        lora_alpha=draw.uniform(2, 32), lora_dropout=draw.choice((0.0, 0.05, 0.3, 0.5)),
        target_modules=draw.choice(("all", "attention", "mlp")), weight_decay=draw.choice((0.0, 0.01, 0.5)),
        warmup_ratio=draw.choice((0.0, 0.1, 0.5)), lr_schedule=draw.choice(("cosine", "linear", "constant")),
        max_grad_norm=draw.choice((0.02, 0.5, 5.0)), label_smoothing=draw.choice((0.0, 0.05, 0.2)),
        max_length=draw.choice((24, 33, 40, 128)), seed=number)


class Crowd:
    """A pack of eight in which at each turn anything may happen to anybody."""

    def __init__(self, base: Any, rows: list[Any], seed: int) -> None:
        self.rows, self.draw = rows, random.Random(seed)
        self.swept = Sweep(Pack(base, SLOTS, rank=2))
        self.plans: dict[int, tuple[Any, Steps]] = {}
        self.numbers: dict[int, int] = {}
        self.curves: dict[int, list[float]] = {}
        self.finished: dict[int, Weights] = {}
        self.happened: list[str] = []

    def run(self, trials: int) -> None:
        for number in range(trials):
            settings = drawn(self.draw, number)
            self.plans[number] = settings, steps_of(self.rows, settings, self.draw.randint(2, 7))
        waiting = list(self.plans)
        while waiting or self.swept.left:
            for slot in range(SLOTS):
                if waiting and slot not in self.swept.left and self.draw.random() < 0.5:
                    self.numbers[slot] = waiting.pop(0)
                    self.swept.place(slot, *self.plans[self.numbers[slot]])
                    self.curves[self.numbers[slot]] = self.swept.curves[slot]
            for slot in list(self.swept.left):
                self.befall(slot)
            before = list(self.swept.left)
            self.swept.turn()
            for slot in before:
                if slot not in self.swept.left and slot in self.swept.pack._held:
                    self.finished[self.numbers[slot]] = [part for pair in self.swept.pack.weights(slot).values()
                                                         for part in pair]

    def befall(self, slot: int) -> None:
        what = self.draw.random()
        if what < 0.02:
            self.swept.drop(slot)
            self.happened.append("pruned")
        elif what < 0.035:
            self.swept.pack._stack.values[slot] = self.draw.choice((float("nan"), float("inf"), 1e38))
            self.happened.append("spoiled")
        elif what < 0.05:
            steps = self.swept.left[slot][1]
            broken = dataclasses.replace(self.rows[0], ids=[*self.rows[0].ids[:-1], 10_000])
            steps[0] = [[broken] for _ in steps[0]]
            self.happened.append("broke")


@pytest.mark.parametrize("seed", [0, 3])
def test_in_any_crowd_a_trial_is_what_it_is_alone(base: Any, rows: list[Any], seed: int,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(base, rows, seed)
    forward, draw = base.model.forward, random.Random(seed)

    @functools.wraps(forward)  # a pack looks at its arguments
    def short_of_memory(*args: Any, **named: Any) -> Any:
        if named["input_ids"].numel() > 200 and draw.random() < 0.3:
            crowd.happened.append("squeezed")
            raise torch.OutOfMemoryError("too much at once")
        return forward(*args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(base.model, "forward", short_of_memory)
        crowd.run(trials=14)
    assert {"pruned", "spoiled", "broke", "squeezed"} <= set(crowd.happened)
    assert len(crowd.finished) >= 5
    alone = Sweep(Pack(base, 1))
    for number, (settings, steps) in crowd.plans.items():
        alone.place(0, settings, steps)
        alone.run()
        known = crowd.curves[number]
        sound = known if number in crowd.finished else known[:-1]  # the last loss may be the one that was spoiled
        assert sound == pytest.approx(alone.curves[0][: len(sound)], abs=1e-5), f"trial {number}"
        if number in crowd.finished:
            assert len(known) == len(steps)
            own = [part for pair in alone.pack.weights(0).values() for part in pair]
            for left, right in zip(crowd.finished[number], own, strict=True):
                torch.testing.assert_close(left, right, rtol=0, atol=1e-4)
    assert all(part.isfinite().all() for part in base.model.state_dict().values())
