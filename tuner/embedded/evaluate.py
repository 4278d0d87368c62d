"""The figures that the embedded model is held to: ``python -m tuner.embedded.evaluate [--model DIR]``."""

import argparse
import json
import statistics
from pathlib import Path

import torch

from tuner.embedded import model_path
from tuner.embedded.general_chat import check_prompts, unknown_prompts
from tuner.embedded.talking import judge, share_right
from tuner.embedded.tuning_check import Outcome, load_base, tune_and_judge

SEEDS = (0, 1, 2)
_LANGUAGES = ("en", "ja")

Figures = dict[str, float | int]


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line and prints one figure a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=model_path())
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-tuning", action="store_true", help="leave out the three tunings a language")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    for name, value in evaluate(options.model, tuning=not options.no_tuning).items():
        print(f"{name:24} {value:.3f}" if isinstance(value, float) else f"{name:24} {value}")


def evaluate(folder: Path, *, tuning: bool = True) -> Figures:
    """All figures of the model in ``folder``, by name. Shares are from 0 to 1."""
    figures = general_figures(folder) | token_figures(folder)
    if tuning:
        for language in _LANGUAGES:
            figures |= tuning_figures(folder, language)
    return figures


def general_figures(folder: Path) -> Figures:
    """How much of the general checks the untouched model gets right."""
    model, tokenizer = load_base(folder)
    generic, unknown = check_prompts(), unknown_prompts()
    judged, refused = judge(model, tokenizer, generic), judge(model, tokenizer, unknown)
    figures: Figures = {"parameters": sum(weight.numel() for weight in model.parameters())}
    for language in _LANGUAGES:
        figures[f"generic_{language}"] = share_right(judged, language)
        figures[f"generic_prompts_{language}"] = sum(check.language == language for check in generic)
        figures[f"unknown_{language}"] = share_right(refused, language)
        figures[f"unknown_prompts_{language}"] = sum(check.language == language for check in unknown)
    return figures


def token_figures(folder: Path) -> Figures:
    """How often the rarest token was a target in pretraining, from the recorded counts; the four tokens that only
    stand in prompts (padding and the three roles) are left out, for an answer never holds them."""
    path = folder / "token_targets.json"
    if not path.exists():
        return {}
    counts: list[int] = json.loads(path.read_text("utf-8"))
    said = [count for index, count in enumerate(counts) if index not in (0, 2, 3, 4)]
    return {"rarest_token_targets": min(said), "tokens": len(counts)}


def tuning_figures(folder: Path, language: str) -> Figures:
    """Means over three seeds of tuning on the sample of one language with the defaults."""
    checks, unknown = check_prompts(), unknown_prompts()
    outcomes: list[Outcome] = [tune_and_judge(folder, language, seed, checks, unknown) for seed in SEEDS]
    mean = statistics.fmean
    return {
        f"base_{language}": max(outcome.base for outcome in outcomes),
        f"tuned_{language}": mean(outcome.tuned for outcome in outcomes),
        f"tuned_{language}_worst": min(outcome.tuned for outcome in outcomes),
        f"chat_kept_{language}": mean(outcome.chat for outcome in outcomes),
        f"unknown_kept_{language}": mean(outcome.unknown for outcome in outcomes),
        f"garbled_{language}": sum(outcome.garbled for outcome in outcomes),
        f"answers_looked_at_{language}": sum(outcome.answered for outcome in outcomes),
        f"trial_s_{language}": mean(outcome.seconds for outcome in outcomes),
    }


if __name__ == "__main__":
    main()
