"""What the contenders of benchmarks.sweep train on: the same trials and the same examples for each of them.

Two kinds: the embedded model with its sample questions, and random weights in the shape of a published model with
made-up text of one length.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuner.embedded import model_path, sample_path
from tuner.embedded.defaults import DEFAULTS

SHAPES: Mapping[str, Mapping[str, Any]] = {
    "tiny": {"model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 4096, "tie_word_embeddings": True},
    "qwen2.5-0.5b": {"model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
                     "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 151_936,
                     "tie_word_embeddings": True},
    "llama-3.2-1b": {"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
                     "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128_256,
                     "tie_word_embeddings": True},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """From the command line, the same for every contender."""

    trials: int
    epochs: int
    shape: str
    """"embedded", or a name of SHAPES."""
    device: str
    batch: int
    """Examples of a step, with a shape."""
    tokens: int
    """Of each example, with a shape."""
    steps: int
    """Of each trial, with a shape."""

    def settings(self) -> list[dict[str, Any]]:
        """Trial 0 the defaults, the rest drawn from the usual ranges; with a shape the batch is always the same.

        Warm-up and dropout are the defaults': else programs whose sums differ in the last bit end a trial with losses
        that differ by percents (Trainer's 0.0399 was Onsa's 0.0512), and which of them has the better best would be
        luck. So 14 of 16 trials of 5 epochs end within 0.05% of each other.
        """
        draw = random.Random(11)
        drawn = [{
            "learning_rate": 10 ** draw.uniform(-4.5, -3), "lora_rank": draw.choice((8, 16, 32)),
            "lora_alpha": draw.choice((512.0, 1024.0)), "batch_size": draw.choice((4, 8)),
            "weight_decay": draw.choice((0.0, 0.01)), "lr_schedule": draw.choice(("cosine", "linear")), "seed": place,
        } for place in range(self.trials)]
        every = {"epochs": self.epochs} if self.shape == "embedded" else {
            "epochs": 1, "batch_size": self.batch, "lora_alpha": 32.0, "max_length": self.tokens}
        return [{**DEFAULTS, **(own if place else {}), **every} for place, own in enumerate(drawn)]

    def model(self, folder: Path) -> str:
        """Promises the model's folder; one of random weights is written to `folder`, and read from it again."""
        if self.shape == "embedded":
            return str(model_path())
        made = folder / "model"
        if not (made / "config.json").is_file():
            _write_model(SHAPES[self.shape], self.tokens, made)
        return str(made)

    def bench(self, folder: Path) -> Any:
        """A bench of losses only, without general chat and written answers."""
        return _sample(folder) if self.shape == "embedded" else _made_up(self, folder)


def _write_model(shape: Mapping[str, Any], tokens: int, folder: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    own = {key: value for key, value in shape.items() if key != "model_type"}
    config = AutoConfig.for_model(shape["model_type"], **own, max_position_embeddings=max(2048, tokens),
                                  pad_token_id=0, eos_token_id=1, bos_token_id=None)
    AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(model_path())).save_pretrained(folder)


def _sample(folder: Path) -> Any:
    """The sample questions of the bike shop."""
    from tuner.data.examples import Example, Message, write
    from tuner.data.split import sizes_for
    from tuner.train.bench import Bench, load_splits
    from tuner.train.model import load_base

    with sample_path("en").open(encoding="utf-8", newline="") as file:
        pairs = list(csv.reader(file))[1:]
    write(folder / "examples.jsonl", [
        Example(row=row + 2, messages=(Message(role="user", content=asked), Message(role="assistant", content=said)))
        for row, (asked, said) in enumerate(pairs)])
    made = Bench(base=load_base(str(model_path())), metric="loss", checkpoints=folder / "out",
                 splits=load_splits(folder / "examples.jsonl", sizes_for(len(pairs)), 0, 0),
                 manifest={"job": 1, "data": "d", "plan": "p"})
    made.__dict__["asked"] = ()
    return made


def _made_up(material: Material, folder: Path) -> Any:
    """Random tokens, the second half of each example to be learnt."""
    import torch

    from tuner.data.render import Encoded
    from tuner.evaluate.scores import Question
    from tuner.train.bench import Bench, Splits
    from tuner.train.lessons import Lessons
    from tuner.train.model import load_base

    draw = random.Random(5)
    rows = [Encoded(ids=[draw.randrange(4, 4000) for _ in range(material.tokens)], cut=False,
                    learn=[place >= material.tokens // 2 for place in range(material.tokens)])
            for _ in range(material.batch * material.steps + 2)]
    made = Bench(base=load_base(material.model(folder), torch.device(material.device)), metric="loss",
                 checkpoints=folder / "out", splits=Splits(train=(), valid=(), test=(), chat=()),
                 manifest={"job": 1, "data": "d", "plan": "p"})
    made._encoded[material.tokens] = Lessons(own=tuple(rows[2:]), chat=())
    made.__dict__["asked"] = ()
    made.__dict__["valid"] = tuple(Question(row=place, encoded=row, prompt=(), text="", expected="", expected_tokens=0)
                                   for place, row in enumerate(rows[:2]))
    return made


def flops_a_token(base: Any, tokens: int, rank: float, learnt: float) -> float:
    """Promises the floating-point operations that one token of a training step needs: 4 a frozen weight (forward, and
    backward to what came in), causal attention over examples of `tokens`, adapters of `rank` (6 a weight), and the
    vocabulary head for the share `learnt` of the tokens. What is computed twice or in vain counts once or not at all.
    """
    from tuner.train.packed.layers import tunable

    shapes, config = tunable(base.model), base.model.config
    frozen = 4.0 * sum(one.inputs * one.outputs for one in shapes)
    width = config.num_attention_heads * (getattr(config, "head_dim", None)
                                          or config.hidden_size // config.num_attention_heads)
    attention = 6.0 * tokens * width * config.num_hidden_layers
    adapters = 6.0 * rank * sum(one.inputs + one.outputs for one in shapes)
    return frozen + attention + adapters + 4.0 * learnt * config.hidden_size * config.vocab_size
