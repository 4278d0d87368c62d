"""A trial that is put aside and goes on later, elsewhere, is the trial that never waited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from test_packed_sweep import Told, all_of, curve
from training_bench import SETTINGS, bench, load

from tuner.checkpoints.parked import forget_parked, parked_file
from tuner.train.bench import Bench
from tuner.train.packed.sweep import Sweep

pytestmark = pytest.mark.slow  # real training of many small models

VARIED: dict[str, Any] = {
    "epochs": 3, "batch_size": 2, "gradient_accumulation": 3, "lora_dropout": 0.3, "lora_rank": 5, "weight_decay": 0.1,
    "label_smoothing": 0.1, "lr_schedule": "cosine", "warmup_ratio": 0.3, "seed": 11}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("base"))


def quick(folder: Path, base: Any) -> Bench:
    own = bench(folder, base)
    vars(own)["asked"] = ()  # written answers would take most of the time
    return own


def adapter(folder: Path, number: int) -> bytes:
    return (folder / "checkpoints" / f"trial-{number}" / "adapter_model.safetensors").read_bytes()


def parked(swept: Sweep, told: Told, number: int, turns: int) -> None:
    """Turns, then turns until the trial has been put aside."""
    for _ in range(turns):
        swept.turn()
    told.wishes[number] = "parked"
    while number not in told.ended:
        swept.turn()
    del told.wishes[number]


@pytest.mark.parametrize("turns", [0, 4, 11, 14])
def test_it_goes_on_in_another_sweep_bit_by_bit(tmp_path: Path, base: Any, turns: int) -> None:
    """Dropout, accumulation (4 and 11 turns are in the middle of a step), warm-up; over the end of an epoch."""
    straight = all_of(quick(tmp_path / "straight", base), {3: VARIED}, 1, tokens_at_once=4096)
    told, own = Told(), quick(tmp_path / "parted", base)
    first = told.sweep(own, 2, tokens_at_once=4096)
    first.start(1, 3, {**SETTINGS, **VARIED})
    parked(first, told, 3, turns)
    aside = told.ended.pop(3)
    assert (aside.outcome, aside.cause, aside.checkpoint) == ("parked", "", None)
    assert first.is_idle
    assert parked_file(own.checkpoints, 3).is_file()
    second = told.sweep(own, 3, tokens_at_once=4096)
    second.start(0, 3, {**SETTINGS, **VARIED}, parked=True)
    assert not parked_file(own.checkpoints, 3).exists()
    while not second.is_idle:
        second.turn()
    assert told.ended[3].outcome == "complete"
    assert told.ended[3].metrics == straight.ended[3].metrics
    assert told.ended[3].tokens == straight.ended[3].tokens
    assert told.ended[3].seconds > aside.seconds
    assert curve(told.progress[3]) == curve(straight.progress[3])
    assert adapter(tmp_path / "parted", 3) == adapter(tmp_path / "straight", 3)


def test_neighbours_notice_nothing_and_its_slot_is_free(tmp_path: Path, base: Any) -> None:
    """Another trial of a higher rank takes its slot while it waits."""
    alone = all_of(quick(tmp_path / "alone", base), {0: {"epochs": 4}}, 1, tokens_at_once=4096)
    parting = all_of(quick(tmp_path / "whole", base), {3: VARIED}, 1, tokens_at_once=4096)
    told, own = Told(), quick(tmp_path / "beside", base)
    swept = told.sweep(own, 2, tokens_at_once=4096)
    swept.start(0, 0, {**SETTINGS, "epochs": 4})
    swept.start(1, 3, {**SETTINGS, **VARIED})
    parked(swept, told, 3, 5)
    swept.start(1, 4, {**SETTINGS, "lora_rank": 24, "epochs": 1})
    while 4 not in told.ended:
        swept.turn()
    del told.ended[3]
    swept.start(1, 3, {**SETTINGS, **VARIED}, parked=True)
    while not swept.is_idle:
        swept.turn()
    for number, expected in ((0, alone), (3, parting)):
        assert told.ended[number].metrics["loss"] == pytest.approx(expected.ended[number].metrics["loss"], abs=1e-5)
        assert curve(told.progress[number]) == [(step, pytest.approx(loss, abs=1e-5))
                                                for step, loss in curve(expected.progress[number])]


def test_a_wish_to_end_outweighs_the_wish_to_wait(tmp_path: Path, base: Any) -> None:
    told = Told()
    swept = told.sweep(quick(tmp_path, base), 1)
    swept.start(0, 5, {**SETTINGS, "epochs": 50})
    swept.turn()
    told.wishes[5] = "stopped"
    swept.turn()
    assert (told.ended[5].outcome, told.ended[5].checkpoint) == ("stopped", "trial-5")
    assert not list((tmp_path / "checkpoints").glob(".parked-*"))


def test_a_trial_whose_file_is_gone_fails_alone(tmp_path: Path, base: Any) -> None:
    told, own = Told(), quick(tmp_path, base)
    swept = told.sweep(own, 2)
    swept.start(0, 5, SETTINGS)
    parked(swept, told, 5, 2)
    forget_parked(own.checkpoints)
    swept.start(1, 6, {**SETTINGS, "epochs": 1})
    swept.start(0, 5, SETTINGS, parked=True)
    assert (told.ended[5].outcome, told.ended[5].cause) == ("failed", "crashed")
    while not swept.is_idle:
        swept.turn()
    assert told.ended[6].outcome == "complete"


def test_a_trial_for_which_the_disk_has_no_room_goes_on(tmp_path: Path, base: Any,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_state: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("PytorchStreamWriter failed writing file: No space left on device")

    monkeypatch.setattr(torch, "save", full)
    told = Told()
    swept = told.sweep(quick(tmp_path, base), 1)
    swept.start(0, 5, SETTINGS)
    parked(swept, told, 5, 1)
    assert (told.ended[5].outcome, told.ended[5].checkpoint) == ("complete", "trial-5")
    assert not list((tmp_path / "checkpoints").glob(".parked-*"))
