"""Whole trials side by side: outcomes, curves, scores and files of the one-slot path, whatever the neighbours do."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from training_bench import SETTINGS, bench, examples, load, run

from tuner.train.bench import Bench, Splits
from tuner.train.packed.sweep import Sweep
from tuner.train.trial import CheckpointWriteError, TrialOutcome

pytestmark = pytest.mark.slow  # real training of many small models

TRIALS: dict[int, dict[str, Any]] = {
    0: {"seed": 1, "lora_dropout": 0.2},
    1: {"seed": 2, "batch_size": 3, "gradient_accumulation": 2, "lora_rank": 7, "epochs": 3, "label_smoothing": 0.1},
    2: {"seed": 3, "target_modules": "mlp", "lr_schedule": "linear", "max_length": 40, "weight_decay": 0.1},
    3: {"seed": 4, "learning_rate": 1e6},
    4: {"seed": 5, "max_length": 8},
    5: {"seed": 6, "batch_size": 1, "epochs": 4, "lr_schedule": "constant"},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, base: Any) -> tuple[Path, dict[int, Any]]:
    """The trials one after the other, and where their files are."""
    folder = tmp_path_factory.mktemp("alone")
    return folder, {number: run(bench(folder, base), number, **changes) for number, changes in TRIALS.items()}


class Told:
    """Everything that a sweep said, and wishes to give it."""

    def __init__(self) -> None:
        self.progress: dict[int, list[Any]] = defaultdict(list)
        self.ended: dict[int, TrialOutcome] = {}
        self.wishes: dict[int, Any] = {}

    def sweep(self, own: Any, slots: int, **options: Any) -> Sweep:
        return Sweep(own, slots, lambda number, at: self.progress[number].append(at), self.ended.__setitem__,
                     lambda number: self.wishes.get(number, ""), now=lambda: 1000.0, **options)


def all_of(own: Any, chosen: dict[int, dict[str, Any]], slots: int, **options: Any) -> Told:
    """The trials in order, each started as soon as a slot is free."""
    told = Told()
    swept, waiting, held = told.sweep(own, slots, **options), list(chosen), dict.fromkeys(range(slots), -1)
    while waiting or not swept.is_idle:
        for slot, number in held.items():
            if waiting and (number < 0 or number in told.ended):
                held[slot] = waiting.pop(0)
                swept.start(slot, held[slot], {**SETTINGS, **chosen[held[slot]]})
        swept.turn()
    return told


def curve(told: list[Any]) -> list[tuple[int, float]]:
    return [(at.step, at.valid_loss) for at in told if at.valid_loss is not None]


@pytest.mark.parametrize(("slots", "tokens"), [(2, 4096), (6, 4096), (3, 100)])
def test_a_sweep_gives_what_the_one_slot_path_gives(tmp_path: Path, base: Any, alone: tuple[Path, dict[int, Any]],
                                                    slots: int, tokens: int) -> None:
    """Six trials, two of them failures; refilled slots; room for all, and for one micro-batch at a time."""
    packed = bench(tmp_path / "packed", base)
    told = all_of(packed, TRIALS, slots, tokens_at_once=tokens)
    for number in TRIALS:
        expected, said = alone[1][number]
        found = told.ended[number]
        assert (found.outcome, found.cause, found.checkpoint, found.tokens) == (
            expected.outcome, expected.cause, expected.checkpoint, expected.tokens)
        assert found.error[:25] == expected.error[:25], "the last digits may differ"
        assert found.metrics.keys() == expected.metrics.keys()
        for name in ("loss", "train_loss"):
            assert found.metrics.get(name, 0) == pytest.approx(expected.metrics.get(name, 0), abs=1e-4)
        assert curve(told.progress[number]) == [(step, pytest.approx(loss, abs=1e-4)) for step, loss in curve(said)]
        steps = [at.step for at in told.progress[number] if at.valid_loss is None]
        assert steps == sorted(set(steps))
        if found.checkpoint is None:
            continue
        files = [folder / "checkpoints" / found.checkpoint for folder in (tmp_path / "packed", alone[0])]
        assert (files[0] / "adapter_config.json").read_text() == (files[1] / "adapter_config.json").read_text()
        left, right = (load_file(folder / "adapter_model.safetensors") for folder in files)
        assert left.keys() == right.keys()
        assert all((left[name] - right[name]).abs().max() < 1e-3 for name in left)


def test_the_same_sweep_twice_writes_the_same_bytes_and_leaves_the_base_alone(tmp_path: Path, base: Any) -> None:
    """Refilled slots, dropout, a crash in between."""
    before = {name: part.clone() for name, part in base.model.state_dict().items()}
    chosen: dict[int, dict[str, Any]] = {0: {"epochs": 1}, 1: {"learning_rate": 1e6}, 2: {"batch_size": 3, "epochs": 1},
                                         3: {"lora_rank": 9, "seed": 3, "epochs": 1}}
    found = []
    for name in ("one", "other"):
        own = bench(tmp_path / name, base)
        vars(own)["asked"] = ()  # written answers would take most of the time
        told = all_of(own, chosen, 2, tokens_at_once=4096)
        found.append(({number: (one.outcome, one.metrics) for number, one in told.ended.items()},
                      [(path.parent.name, path.read_bytes())
                       for path in sorted((tmp_path / name).rglob("adapter_model.safetensors"))]))
    assert found[0] == found[1]
    assert [folder for folder, _ in found[0][1]] == ["trial-0", "trial-2", "trial-3"]
    assert all(torch.equal(part, before[name]) for name, part in base.model.state_dict().items())


def test_wishes_end_one_trial_and_no_other(tmp_path: Path, base: Any) -> None:
    expected = all_of(bench(tmp_path / "quiet", base), {0: TRIALS[0]}, 1)
    told = Told()
    swept = told.sweep(bench(tmp_path, base), 4)
    swept.start(0, 0, {**SETTINGS, **TRIALS[0]})
    swept.start(1, 7, {**SETTINGS, "epochs": 500})
    swept.start(2, 8, {**SETTINGS, "epochs": 500})
    told.wishes[9] = "stopped"
    swept.start(3, 9, SETTINGS)
    for _ in range(3):
        swept.turn()
    told.wishes |= {7: "pruned", 8: "stopped"}
    while not swept.is_idle:
        swept.turn()
    assert {number: (one.outcome, one.cause, one.checkpoint) for number, one in told.ended.items()} == {
        0: ("complete", "", "trial-0"), 7: ("pruned", "pruned", None), 8: ("stopped", "stopped", "trial-8"),
        9: ("stopped", "stopped", None)}
    assert sorted(folder.name for folder in (tmp_path / "checkpoints").iterdir()) == ["trial-0", "trial-8"]
    assert told.ended[0].metrics["loss"] == pytest.approx(expected.ended[0].metrics["loss"], abs=1e-5)
    assert math.isfinite(told.ended[8].metrics["train_loss"])


def test_a_trial_that_babbles_ends_in_a_pack_where_it_ends_alone(
    tmp_path: Path, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This model never could say a thing, so let it have known everything: its loss then is that of babble."""
    from tuner.train import health

    monkeypatch.setattr(health, "KNOWN", 100.0)
    chosen = {0: {"epochs": 1}, 1: {"epochs": 4, "seed": 1}, 2: {"epochs": 2, "batch_size": 5, "lora_dropout": 0.0}}
    rows = examples(30)
    splits = Splits(train=rows[:12], valid=rows[12:16], test=rows[16:20], chat=(rows[20:23], rows[23:30]))
    one, other = (Bench(base=base, splits=splits, metric="loss", checkpoints=tmp_path / name) for name in ("a", "b"))
    told = all_of(other, chosen, 3, tokens_at_once=4096)
    for number, changes in chosen.items():
        expected, said = run(one, number, **changes)
        found = told.ended[number]
        assert (found.outcome, found.cause, found.checkpoint) == ("failed", "diverged", None)
        assert (expected.outcome, expected.cause, expected.checkpoint) == ("failed", "diverged", None)
        assert "what it could say before" in found.error
        assert curve(told.progress[number]) == [(step, pytest.approx(loss, abs=1e-4)) for step, loss in curve(said)]
    ends = {number: (told.progress[number][-1].step, told.progress[number][-1].steps) for number in chosen}
    assert ends[0][0] == ends[0][1], "a single epoch is looked at"
    assert ends[1][0] * 2 == pytest.approx(ends[1][1], abs=2), "the first of several may stumble"


def test_a_missing_knob_and_a_taken_slot(tmp_path: Path, base: Any) -> None:
    told = Told()
    swept = told.sweep(bench(tmp_path, base), 1)
    swept.start(0, 3, {"epochs": 1})
    assert (told.ended[3].outcome, told.ended[3].cause) == ("failed", "crashed")
    assert "learning_rate" in told.ended[3].error
    swept.start(0, 4, SETTINGS)
    with pytest.raises(ValueError, match="slot 0 holds trial 4"):
        swept.start(0, 5, SETTINGS)


def test_a_full_disk_is_the_whole_runners_end(tmp_path: Path, base: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import tuner.train.trial as trial

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trial, "save", full)
    with pytest.raises(CheckpointWriteError):
        all_of(bench(tmp_path, base), {0: {"epochs": 1}}, 1)


async def test_a_model_that_takes_no_pack_trains_one_at_a_time_and_says_why(tmp_path: Path) -> None:
    import asyncio
    import json

    import transformers
    from tiny_models import tokenizer

    from tuner.data.examples import write
    from tuner.runners.base import Ready, Setup, TrialEnded, TrialSpec
    from tuner.runners.local import launch_local

    torch.manual_seed(0)
    transformers.Gemma2ForCausalLM(transformers.Gemma2Config(
        vocab_size=261, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=256, initializer_range=0.2, pad_token_id=0,
        eos_token_id=1, attn_logit_softcapping=1.0)).save_pretrained(tmp_path / "model")
    tokenizer().save_pretrained(tmp_path / "model")
    write(tmp_path / "examples.jsonl", examples(24))
    runner = await launch_local(Setup(
        model=str(tmp_path / "model"), examples=str(tmp_path / "examples.jsonl"), split_seed=0, split=(14, 5, 5),
        general_chat=0, metric="loss", checkpoints=str(tmp_path / "out"), manifest=json.loads(
            '{"job": 1, "data": "d", "plan": "p"}'), slots=2), tmp_path / "log")
    ended = []
    try:
        async with asyncio.timeout(200):
            async for event in runner.events():
                if isinstance(event, Ready):
                    assert (event.alone, runner.slots) == ("numbers", 1)
                elif isinstance(event, TrialEnded):
                    ended.append((event.number, event.outcome))
                    if len(ended) == 2:
                        break
                if isinstance(event, Ready | TrialEnded):
                    number = len(ended)
                    await runner.start(0, TrialSpec(number=number, settings={**SETTINGS, "epochs": 1}))
    finally:
        await runner.close()
    assert ended == [(0, "complete"), (1, "complete")]
