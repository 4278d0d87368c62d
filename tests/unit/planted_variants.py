"""Recordings whose truth is known, each drawn anew from its seed: other knobs, ranges, shapes and noise every time.

Written as other programs write them. For the tests of how often a report is right, and how often wrong.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

POOL: Mapping[str, tuple[Any, ...]] = {
    "learning_rate": ("log", 1e-6, 1e-3), "weight_decay": ("log", 1e-4, 0.3), "lora_dropout": ("linear", 0.0, 0.3),
    "warmup_ratio": ("linear", 0.0, 0.2), "lora_rank": ("choice", 4, 8, 16, 32, 64), "lora_alpha": ("log", 8.0, 256.0),
    "batch_size": ("choice", 4, 8, 16, 32), "label_smoothing": ("linear", 0.0, 0.2), "epochs": ("int", 1, 8),
    "lr_schedule": ("choice", "constant", "linear", "cosine"), "optimizer": ("choice", "adamw", "sgd", "lion"),
    "hidden_mix": ("linear", -1.0, 1.0), "max_grad_norm": ("log", 0.1, 10.0), "use_bias": ("choice", True, False),
}
BROKE = ("loss is nan", "NaN loss encountered at step 40", "training diverged", "ValueError: loss is not finite: inf",
         "Non-finite loss, aborting", "loss exploded to 1e+09", "FloatingPointError: gradient is NaN")
MEMORY = ("CUDA out of memory. Tried to allocate 2.50 GiB", "torch.OutOfMemoryError: CUDA out of memory.", "OOM",
          "RuntimeError: CUDA error: out of memory", "MPS backend out of memory", "out of memory",
          "CUBLAS_STATUS_ALLOC_FAILED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A recording and what is true of it."""

    lines: list[str]
    names: tuple[str, ...] = ()
    """The knobs that matter."""
    side: str = ""
    low: float = 0.0
    high: float = 0.0
    """Between these lies the planted threshold."""
    number: int = -1
    """The run that was lucky."""


class Draw:
    """One study under way: its knobs, its runs and the way in which they are written down."""

    def __init__(
        self, seed: int, names: Sequence[str], n: int, own: Mapping[str, tuple[Any, ...]] | None = None
    ) -> None:
        self.rng = random.Random(1_000_003 * seed + 17)
        self.space = {name: (own or {}).get(name) or POOL[name] for name in names}
        self.settings = [self.one() for _ in range(n)]

    def one(self) -> dict[str, Any]:
        return {name: self._value(kind, values) for name, (kind, *values) in self.space.items()}

    def _value(self, kind: str, values: Sequence[Any]) -> Any:
        match kind:
            case "log":
                return math.exp(self.rng.uniform(math.log(values[0]), math.log(values[1])))
            case "linear":
                return self.rng.uniform(*values)
            case "int":
                return self.rng.randint(*values)
            case _:
                return self.rng.choice(values)

    def place(self, name: str, settings: Mapping[str, Any]) -> float:
        """Where the setting lies in its range, from 0 to 1 on its own scale."""
        kind, *values = self.space[name]
        value = settings[name]
        match kind:
            case "log":
                return math.log(value / values[0]) / math.log(values[1] / values[0])
            case "choice":
                return values.index(value) / (len(values) - 1)
            case _:
                return (value - values[0]) / (values[1] - values[0])

    def noise(self) -> Callable[[], float]:
        """Noise of unit size in one of several shapes, the same shape for the whole study."""
        shape = self.rng.randrange(4)
        def draw() -> float:
            if shape == 0:
                return self.rng.gauss(0, 1)
            if shape == 1:
                return self.rng.uniform(-1.7, 1.7)
            if shape == 2:
                return (self.rng.expovariate(1) - 1)
            return 0.55 * math.log(1 / self.rng.uniform(1e-9, 1 - 1e-9) - 1)
        return draw

    def curve(self, value: float, start: float, points: int = 8, steps: int = 200) -> list[list[float | None]]:
        found: list[list[float | None]] = []
        for index in range(points + 1):
            fall = math.exp(-7 * index / points)
            valid = value + (start - value) * fall
            found.append([index * steps // points, None if index == 0 else 0.97 * valid, valid])
        return found

    def lines(self, values: Sequence[float], errors: Sequence[str] | None = None, pruned: float = 0.0,
              curves: bool | None = None) -> list[str]:
        """The worst of the runs, and some others, are written as pruned; those with an error as failed."""
        rng = self.rng
        with_curves = rng.random() < 0.5 if curves is None else curves
        start = max(values) + 3 * (max(values) - min(values)) + 1
        limit = sorted(values)[min(len(values) - 1, int(len(values) * 0.55))]
        out, left = [], int(pruned * len(values))
        for number, (settings, value) in enumerate(zip(self.settings, values, strict=True)):
            error = errors[number] if errors else ""
            line: dict[str, Any] = {"number": number, "params": settings, "state": "complete", "value": value}
            if with_curves:
                line["curve"] = self.curve(value, start)
            if error:
                line |= {"state": "failed", "value": rng.choice([None, math.nan]), "error": error, "curve": []}
            elif number >= 4 and left > 0 and value > limit and rng.random() < 0.8:
                left -= 1
                line |= {"state": "pruned", "value": rng.choice([None, value * 1.2])}
                line["curve"] = line.get("curve", [])[:3]
            out.append(json.dumps(line))
        return out


def some(rng: random.Random, count: int, without: Sequence[str] = (), numeric: bool = False) -> list[str]:
    """Names of knobs, drawn at random."""
    names = [name for name, (kind, *values) in POOL.items()
             if name not in without and not (numeric and (kind == "choice" and len(values) < 5))]
    return rng.sample(names, count)


def nothing(seed: int) -> Planted:
    rng = random.Random(seed)
    made = Draw(seed, some(rng, rng.randint(1, 7)), rng.randint(8, 80))
    noise, size = made.noise(), rng.choice([0.01, 0.1, 0.3])
    values = [1.5 + size * noise() for _ in made.settings]
    return Planted(lines=made.lines(values, pruned=rng.choice([0, 0, 0.15, 0.3])))


SHAPES: Mapping[str, Callable[[float], float]] = {
    "up": lambda x: x, "down": lambda x: 1 - x, "valley": lambda x: 4 * (x - 0.45) ** 2,
    "step": lambda x: float(x > 0.5), "late": lambda x: x**3, "early": lambda x: (1 - x) ** 3,
    "saturating": lambda x: math.exp(-4 * x),
}


def one_matters(seed: int) -> Planted:
    """One knob of two to six explains five to fifteen times as much as noise does."""
    rng = random.Random(seed + 500)
    names = some(rng, rng.randint(2, 6))
    made = Draw(seed + 500, names, rng.randint(24, 80))
    name = rng.choice(names)
    shape, noise = SHAPES[rng.choice(list(SHAPES))], made.noise()
    if POOL[name][0] == "choice":
        shape = SHAPES[rng.choice(["up", "down"])]
    size = rng.uniform(0.06, 0.12)
    values = [0.7 + shape(made.place(name, each)) + size * noise() for each in made.settings]
    return Planted(lines=made.lines(values, pruned=rng.choice([0, 0.15, 0.3])), names=(name,))


def threshold(seed: int) -> Planted:
    """Everything above a learning rate breaks down."""
    rng = random.Random(seed + 900)
    low, high = rng.choice([(1e-5, 1e-2), (1e-4, 1e-1), (3e-5, 3e-2)])
    names = ["learning_rate", *some(rng, rng.randint(1, 4), ("learning_rate",))]
    made = Draw(seed + 900, names, rng.randint(16, 50), {"learning_rate": ("log", low, high)})
    cut = low * (high / low) ** rng.uniform(0.45, 0.75)
    noise, bowl = made.noise(), rng.choice([0.0, 0.4])
    values = [1.0 + bowl * (made.place("learning_rate", each) - 0.3) ** 2 + 0.03 * noise() for each in made.settings]
    errors = [rng.choice(BROKE) if each["learning_rate"] > cut else "" for each in made.settings]
    rates = [each["learning_rate"] for each in made.settings]
    return Planted(lines=made.lines(values, errors, pruned=rng.choice([0, 0.1])), names=("learning_rate",),
                   low=max(rate for rate in rates if rate <= cut), high=min(rate for rate in rates if rate > cut))


def edge(seed: int) -> Planted:
    """One number's best lies beyond the range."""
    rng = random.Random(seed + 1300)
    name = rng.choice(["learning_rate", "learning_rate", "lora_dropout", "weight_decay", "hidden_mix", "lora_alpha"])
    side = rng.choice(["low", "high"])
    if name in ("lora_dropout",):
        side = "high"
    names = [name, *some(rng, rng.randint(1, 4), (name,))]
    made = Draw(seed + 1300, names, rng.randint(24, 70))
    noise, power = made.noise(), rng.choice([1.0, 1.5, 0.8])
    def far(each: Mapping[str, Any]) -> float:
        place = made.place(name, each)
        return float((place if side == "low" else 1 - place) ** power)
    values = [0.5 + far(each) + 0.04 * noise() for each in made.settings]
    return Planted(lines=made.lines(values, pruned=rng.choice([0, 0.2])), names=(name,), side=side)


def overfits(seed: int) -> Planted:
    """Validation turns up after some epochs while training goes on falling."""
    rng = random.Random(seed + 1700)
    names = ["epochs", *some(rng, rng.randint(1, 3), ("epochs",))]
    longest = rng.choice([10, 20, 30])
    made = Draw(seed + 1700, names, rng.randint(10, 40), {"epochs": ("int", 2, longest)})
    turn, slope, wobble = rng.uniform(0.25, 0.4) * longest, rng.uniform(0.6, 1.2) / longest, rng.uniform(0.002, 0.01)
    steps = rng.choice([10, 37, 100])
    whole = rng.random() < 0.8
    out = []
    for number, each in enumerate(made.settings):
        curve = []
        for epoch in range(each["epochs"] + 1):
            valid = 0.9 + 2.0 * math.exp(-3 * epoch / turn) + slope * max(0.0, epoch - turn) + rng.gauss(0, wobble)
            curve.append([epoch * steps, 2.9 * math.exp(-2.2 * epoch / turn) + 0.02, valid])
        if not whole:
            curve = [point for index, point in enumerate(curve) if index % 2 == 0 or index == len(curve) - 1]
        out.append(json.dumps({"number": number, "params": each, "state": "complete", "value": curve[-1][2],
                               "train_loss": curve[-1][1], "curve": curve}))
    return Planted(lines=out, names=("epochs",))


def overfits_without_curves(seed: int) -> Planted:
    """Only last losses are known: the more epochs, the lower the training loss and the higher the validation loss."""
    rng = random.Random(seed + 1900)
    made = Draw(seed + 1900, ["epochs", "lora_rank"], rng.randint(20, 40), {"epochs": ("int", 3, 20)})
    out = []
    for number, each in enumerate(made.settings):
        value = 0.8 + 0.05 * each["epochs"] + rng.gauss(0, 0.05)
        out.append(json.dumps({"number": number, "params": each, "state": "complete", "value": value, "curve": [],
                               "train_loss": 2.0 * math.exp(-0.2 * each["epochs"]) + abs(rng.gauss(0, 0.01))}))
    return Planted(lines=out, names=("epochs",))


def interaction(seed: int) -> Planted:
    """Two numbers that are good only together."""
    rng = random.Random(seed + 2100)
    numeric = ["learning_rate", "weight_decay", "lora_alpha", "lora_dropout", "hidden_mix", "warmup_ratio", "lora_rank"]
    left, right = rng.sample(numeric, 2)
    names = [left, right, *some(rng, rng.randint(0, 3), (left, right))]
    made = Draw(seed + 2100, names, rng.randint(45, 80))
    noise, kind = made.noise(), rng.choice(["product", "ridge", "against"])
    def worth(each: Mapping[str, Any]) -> float:
        x, y = made.place(left, each) - 0.5, made.place(right, each) - 0.5
        match kind:
            case "product":
                return -4 * x * y
            case "ridge":
                return 2 * (x - y) ** 2
            case _:
                return 4 * x * y
    values = [1.2 + worth(each) + 0.12 * noise() for each in made.settings]
    return Planted(lines=made.lines(values, pruned=rng.choice([0, 0, 0.1])), names=(left, right))


def six(seed: int) -> Planted:
    rng = random.Random(seed + 2500)
    names = some(rng, rng.randint(1, 5))
    made = Draw(seed + 2500, names, 6)
    size = rng.choice([0.0, 1.0])
    values = [0.7 + size * made.place(names[0], each) + 0.05 * rng.gauss(0, 1) for each in made.settings]
    return Planted(lines=made.lines(values))


def memory(seed: int) -> Planted:
    """Out of memory where batch size times length is too much, whatever else is set."""
    rng = random.Random(seed + 2900)
    names = ["batch_size", "max_length", *some(rng, rng.randint(0, 3), ("batch_size",))]
    lengths = rng.choice([("choice", 256, 512, 1024, 2048), ("int", 128, 2048)])
    batches = rng.choice([("choice", 4, 8, 16, 32, 64), ("choice", 2, 4, 8, 16, 32)])
    made = Draw(seed + 2900, names, rng.randint(24, 70), {"batch_size": batches, "max_length": lengths})
    most = 16_384
    noise = made.noise()
    tokens = [each["batch_size"] * each["max_length"] for each in made.settings]
    errors = [rng.choice(MEMORY) if one > most else "" for one in tokens]
    values = [1.0 + 0.05 * noise() for _ in made.settings]
    return Planted(lines=made.lines(values, errors), names=("batch_size", "max_length"),
                   low=max(one for one in tokens if one <= most), high=min(one for one in tokens if one > most))


def lucky(seed: int) -> Planted:
    """Nothing matters, and one run was far better than all others."""
    rng = random.Random(seed + 3300)
    made = Draw(seed + 3300, some(rng, rng.randint(2, 5)), rng.randint(24, 70))
    values = [1.0 + 0.05 * rng.gauss(0, 1) for _ in made.settings]
    chosen = rng.randrange(1, len(values))
    values[chosen] = min(values) - 0.05 * rng.uniform(7, 12)
    return Planted(lines=made.lines(values), number=chosen)


def lucky_among_seeds(seed: int) -> Planted:
    """A few settings, each run with several seeds; all are equally good, and one seed of one was very kind."""
    rng = random.Random(seed + 3700)
    made = Draw(seed + 3700, ["learning_rate", "lora_rank"], 5)
    made.settings = [each | {"seed": number} for each in made.settings for number in range(rng.choice([3, 4, 5]))]
    values = [1.0 + 0.03 * rng.gauss(0, 1) for _ in made.settings]
    chosen = rng.randrange(1, len(values))
    values[chosen] = min(values) - 0.03 * rng.uniform(6, 10)
    return Planted(lines=made.lines(values), number=chosen)


def one_matters_in_a_search(seed: int) -> Planted:
    """A knob of five levels matters, and a real search goes to its good level soon and tries little else."""
    import optuna

    rng = random.Random(seed + 4100)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    side, noise = rng.choice([1, -1]), rng.choice([0.02, 0.05])
    out = []
    for number in range(rng.choice([25, 30, 40])):
        trial = study.ask()
        params = {"lora_rank": trial.suggest_categorical("lora_rank", [4, 8, 16, 32, 64]),
                  "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True),
                  "lora_dropout": trial.suggest_float("lora_dropout", 0.0, 0.3)}
        value = 1.0 + 0.15 * side * math.log2(params["lora_rank"] / 16) + rng.gauss(0, noise)
        study.tell(trial, value)
        out.append(json.dumps({"number": number, "params": params, "state": "complete", "value": value}))
    return Planted(lines=out, names=("lora_rank",))


def halves(seed: int) -> Planted:
    """Two numbers that are bad where exactly one of them is in its upper half; a third does nothing."""
    rng = random.Random(seed + 4500)
    names = rng.sample(["learning_rate", "weight_decay", "lora_alpha", "hidden_mix"], 3)
    made = Draw(seed + 4500, names, rng.randint(40, 60))
    noise = made.noise()
    values = [1.0 + 0.5 * ((made.place(names[0], each) > 0.5) != (made.place(names[1], each) > 0.5)) + 0.05 * noise()
              for each in made.settings]
    return Planted(lines=made.lines(values), names=tuple(names[:2]))
