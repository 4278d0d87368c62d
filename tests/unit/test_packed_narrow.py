"""A sweep in little memory: planned within it, split where it is too much all the same, and no trial is lost."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from training_bench import SETTINGS, bench, load

from tuner.train.packed.pack import Pack
from tuner.train.packed.sweep import Sweep
from tuner.train.trial import TrialOutcome

pytestmark = pytest.mark.slow  # real training of many small models

TRIALS = {number: {"seed": number, "batch_size": 2 + number, "lora_rank": 2 + 3 * number, "epochs": 2,
                   "learning_rate": 1e-3} for number in range(4)}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("base"))


def silent(folder: Path, base: Any) -> Any:
    """A bench without written answers, which would take most of the time."""
    own = bench(folder, base)
    vars(own)["asked"] = ()
    return own


class Told:
    """What a sweep said."""

    def __init__(self, own: Any, slots: int, **options: Any) -> None:
        self.curves: dict[int, list[float]] = defaultdict(list)
        self.ended: dict[int, TrialOutcome] = {}
        self.narrowed: list[tuple[int, int]] = []
        self.wishes: dict[int, Any] = {}
        self.sweep = Sweep(own, slots, self._tell, self.ended.__setitem__, lambda number: self.wishes.get(number, ""),
                           narrowed=lambda *said: self.narrowed.append(said), **options)

    def _tell(self, number: int, at: Any) -> None:
        if at.valid_loss is not None:
            self.curves[number].append(at.valid_loss)

    def start(self, chosen: dict[int, dict[str, Any]]) -> Told:
        for slot, (number, changes) in enumerate(chosen.items()):
            self.sweep.start(slot, number, {**SETTINGS, **changes})
        return self

    def run(self) -> Told:
        while not self.sweep.is_idle:
            self.sweep.turn()
        return self

    @property
    def ends(self) -> dict[int, tuple[str, str]]:
        return {number: (one.outcome, one.cause) for number, one in self.ended.items()}


@pytest.fixture(scope="module")
def roomy(base: Any, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """With memory for everything."""
    return Told(silent(tmp_path_factory.mktemp("roomy"), base), 4, tokens_at_once=4096).start(TRIALS).run()


def limit(monkeypatch: pytest.MonkeyPatch, base: Any, most: int) -> list[int]:
    """From now on a packed forward of more tokens fails; their numbers."""
    forward, failed = base.model.forward, []

    @functools.wraps(forward)  # a pack looks at its arguments
    def short_of_memory(*args: Any, **named: Any) -> Any:
        if named.get("places") is not None and torch.is_grad_enabled() and named["input_ids"].numel() > most:
            failed.append(named["input_ids"].numel())
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(*args, **named)

    monkeypatch.setattr(base.model, "forward", short_of_memory)
    return failed


def test_a_pass_that_is_too_large_is_split_and_every_trial_ends_as_with_more_memory(
    tmp_path: Path, base: Any, roomy: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(silent(tmp_path, base), 4, tokens_at_once=4096)
    failed = limit(monkeypatch, base, 420)
    told.start(TRIALS).run()
    assert told.ends == roomy.ends == dict.fromkeys(TRIALS, ("complete", ""))
    for number, curve in told.curves.items():
        assert curve == pytest.approx(roomy.curves[number], abs=1e-4)
    assert 1 <= len(failed) <= 3, "once narrowed, it is not tried again"
    assert told.narrowed[0] == (4, 2)
    assert len(told.narrowed) == len(failed)


def test_a_trial_too_large_by_itself_ends_alone_and_names_its_batch(
    tmp_path: Path, base: Any, roomy: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told(silent(tmp_path, base), 5, tokens_at_once=4096)
    limit(monkeypatch, base, 420)
    told.start({**TRIALS, 9: {"batch_size": 12}}).run()
    assert told.ends == {**roomy.ends, 9: ("failed", "out_of_memory")}
    assert "a batch of 12 examples of up to " in told.ended[9].error
    for number in TRIALS:
        assert told.curves[number] == pytest.approx(roomy.curves[number], abs=1e-4)


def test_a_trial_that_finds_no_room_waits_until_others_have_ended(
    tmp_path: Path, base: Any, roomy: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Pack.place

    def crowded(pack: Pack, slot: int, settings: Any, state: Any) -> None:
        if len(pack._held) >= 2:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        place(pack, slot, settings, state)

    monkeypatch.setattr(Pack, "place", crowded)
    told = Told(silent(tmp_path, base), 5, tokens_at_once=4096).start({**TRIALS, 9: {}})
    assert not told.ended
    with pytest.raises(ValueError, match="slot 3 holds trial 3"):
        told.sweep.start(3, 7, SETTINGS)
    told.wishes[9] = "pruned"
    told.run()
    assert told.ends == {**roomy.ends, 9: ("pruned", "pruned")}
    for number in TRIALS:
        assert told.curves[number] == pytest.approx(roomy.curves[number], abs=1e-4)
    assert told.narrowed[0] == (3, 2)


def test_a_step_that_is_too_large_for_all_is_made_one_by_one(
    tmp_path: Path, base: Any, roomy: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The optimiser's own numbers take memory too; and so does a validation, which comes again once it is freed."""
    import tuner.train.packed.pack as module
    import tuner.train.packed.sweep as sweep

    advance, measure, calls = module.advance, sweep.losses, itertools.count()
    steps = itertools.count()

    def short_step(stack: Any, updates: Any) -> None:
        if len(updates) > 1 and next(steps) < 3:
            raise torch.OutOfMemoryError("no room for a step")
        advance(stack, updates)

    def short_measure(*args: Any, **named: Any) -> Any:
        if next(calls) in (0, 3):
            raise torch.OutOfMemoryError("no room for a validation")
        return measure(*args, **named)

    monkeypatch.setattr(module, "advance", short_step)
    monkeypatch.setattr(sweep, "losses", short_measure)
    told = Told(silent(tmp_path, base), 4, tokens_at_once=4096).start(TRIALS).run()
    assert told.ends == roomy.ends
    for number in TRIALS:
        assert told.curves[number] == pytest.approx(roomy.curves[number], abs=1e-5)


def test_no_room_for_a_single_trial_is_its_own_failure(
    tmp_path: Path, base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(Pack, "place", full)
    assert Told(silent(tmp_path, base), 2, tokens_at_once=99).start({0: {}}).run().ends == {
        0: ("failed", "out_of_memory")}


def test_a_sweep_stays_within_the_memory_that_it_is_given(tmp_path: Path, base: Any) -> None:
    """What torch's allocator gives out is counted from outside."""
    given, own = 10 * 2**20, silent(tmp_path, base)

    def train() -> Told:
        told = Told(own, 64, memory_bytes=given, rank=32)
        ranks = [32 - number % 3 for number in range(told.sweep.slots)]
        return told.start({number: {"seed": number, "lora_rank": rank, "epochs": 1}
                           for number, rank in enumerate(ranks)}).run()

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        told = train()
    kineto = profiled.profiler.kineto_results  # type: ignore[union-attr]
    sizes = [event.nbytes() for event in kineto.events() if event.name() == "[memory]"]
    assert 2 < told.sweep.slots < 32
    assert set(told.ends.values()) == {("complete", "")}
    assert len(told.ends) == told.sweep.slots
    assert max(itertools.accumulate(sizes)) <= given
