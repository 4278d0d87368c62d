"""What the runner tests hand to runners: settings of every knob, and a small data set for the real child."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

from tuner.plan.knobs import KNOBS
from tuner.plan.space import Value
from tuner.runners.base import Setup

SETTINGS: dict[str, Value] = {
    **{name: knob.default for name, knob in KNOBS.items()},
    "learning_rate": 1e-3, "epochs": 2, "batch_size": 4, "lora_rank": 4, "lora_alpha": 8.0, "max_length": 128,
}

TWO_LANES = (sys.executable, "-c", "import os; from tuner.runners import child, child_lanes; "
                                   "child_lanes.lanes_for = lambda base, slots: 2; os._exit(child.main())")
"""The real child as it would be on a machine with two cores and no word about them."""

SCRIPTED_SETUP = {"model": "m", "examples": "e", "split_seed": 0, "split": (4, 2, 2), "general_chat": 0,
                  "metric": "loss"}


def save_tiny_model(folder: Path) -> Path:
    """A random model of two layers in hub format (tests/unit/tiny_models.py)."""
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parent / "unit" / "tiny_models.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    saved: Path = module.save_model(folder)
    return saved


def save_examples(path: Path, count: int = 40) -> Path:
    words = ("Where", "Which room", "What place", "Whither")
    lines = [json.dumps({"row": row, "messages": [
        {"role": "user", "content": f"{words[row % 4]} {row * 7919 % 1000}?"},
        {"role": "assistant", "content": f"Room {row}."}]}) for row in range(2, count + 2)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def real_setup(folder: Path, model: Path) -> Setup:
    """Forty short examples for the real child."""
    return Setup(model=str(model), examples=str(save_examples(folder / "examples.jsonl")), split_seed=0,
                 split=(28, 6, 6), general_chat=0, metric="loss", checkpoints=str(folder / "out"),
                 manifest={"job": 1, "data": "d", "plan": "p"})
