"""The ways to run one sweep that benchmarks.sweep compares. Each runs in a process of its own and tells what it did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.sweep_material import Material
from benchmarks.sweep_onsa import one_by_one, packed, pruned
from benchmarks.sweep_told import Told

SKIPPED = 3
"""Steps at the start that do not count in the tokens a second: what a device sets up once."""


def fresh_trainer(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """What the documentation shows: Optuna's objective loads the model, wraps it with peft, runs a Trainer."""
    import torch
    from transformers import AutoModelForCausalLM

    own, cuda = material.bench(folder), material.device == "cuda"
    return _study(material, chosen, own, folder, {"bf16": cuda}, lambda: AutoModelForCausalLM.from_pretrained(
        material.model(folder), dtype=torch.bfloat16 if cuda else torch.float32), lambda _: None)


def careful_trainer(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """An expert's: the model loaded once, batches of like length, bf16 products."""
    from transformers import TrainingArguments

    own = material.bench(folder)
    fields = TrainingArguments.__dataclass_fields__
    alike = {"train_sampling_strategy": "group_by_length"} if "train_sampling_strategy" in fields else {
        "group_by_length": True}
    return _study(material, chosen, own, folder, {"bf16": True, **alike}, lambda: own.base.model,
                  lambda adapted: adapted.unload())


def side_by_side(material: Material, chosen: dict[int, dict[str, Any]], folder: Path) -> Told:
    """Two processes, each like the first contender with half of the trials."""
    told, count = Told(), 2
    arguments = [sys.executable, "-m", "benchmarks.sweep", *sys.argv[1:]]
    arguments[arguments.index("--contender") + 1] = "A"
    children = [subprocess.Popen([*arguments, "--share", f"{place}/{count}"], stdout=subprocess.PIPE,
                                 stderr=subprocess.DEVNULL, text=True, env=os.environ) for place in range(count)]
    for child in children:
        out, _ = child.communicate(timeout=7200)
        if child.returncode:
            raise RuntimeError("a process of A3 failed")
        part = json.loads(out.splitlines()[-1])
        told.ended.update({int(number): tuple(one) for number, one in part["ended"].items()})
        told.tokens, told.passes = told.tokens + part["tokens"], told.passes + part["passes"]
    return told


def _study(material: Material, chosen: dict[int, dict[str, Any]], own: Any, folder: Path, more: Mapping[str, Any],
           model: Callable[[], Any], after: Callable[[Any], Any]) -> Told:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    longest = next(iter(chosen.values()))["max_length"]
    data = [_columns(rows) for rows in (own.training(longest).own, [one.encoded for one in own.valid])]
    study = optuna.create_study(direction="minimize")
    numbers, told = list(chosen), Told()
    for number in numbers:
        study.enqueue_trial({"learning_rate": chosen[number]["learning_rate"]})

    def objective(trial: Any) -> float:
        number = numbers[trial.number]
        trial.suggest_float("learning_rate", 1e-6, 1e-2, log=True)
        adapted, loss = _train(own, model(), chosen[number], data, folder / f"trial-{number}", more, told)
        after(adapted)
        told.end(number, loss)
        return loss

    study.optimize(objective, n_trials=len(chosen))
    return told


def _train(own: Any, model: Any, settings: Mapping[str, Any], data: list[Any], folder: Path, more: Mapping[str, Any],
           told: Told) -> tuple[Any, float]:
    import math

    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments, set_seed

    from tuner.evaluate.losses import losses

    class InOrder(Trainer):  # type: ignore[misc]
        """Onsa's order of examples, so that a trial is the same one for each contender and not another draw."""

        def _get_train_sampler(self, *arguments: Any) -> Any:
            return order(len(data[0]), settings) if "train_sampling_strategy" not in more else (
                super()._get_train_sampler(*arguments))

    set_seed(settings["seed"])
    adapted = get_peft_model(model, LoraConfig(
        task_type="CAUSAL_LM", r=settings["lora_rank"], lora_alpha=settings["lora_alpha"],
        lora_dropout=settings["lora_dropout"], target_modules="all-linear"))
    steps = math.ceil(len(data[0]) / settings["batch_size"]) * settings["epochs"]
    trainer = InOrder(
        model=adapted, train_dataset=data[0], eval_dataset=data[1], callbacks=[_stopwatch(told, data[0], settings)],
        data_collator=DataCollatorForSeq2Seq(own.base.tokenizer), args=TrainingArguments(
            output_dir=str(folder), num_train_epochs=settings["epochs"], use_cpu=own.base.device.type == "cpu",
            per_device_train_batch_size=settings["batch_size"], learning_rate=settings["learning_rate"],
            weight_decay=settings["weight_decay"], lr_scheduler_type=settings["lr_schedule"], seed=settings["seed"],
            warmup_steps=math.ceil(settings["warmup_ratio"] * steps), eval_strategy="epoch", save_strategy="no",
            report_to=[], disable_tqdm=True, **more))
    trainer.train()
    trainer.save_model()
    # A Trainer's eval_loss is a mean of batch means; the token mean is what the others report.
    valid = [one.encoded for one in own.valid]
    return adapted, losses(adapted.get_base_model().eval(), valid, own.base.device, own.base.layout).loss


def order(examples: int, settings: Mapping[str, Any]) -> Any:
    """Promises a sampler that gives the examples of one epoch after the other as a trial of Onsa sees them."""
    from torch.utils.data import Sampler

    from tuner.train.batches import epoch_steps

    class Order(Sampler[int]):
        epoch = -1

        def __len__(self) -> int:
            return examples

        def __iter__(self) -> Iterator[int]:
            self.epoch += 1
            for step in epoch_steps(range(examples), settings["batch_size"], 1, self.epoch, settings["seed"]):
                for part in step:
                    yield from part

    return Order()


def _stopwatch(told: Told, rows: list[dict[str, Any]], settings: Mapping[str, Any]) -> Any:
    """Counts every step, and the seconds from the first ones' end to the end of each epoch."""
    import torch
    from transformers import TrainerCallback

    each = round(settings["batch_size"] * sum(len(row["input_ids"]) for row in rows) / len(rows))

    class Stopwatch(TrainerCallback):
        began, counted = 0.0, 0

        def _now(self) -> float:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            return time.perf_counter()

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.began, self.counted = self._now(), 0

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            told.step(each, 0.0, False)
            self.counted += each
            if state.global_step == SKIPPED:
                self.began, self.counted = self._now(), 0

        def on_epoch_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            told.timed = (told.timed[0] + self.counted, told.timed[1] + self._now() - self.began)

    return Stopwatch()


def _columns(rows: Any) -> list[dict[str, Any]]:
    return [{"input_ids": row.ids, "attention_mask": [1] * len(row.ids),
             "labels": [one if learn else -100 for one, learn in zip(row.ids, row.learn, strict=True)]} for row in rows]


Contender = Callable[[Material, dict[int, dict[str, Any]], Path], Told]
CONTENDERS: dict[str, Contender] = {"A": fresh_trainer, "A2": careful_trainer, "A3": side_by_side, "one": one_by_one,
                                    "B": packed, "C": pruned}
