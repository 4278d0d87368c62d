"""A team's chat: `python -m benchmarks.chat [--shape embedded] [--device cpu] [--people 8] [--rounds 3] [--json FILE]`.

So many people on as many checkpoints (rank 16, every linear layer) ask at once, each the next question when the last
is answered. Onsa's engine against peft's own `generate(adapter_names=[...])`, and against itself with everybody on one
checkpoint; the ways in turn, in one process, best of the rounds. `even`: questions and answers of one length.
`mixed`: of a quarter to seven quarters of it, as people's are; peft's batch then ends with its longest answer. Speeds
are tokens a second of processor time on one core, which other programs disturb least; on a GPU, and with more threads,
of wall time. Then growth with people, checkpoints and length.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.chat_contenders import Load, OnsaTeam, PeftTeam, Told, make_load
from benchmarks.chat_models import RANK, SHAPES, base_model, checkpoints
from benchmarks.sweep import processor


def best(answer: Callable[[Load], Told], load: Load, rounds: int) -> Told:
    return max((answer(load) for _ in range(rounds)), key=lambda told: told.speed)


def first_ms(told: Told) -> dict[str, float]:
    ordered = told.first_s
    return {name: round(1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
            for name, share in (("p50", 0.5), ("p95", 0.95))}


def compared(onsa: OnsaTeam, peft: PeftTeam, chosen: argparse.Namespace, *, is_mixed: bool) -> dict[str, Any]:
    """The three ways in turn, so that what disturbs one disturbs all."""
    sizes = {"prompt": chosen.prompt, "answer": chosen.answer, "turns": chosen.turns, "is_mixed": is_mixed}
    many, one = (make_load(chosen.people, count, **sizes) for count in (chosen.people, 1))
    ways: dict[str, tuple[Callable[[Load], Told], Load]] = {
        "onsa": (onsa.answer, many), "one_checkpoint": (onsa.answer, one), "peft": (peft.answer, many)}
    told: dict[str, list[Told]] = {name: [] for name in ways}
    for _ in range(chosen.rounds):
        for name, (answer, load) in ways.items():
            told[name].append(answer(load))
    fastest = {name: max(runs, key=lambda run: run.speed) for name, runs in told.items()}
    speeds = {name: round(run.speed, 1) for name, run in fastest.items()}
    return {
        "tokens_per_s": speeds, "times_peft": round(fastest["onsa"].speed / fastest["peft"].speed, 2),
        "of_one_checkpoint": round(fastest["onsa"].speed / fastest["one_checkpoint"].speed, 2),
        "first_token_ms": first_ms(fastest["onsa"])}


def growth(onsa: OnsaTeam, chosen: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Tokens a second of Onsa's engine by people (each on a checkpoint), checkpoints (of `--people`), prompt length."""
    counts = [count for count in (1, 2, 4, 8, 16, 32) if count <= chosen.most]

    def speed(people: int, own: int, prompt: int) -> float:
        load = make_load(people, own, prompt=prompt, answer=chosen.answer, turns=1, is_mixed=False)
        return round(best(onsa.answer, load, 1).speed, 1)

    return {
        "people": {str(count): speed(count, count, chosen.prompt) for count in counts},
        "checkpoints": {str(count): speed(chosen.people, count, chosen.prompt) for count in counts
                        if count <= chosen.people},
        "prompt_tokens": {str(length): speed(chosen.people, chosen.people, length) for length in (16, 64, 256)
                          if counts}}


def measured(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    import torch
    import transformers

    torch.set_num_threads(chosen.threads)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    source = base_model(chosen.shape, folder / "base")
    adapters = checkpoints(source, folder / "adapters", max(chosen.people, chosen.most))
    onsa = OnsaTeam(source, adapters, chosen.device)
    peft = PeftTeam(source, adapters[: chosen.people], chosen.device)
    onsa.answer(make_load(2, 2, prompt=8, answer=4, turns=1, is_mixed=False))  # the first steps load and warm up
    try:
        found: dict[str, Any] = {"even": compared(onsa, peft, chosen, is_mixed=False)}
        found["mixed"] = compared(onsa, peft, chosen, is_mixed=True)
        found["growth"] = growth(onsa, chosen)
    finally:
        onsa.close()
    name = torch.cuda.get_device_name() if chosen.device == "cuda" else processor()
    return {"shape": chosen.shape, "device": name, "threads": chosen.threads, "date": time.strftime("%Y-%m-%d"),
            "torch": torch.__version__, "people": chosen.people, "rank": RANK, "prompt_tokens": chosen.prompt,
            "answer_tokens": chosen.answer, "turns": chosen.turns, "rounds": chosen.rounds, **found}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=["embedded", *SHAPES], default="embedded")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--most", type=int, default=32, help="people at the end of the growth; 0: no growth")
    parser.add_argument("--prompt", type=int, default=32, help="tokens of a question")
    parser.add_argument("--answer", type=int, default=64, help="tokens of an answer, on average")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="torch's, for every way alike")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        facts = measured(chosen, Path(folder))
    print(json.dumps(facts, indent=2))
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
