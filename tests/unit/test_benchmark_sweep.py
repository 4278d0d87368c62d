"""The benchmark's code runs, its contenders do the same work, and the README's table is that of its results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.sweep_material import SHAPES, Material
from benchmarks.table import CPU, END, GPU, START, _read, filled, table

ROOT = Path(__file__).parents[2]
FACTS: dict[str, Any] = {
    "processor": "Some CPU", "gpu": None, "cores": 2, "torch": "2.13", "date": "2026-01-02", "shape": "embedded",
    "trials": 16, "epochs": 3, "batch": 4, "tokens": 256, "clock": "cpu_s",
    "ways": {"A": {"tokens_a_step": 200, "seconds": 100.0, "ratio": 1.0, "best": 2.5, "to_best_s": 40.0},
             "B": {"tokens_a_step": 500, "seconds": 50.0, "ratio": 2.0, "best": 2.5, "to_best_s": None}}}


def test_the_table_holds_the_figures_and_says_what_was_not_measured() -> None:
    text = filled(f"before\n{START}\nold\n{END}\nafter\n", FACTS, None)
    assert text.startswith(f"before\n{START}\n| |")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| 500 | 50.0 | 2.0 | 2.5 |" in text
    assert "GPU: not measured, none was at hand." in text
    assert "Some CPU, 2 core(s)" in text
    with pytest.raises(ValueError, match="must hold"):
        filled("no markers", FACTS, None)


def test_a_gpus_figures_stand_beside_them() -> None:
    own = {"tokens_a_second": 100_000, "tokens_a_step": 32_768, "ratio_of_speed": 6.0, "flops_utilisation": 0.31}
    gpu = {**FACTS, "gpu": "Some GPU", "shape": "qwen2.5-0.5b", "clock": "wall_s", "ways": {"B": own}}
    text = table(FACTS, gpu)
    assert "100,000 tokens/s, 32,768 a step, 6.0 times A, 31.0% of 790 TFLOP/s" in text
    assert "GPU: Some GPU" in text


def test_the_readmes_table_is_that_of_the_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert filled(text, _read(CPU), _read(GPU)) == text


def test_the_shapes_have_the_sizes_of_their_models() -> None:
    """Published numbers of weights, embeddings counted once."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    for name, millions in (("qwen2.5-0.5b", 494.0), ("llama-3.2-1b", 1235.8)):
        own = {key: value for key, value in SHAPES[name].items() if key != "model_type"}
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.for_model(SHAPES[name]["model_type"], **own))
        assert sum(part.numel() for part in model.parameters()) / 1e6 == pytest.approx(millions, rel=1e-3)


def test_every_contender_gets_the_same_trials() -> None:
    made = Material(trials=5, epochs=2, shape="embedded", device="cpu", batch=4, tokens=64, steps=3).settings()
    assert [one["seed"] for one in made] == [0, 1, 2, 3, 4]
    assert {one["epochs"] for one in made} == {2}
    assert len({one["learning_rate"] for one in made}) == 5


def test_growth_is_measured_by_the_unit_and_drawn(tmp_path: Path) -> None:
    from benchmarks.growth import draw, steepest

    points = [{"size": 1, "seconds": 1.0, "memory_mib": 100}, {"size": 4, "seconds": 2.0, "memory_mib": 110},
              {"size": 8, "seconds": 6.0, "memory_mib": 120}]
    assert steepest(points) == pytest.approx(1.5)
    assert steepest(points[:1]) == 0.0
    draw({"trials": points}, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 1000


@pytest.mark.slow  # trains a tiny model
@pytest.mark.parametrize("axis", ["trials", "tokens", "examples"])
def test_every_axis_of_growth_has_a_point(axis: str) -> None:
    from benchmarks.growth import measured

    point = measured(axis, 40)
    assert point["size"] == 40
    assert point["seconds"] > 0
    assert point["memory_mib"] > 50
    assert point["tokens"] == {"trials": 40960, "tokens": 2560, "examples": 4096}[axis]


@pytest.mark.slow  # four processes that train a tiny model
def test_the_gpus_mode_runs_on_a_processor_and_all_agree(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sweep", "--shape", "tiny", "--trials", "3", "--batch", "2", "--tokens", "32",
         "--steps", "5", "--only", "A", "B", "--json", str(tmp_path / "out.json")],
        capture_output=True, text=True, check=False, timeout=600, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["ways"]["A"]["tokens"] == found["ways"]["B"]["tokens"] == 3 * 5 * 2 * 32
    assert found["losses"]["A"].keys() == found["losses"]["B"].keys() == {"0", "1", "2"}
    for number, loss in found["losses"]["A"].items():
        assert found["losses"]["B"][number] == pytest.approx(loss, rel=0.01)
    assert found["ways"]["B"]["ratio_of_speed"] > 0
    assert found["ways"]["B"]["flops_utilisation"] > 0
    assert "ratio" in found["ways"]["B"]
