"""The one door to make the embedded model again: ``python -m tuner.embedded.rebuild``.

Tokenizer, corpus, pretraining with checkpoints, evaluation, model card. The shipped recipe takes about three hours on
one core; ``--minutes`` makes a shorter run. A killed run goes on with ``--resume``. The result is the same each time up
to the numerics of the machine.
"""

import argparse
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path

import torch
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tuner.embedded import model_path
from tuner.embedded.card import write_card
from tuner.embedded.evaluate import evaluate
from tuner.embedded.export import export
from tuner.embedded.make_tokenizer import make_tokenizer, spellings
from tuner.embedded.pretrain import count_targets, pretrain
from tuner.embedded.recipe import Recipe

_SAVE_EVERY_S = 180.0
_TRIAL_STEPS = 12
_PRACTICE_COST = 2  # further steps that a step of practice takes as long as
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


def main(arguments: list[str] | None = None) -> None:
    """Reads the command line and rebuilds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, help="shorten or lengthen the pretraining to about this")
    parser.add_argument("--threads", type=int, default=1, help="processor threads (default 1)")
    parser.add_argument("--out", type=Path, default=Path("onsa-tiny-build"), help="where checkpoints and model go")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
    parser.add_argument("--new-tokenizer", action="store_true", help="train the tokenizer too, else take the shipped")
    parser.add_argument("--no-evaluation", action="store_true", help="stop after the weights")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    rebuild(
        options.out,
        minutes=options.minutes,
        resume=options.resume,
        new_tokenizer=options.new_tokenizer,
        evaluated=not options.no_evaluation,
    )


def rebuild(
    out: Path, *, minutes: float | None, resume: bool, new_tokenizer: bool = False, evaluated: bool = True
) -> Path:
    """Makes the model in ``out/model`` and returns that folder. FileExistsError when ``out`` holds a checkpoint and
    ``resume`` is false."""
    checkpoint, folder = out / "checkpoint.pt", out / "model"
    if checkpoint.exists() and not resume:
        raise FileExistsError(f"{checkpoint} exists: go on with --resume or choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(folder, new_tokenizer)
    texts, missing = spellings(tokenizer)
    if missing:
        raise ValueError(f"every token must be reachable by some text, got {missing} that are not")
    recipe = _recipe(tokenizer, texts, checkpoint, minutes)
    model = pretrain(tokenizer, texts, recipe, out, save_every_s=_SAVE_EVERY_S)
    export(model, tokenizer, folder)
    (folder / "token_targets.json").write_text(json.dumps(count_targets(tokenizer, texts, recipe)), "utf-8")
    if evaluated:
        write_card(folder, recipe, evaluate(folder))
    return folder


def _tokenizer(folder: Path, new: bool) -> PreTrainedTokenizerFast:
    if not (folder / "tokenizer.json").exists():
        if new:
            return make_tokenizer(folder)
        for name in _TOKENIZER_FILES:
            shutil.copy(model_path() / name, folder / name)
    found: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(folder)
    return found


def _recipe(tokenizer: PreTrainedTokenizerFast, texts: list[str], checkpoint: Path, minutes: float | None) -> Recipe:
    """The recipe of the checkpoint, else the shipped one, with as many steps as fit into ``minutes``."""
    if checkpoint.exists():
        return Recipe(**torch.load(checkpoint, weights_only=True)["recipe"])
    recipe = Recipe()
    if minutes is None:
        return recipe
    probe = checkpoint.parent / "probe"
    probe.mkdir(exist_ok=True)
    began = time.monotonic()
    plain = replace(recipe.scaled(_TRIAL_STEPS), practice_steps=0)
    pretrain(tokenizer, texts, plain, probe, save_every_s=3600.0)
    per_step = (time.monotonic() - began) / _TRIAL_STEPS
    shutil.rmtree(probe)
    per_step *= 1 + _PRACTICE_COST * recipe.practice_steps / recipe.steps
    return recipe.scaled(max(_TRIAL_STEPS, round(minutes * 60 / per_step)))


if __name__ == "__main__":
    main()
