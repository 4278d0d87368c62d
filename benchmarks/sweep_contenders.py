"""The ways to run one sweep that benchmarks.sweep compares. Each runs in a process of its own and tells what it did."""

from __future__ import annotations

import csv
import random
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tuner.embedded import model_path, sample_path
from tuner.embedded.defaults import DEFAULTS

Told = dict[str, Any]


def trials(count: int, epochs: int) -> list[dict[str, Any]]:
    """The same for every contender: trial 0 the defaults, the rest drawn from the usual ranges."""
    draw = random.Random(11)
    drawn = [{
        "learning_rate": 10 ** draw.uniform(-4.5, -3), "lora_rank": draw.choice((8, 16, 32)),
        "lora_alpha": draw.choice((512.0, 1024.0)), "lora_dropout": draw.choice((0.0, 0.05, 0.1)),
        "batch_size": draw.choice((4, 8)), "weight_decay": draw.choice((0.0, 0.01)),
        "lr_schedule": draw.choice(("cosine", "linear")), "warmup_ratio": draw.choice((0.0, 0.1)), "seed": place,
    } for place in range(count)]
    return [{**DEFAULTS, **(own if place else {}), "epochs": epochs} for place, own in enumerate(drawn)]


def bench(folder: Path) -> Any:
    """The sample questions of the bike shop, without general chat and without written answers: losses only."""
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


def one_by_one(chosen: list[dict[str, Any]], folder: Path) -> Told:
    """Onsa's one-slot runner."""
    from tuner.train.trial import run_trial

    own = bench(folder)
    ended = [run_trial(own, number, settings, lambda _: None, lambda: "") for number, settings in enumerate(chosen)]
    return {"losses": [one.metrics["loss"] for one in ended], "tokens": sum(one.tokens for one in ended)}


def packed(chosen: list[dict[str, Any]], folder: Path, slots: int = 16) -> Told:
    """Onsa's pack, nothing pruned."""
    from tuner.train.packed.sweep import Sweep

    own, ended = bench(folder), dict[int, Any]()
    swept = Sweep(own, min(slots, len(chosen)), lambda *_: None, ended.__setitem__, lambda _: "")
    waiting, held = list(enumerate(chosen)), dict.fromkeys(range(min(slots, len(chosen))), -1)
    while waiting or not swept.is_idle:
        for slot, number in held.items():
            if waiting and (number < 0 or number in ended):
                held[slot], settings = waiting.pop(0)
                swept.start(slot, held[slot], settings)
        swept.turn()
    outcomes = [ended[number] for number in range(len(chosen))]
    return {"losses": [one.metrics["loss"] for one in outcomes], "tokens": sum(one.tokens for one in outcomes)}


def fresh_trainer(chosen: list[dict[str, Any]], folder: Path) -> Told:
    """What the documentation shows: Optuna's objective loads the model, wraps it with peft, runs a Trainer."""
    from transformers import AutoModelForCausalLM

    own = bench(folder)
    return _study(chosen, own, folder, {}, lambda: AutoModelForCausalLM.from_pretrained(
        str(model_path()), dtype="float32"), lambda _: None)


def careful_trainer(chosen: list[dict[str, Any]], folder: Path) -> Told:
    """An expert's: the model loaded once, batches of like length, bf16 products."""
    own = bench(folder)
    return _study(chosen, own, folder, {"bf16": True, "train_sampling_strategy": "group_by_length"},
                  lambda: own.base.model, lambda adapted: adapted.unload())


def _study(chosen: list[dict[str, Any]], own: Any, folder: Path, more: Mapping[str, Any], model: Callable[[], Any],
           after: Callable[[Any], Any]) -> Told:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    data = [_columns(rows) for rows in (own.training(DEFAULTS["max_length"]).own, [one.encoded for one in own.valid])]
    study = optuna.create_study(direction="minimize")
    for settings in chosen:
        study.enqueue_trial({"learning_rate": settings["learning_rate"]})
    told: Told = {"losses": [], "tokens": 0}

    def objective(trial: Any) -> float:
        settings = chosen[trial.number]
        trial.suggest_float("learning_rate", 1e-6, 1e-2, log=True)
        adapted, loss = _trainer(own, model(), settings, data, folder / f"trial-{trial.number}", more)
        after(adapted)
        told["losses"].append(loss)
        told["tokens"] += settings["epochs"] * sum(len(row["input_ids"]) for row in data[0])
        return loss

    study.optimize(objective, n_trials=len(chosen))
    return told


def _trainer(own: Any, model: Any, settings: Mapping[str, Any], data: list[Any], folder: Path,
             more: Mapping[str, Any]) -> tuple[Any, float]:
    import math

    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorForSeq2Seq, Trainer, TrainingArguments

    from tuner.evaluate.losses import losses

    adapted = get_peft_model(model, LoraConfig(
        task_type="CAUSAL_LM", r=settings["lora_rank"], lora_alpha=settings["lora_alpha"],
        lora_dropout=settings["lora_dropout"], target_modules="all-linear"))
    steps = math.ceil(len(data[0]) / settings["batch_size"]) * settings["epochs"]
    trainer = Trainer(
        model=adapted, train_dataset=data[0], eval_dataset=data[1],
        data_collator=DataCollatorForSeq2Seq(own.base.tokenizer), args=TrainingArguments(
            output_dir=str(folder), num_train_epochs=settings["epochs"], use_cpu=True, report_to=[], disable_tqdm=True,
            per_device_train_batch_size=settings["batch_size"], learning_rate=settings["learning_rate"],
            weight_decay=settings["weight_decay"], lr_scheduler_type=settings["lr_schedule"], seed=settings["seed"],
            warmup_steps=math.ceil(settings["warmup_ratio"] * steps), eval_strategy="epoch", save_strategy="no",
            **more))
    trainer.train()
    trainer.save_model()
    # A Trainer's eval_loss is a mean of batch means; the token mean is what the others report.
    valid = [one.encoded for one in own.valid]
    return adapted, losses(adapted.get_base_model().eval(), valid, own.base.device, own.base.layout).loss


def _columns(rows: Any) -> list[dict[str, Any]]:
    return [{"input_ids": row.ids, "attention_mask": [1] * len(row.ids),
             "labels": [one if learn else -100 for one, learn in zip(row.ids, row.learn, strict=True)]} for row in rows]


CONTENDERS: dict[str, Callable[[list[dict[str, Any]], Path], Told]] = {
    "A": fresh_trainer, "A2": careful_trainer, "one": one_by_one, "B": packed}
