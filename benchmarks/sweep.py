"""One sweep in several ways: `python -m benchmarks.sweep [--trials 16] [--epochs 3] [--rounds 1] [--json FILE]`.

The same trials, steps and data on one core, each way in a fresh process, the ways in turn. Measured end to end: start,
imports, loading, training, validation after each epoch at least, saved adapters. A: Optuna, a fresh Hugging Face
Trainer and peft a trial. A2: the same with the model loaded once, batches of like length and bf16. one: Onsa one trial
at a time. B: Onsa's pack, nothing pruned. Ratios are of CPU seconds, which other programs on the machine disturb
least.
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
from pathlib import Path
from typing import Any

from benchmarks.sweep_contenders import CONTENDERS, trials


def measured(name: str, count: int, epochs: int) -> dict[str, Any]:
    """Promises what a contender told, its CPU and wall seconds from start to end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sweep", "--contender", name, "--trials", str(count), "--epochs",
         str(epochs)], capture_output=True, text=True, check=False, env=environment, timeout=7200)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**told, "cpu_s": round(cpu, 1), "wall_s": round(time.monotonic() - began, 1)}


def contend(name: str, count: int, epochs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out, sys.stdout = sys.stdout, sys.stderr
        import torch

        torch.set_num_threads(1)
        told = CONTENDERS[name](trials(count, epochs), Path(folder))
    print(json.dumps({"tokens": told["tokens"], "best": min(told["losses"]), "losses": told["losses"]}), file=out)


def processor() -> str:
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text().splitlines() if cpus.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
                platform.processor() or platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--contender", choices=list(CONTENDERS))
    chosen = parser.parse_args()
    if chosen.contender:
        return contend(chosen.contender, chosen.trials, chosen.epochs)
    import torch

    found: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTENDERS}
    for _ in range(chosen.rounds):
        for name in CONTENDERS:
            found[name].append(measured(name, chosen.trials, chosen.epochs))
            print(name, {key: found[name][-1][key] for key in ("cpu_s", "wall_s", "best")}, flush=True)
    seconds = {name: min(one["cpu_s"] for one in runs) for name, runs in found.items()}
    sizes = [one["batch_size"] for one in trials(chosen.trials, chosen.epochs)]
    rows = found["B"][0]["tokens"] / chosen.trials / chosen.epochs
    facts = {
        "processor": processor(), "cores": 1, "torch": torch.__version__, "date": time.strftime("%Y-%m-%d"),
        "trials": chosen.trials, "epochs": chosen.epochs, "tokens_an_epoch": round(rows), "batch_sizes": sizes,
        "cpu_s": seconds, "ratio_to_B": {name: round(one / seconds["B"], 2) for name, one in seconds.items()},
        "best_loss": {name: round(runs[0]["best"], 4) for name, runs in found.items()},
    }
    print(json.dumps(facts, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps({**facts, "runs": found}, indent=2) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
