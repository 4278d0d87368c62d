"""A pack's memory is foreseen: planned within its budget, measured on probes, held against torch's own allocator."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from packed_reference import various
from torch.profiler import ProfilerActivity, profile
from training_bench import encoded, load

from tuner.train.packed import memory, probe
from tuner.train.packed.memory import Costs, budget_bytes, free_bytes, plan_memory, used_bytes
from tuner.train.packed.pack import Micro, Pack
from tuner.train.packed.probe import fitted, measured

CPU = torch.device("cpu")
BYTES = st.floats(0, 1e9)
COSTS = st.builds(Costs, slot=BYTES, turn=BYTES, token=BYTES, step=BYTES, other=BYTES)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def costs(base: Any) -> Costs:
    return measured(base, 16)


def allocated(work: Callable[[], object]) -> int:
    """What torch's allocator gave out at most, beyond what was there."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as told:
        kept = work()
    kineto = told.profiler.kineto_results  # type: ignore[union-attr]
    sizes = [event.nbytes() for event in kineto.events() if event.name() == "[memory]"]
    del kept
    return max(itertools.accumulate(sizes), default=0)


@given(costs=COSTS, budget=st.integers(0, 10**12), slots=st.integers(1, 64), tokens=st.integers(1, 2**15))
def test_a_plan_never_exceeds_its_budget_and_wastes_none(costs: Costs, budget: int, slots: int, tokens: int) -> None:
    found = plan_memory(costs, budget, slots, tokens)
    least = min(256, tokens)
    if found is None:
        assert costs.total(1, least) > budget, "a single trial does not fit"
        return
    assert 1 <= found.slots <= slots
    assert least <= found.tokens <= tokens
    assert costs.total(found.slots, found.tokens) == found.memory_bytes <= budget
    if found.slots < slots:
        assert costs.total(found.slots + 1, least) > budget, "one trial more would not fit"
    if found.tokens < tokens and costs.token > 1:
        assert costs.total(found.slots, found.tokens + 2) > budget - 4 - 2 * costs.token, "more tokens would not fit"


@given(costs=COSTS, budget=st.integers(0, 10**12), more=st.integers(0, 10**12))
def test_a_larger_budget_holds_no_less(costs: Costs, budget: int, more: int) -> None:
    small, large = plan_memory(costs, budget, 64, 4096), plan_memory(costs, budget + more, 64, 4096)
    assert (large.slots if large else 0) >= (small.slots if small else 0)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("shares", [(8, 8, 8, 8), (1, 0, 0, 0), (2, 11, 0, 3), (20, 20, 20, 20)])
def test_what_a_pack_takes_is_what_was_planned_for_it(base: Any, costs: Costs, dropout: float,
                                                      shares: tuple[int, ...]) -> None:
    """Uneven micro-batches, slots that rest, every kind of layer; measured by the allocator, not by our own count."""
    rows = encoded(base, 20)
    work = {slot: Micro(examples=rows[:count], answers=100) for slot, count in enumerate(shares) if count}
    tokens = sum(len(row.ids) for one in work.values() for row in one.examples)

    def train() -> Pack:
        pack = Pack(base, 4, rank=16)
        for slot, settings in enumerate(various(4, lora_dropout=dropout, lora_rank=16, target_modules="all")):
            pack.place(slot, settings)
        for _ in range(2):
            found = pack.gradients(work)
            assert not any(isinstance(one, Exception) for one in found.values())
            pack.advance(dict.fromkeys(work, 1e-3), pack.norms(list(work)))
        return pack

    train()  # what a first pass sets up once
    foreseen = dataclasses.replace(costs, other=0.0).total(4, tokens)
    assert 0.25 * foreseen < allocated(train) <= foreseen


def test_our_own_count_is_the_allocators() -> None:
    def work() -> object:
        kept = torch.ones(1000, 100)
        first = kept @ torch.ones(100, 50)
        return first.t().contiguous().exp_()[:3]

    work()
    with used_bytes(CPU) as used:
        kept = work()
    assert used.peak == pytest.approx(allocated(work), rel=0.03), "products take a little room of their own"
    assert used.kept == 4 * 1000 * 50
    del kept


def test_what_was_there_before_is_not_counted() -> None:
    there = torch.ones(1000)
    with used_bytes(CPU) as used:
        there[:10].mul_(2).view(2, 5)
    assert used.peak <= 64


def test_a_pack_is_fitted_into_the_memory_that_it_is_given(base: Any, costs: Costs,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "measured", lambda *_: costs)
    for budget in (0, int(costs.other), 12 * 2**20, 2**30):
        found, slots, tokens = fitted(base, 64, 16, budget)
        if found is None:
            assert (slots, tokens) == (1, 1), "one at a time, and the memory itself says whether that is too much"
            assert costs.total(1, 256) > 0.8 * budget
        else:
            assert found.total(slots, tokens) <= budget
            assert tokens >= 256
    assert slots == 64
    assert all("forward" not in vars(layer) for layer in base.model.modules())


def test_a_model_for_which_measuring_is_too_much_gets_one_trial_at_a_time(base: Any, monkeypatch: Any) -> None:
    forward, calls = base.model.forward, itertools.count()

    def full(*args: Any, **named: Any) -> Any:
        if next(calls) > 6 and named["input_ids"].numel() > 100:
            raise torch.OutOfMemoryError("no more")
        return forward(*args, **named)

    monkeypatch.setattr(base.model, "forward", full)
    # A pack asks for the arguments of the model's own forward.
    monkeypatch.setattr(full, "__wrapped__", forward, raising=False)
    assert fitted(base, 8, 16, 2**30) == (None, 1, 1)


def test_a_container_has_what_its_limit_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_LIMIT", tmp_path)
    machine = free_bytes()
    assert 2**20 < machine < 2**50
    for limit, used, free in (("max", 5, None), ("50000000", 20000000, 30000000), ("10", 20, 0)):
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
        assert free_bytes() == free if free is not None else free_bytes() > 2**20
    assert budget_bytes(CPU, 0.2) == 0
