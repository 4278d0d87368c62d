"""Benches with tiny random models for the training tests. For tests only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tiny_models import save_model

from tuner.data.examples import Example, Message

SETTINGS: dict[str, Any] = {
    "learning_rate": 1e-2, "epochs": 2, "batch_size": 4, "gradient_accumulation": 1, "lora_rank": 4,
    "lora_alpha": 16.0, "lora_dropout": 0.1, "target_modules": "all", "weight_decay": 0.01, "warmup_ratio": 0.1,
    "lr_schedule": "cosine", "max_grad_norm": 1.0, "label_smoothing": 0.0, "max_length": 128, "seed": 0,
}
WORDS = ("lamp", "bicycle", "umbrella", "key", "coat", "camera", "violin", "map", "rope", "kettle")


def examples(count: int = 20) -> tuple[Example, ...]:
    """Short conversations of differing length."""
    return tuple(
        Example(row=row + 2, messages=(
            Message(role="user", content=f"Where is the {WORDS[row % 10]}{' please' * (row % 4)}?"),
            Message(role="assistant", content=f"Room {row * 37 % 100}{', on the left' * (row % 3)}."),
        ))
        for row in range(count)
    )


def load(folder: Path, family: str = "llama", **changes: Any) -> Any:
    """A base with random weights of the family."""
    from tuner.train.model import load_base

    return load_base(str(save_model(folder / family, family, **changes)))


def bench(folder: Path, base: Any, metric: str = "loss", count: int = 20) -> Any:
    """12 training, 4 validation and 4 test examples, without general chat."""
    from tuner.train.bench import Bench, Splits

    rows = examples(count)
    splits = Splits(train=rows[:-8], valid=rows[-8:-4], test=rows[-4:], chat=())
    return Bench(base=base, splits=splits, metric=metric, checkpoints=folder / "checkpoints",
                 manifest={"job": 3, "data": "d", "plan": "p"})


def run(bench: Any, number: int = 0, wish: Callable[[], Any] = lambda: "", **changes: Any) -> tuple[Any, list[Any]]:
    """The outcome of one trial and everything that it told."""
    from tuner.train.trial import run_trial

    told: list[Any] = []
    return run_trial(bench, number, {**SETTINGS, **changes}, told.append, wish, now=lambda: 1000.0), told


def encoded(base: Any, count: int = 8) -> list[Any]:
    from tuner.data.render import encode

    return [encode(base.tokenizer, example.messages, 128) for example in examples(count)]
