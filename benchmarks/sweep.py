"""One sweep in several ways: `python -m benchmarks.sweep [--trials 16] [--epochs 5] [--rounds 1] [--cores 2]`, and on a
GPU `python -m benchmarks.sweep --shape qwen2.5-0.5b --device cuda --trials 32 --batch 4 --tokens 256`.

Of the embedded model each trial has as many epochs as a person gets who names none.

The same trials, steps and data for each contender, each in a fresh process held to the same cores, the contenders in
turn. Measured end to end: start, imports, loading, training, validation after each epoch at least, saved adapters.

A: what the documentation shows: Optuna, and for each trial a fresh model, Hugging Face Trainer and peft. A2: a careful
expert's: the model loaded once, batches of like length, bf16. A3: two processes like A side by side. one: Onsa one
trial at a time. B: Onsa's pack, nothing pruned. C: the pack with the default search's pruning.

Ratios are A's seconds to the contender's, from start to end: above 1 it is faster than A. Beside them the same of CPU
seconds, which other programs on the machine disturb least, and of tokens a second, start left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.sweep_contenders import CONTENDERS
from benchmarks.sweep_material import SHAPES, Material, flops_a_token
from tuner.embedded.defaults import DEFAULTS

PEAK = 790e12
"""Floating-point operations a second of an H200 in bf16, dense."""
WITHIN = 1.005
"""A loss as good as another: at most this times it."""


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = _parsed(arguments)
    material = Material(trials=chosen.trials, epochs=chosen.epochs, shape=chosen.shape, device=chosen.device,
                        batch=chosen.batch, tokens=chosen.tokens, steps=chosen.steps)
    if chosen.contender:
        return contend(chosen.contender, material, chosen.share, chosen.cores)
    names = chosen.only or (list(CONTENDERS) if chosen.shape == "embedded" else ["A", "B"])
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(chosen.rounds):
        for name in names:
            runs[name].append(measured(name, material, chosen.cores))
            print(name, {key: runs[name][-1][key] for key in ("cpu_s", "wall_s", "best")}, flush=True)
    facts = {**machine(material, chosen.cores), **compared(material, runs)}
    print(json.dumps({key: value for key, value in facts.items() if key != "losses"}, indent=2))
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps({**facts, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    return None


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep")
    for name, default in (("trials", 16), ("epochs", DEFAULTS["epochs"]), ("rounds", 1), ("cores", 2), ("batch", 4),
                          ("tokens", 256), ("steps", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--shape", choices=["embedded", *SHAPES], default="embedded")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--contender", choices=list(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--share", default="0/1", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def measured(name: str, material: Material, cores: int) -> dict[str, Any]:
    """Promises what a contender told, its CPU and wall seconds from start to end."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment.pop("OMP_NUM_THREADS", None)  # Onsa chooses for itself
    if material.device == "cpu" and name.startswith("A"):
        environment["OMP_NUM_THREADS"] = "1" if name == "A3" else str(cores)
    options = [f"--{key}={getattr(material, key)}" for key in ("trials", "epochs", "shape", "device", "batch",
                                                               "tokens", "steps")]
    command = [sys.executable, "-m", "benchmarks.sweep", "--contender", name, f"--cores={cores}", *options]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=7200)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**told, "best": min(one[0] for one in told["ended"].values()), "cpu_s": round(cpu, 1),
            "wall_s": round(time.monotonic() - began, 1)}


def contend(name: str, material: Material, share: str, cores: int) -> None:
    """Prints what the contender told of its share of the trials, as the last line."""
    place, count = map(int, share.split("/"))
    chosen = {number: settings for number, settings in enumerate(material.settings()) if number % count == place}
    if material.device == "cpu" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
    with tempfile.TemporaryDirectory() as folder:
        out, sys.stdout = sys.stdout, sys.stderr
        told = CONTENDERS[name](material, chosen, Path(folder))
    print(json.dumps({"ended": told.ended, "tokens": told.tokens, "passes": told.passes, "timed": told.timed,
                      **told.more}), file=out)


def compared(material: Material, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Promises the figures of each contender beside each other, the best of its runs."""
    chosen = {name: min(own, key=lambda run: run["wall_s"]) for name, own in runs.items()}
    ways: dict[str, Any] = {}
    target = WITHIN * chosen["A"]["best"] if "A" in chosen else float("inf")
    for name, run in chosen.items():
        reached = [one[1] for one in run["ended"].values() if one[0] <= target]
        speed = run["timed"][0] / run["timed"][1] if run["timed"][1] else None
        ways[name] = {
            "seconds": run["wall_s"], "cpu_s": run["cpu_s"], "tokens": run["tokens"],
            "tokens_a_step": round(run["tokens"] / max(1, run["passes"])), "best": round(run["best"], 4),
            "to_best_s": round(min(reached), 1) if reached else None, "tokens_a_second": speed and round(speed),
            **{key: run[key] for key in ("slots", "pruned") if key in run}}
    first = ways.get("A")
    for own in ways.values() if first else ():
        own["ratio"] = round(first["seconds"] / own["seconds"], 2)
        own["ratio_of_cpu"] = round(first["cpu_s"] / own["cpu_s"], 2)
        if first["tokens_a_second"] and own["tokens_a_second"]:
            own["ratio_of_speed"] = round(own["tokens_a_second"] / first["tokens_a_second"], 2)
    if material.shape != "embedded":
        _utilise(material, ways)
    return {"ways": ways, "losses": {name: {number: round(one[0], 4) for number, one in sorted(
        run["ended"].items(), key=lambda item: int(item[0]))} for name, run in chosen.items()}}


def _utilise(material: Material, ways: dict[str, Any]) -> None:
    """Adds the share of PEAK that the training needed; on a processor it says little, but the sum is the same."""
    with tempfile.TemporaryDirectory() as folder:
        base = material.bench(Path(folder)).base
        ranks = [settings["lora_rank"] for settings in material.settings()]
        each = flops_a_token(base, material.tokens, sum(ranks) / len(ranks), 0.5)
    for own in ways.values():
        if own["tokens_a_second"]:
            own["flops_utilisation"] = round(own["tokens_a_second"] * each / PEAK, 6)


def machine(material: Material, cores: int) -> dict[str, Any]:
    import torch
    import transformers

    cuda = material.device == "cuda"
    return {
        "date": time.strftime("%Y-%m-%d"), "processor": processor(), "cores": cores,
        "gpu": torch.cuda.get_device_name() if cuda else None, "torch": torch.__version__,
        "transformers": transformers.__version__, "shape": material.shape, "device": material.device,
        "trials": material.trials, "epochs": material.epochs, "batch": material.batch, "tokens": material.tokens,
        "steps": material.steps}


def processor() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
                platform.processor() or platform.machine())


if __name__ == "__main__":
    main()
