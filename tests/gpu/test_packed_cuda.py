"""A pack on a CUDA device: the numbers of the CPU, in bf16 too, within its memory, and split when that is short."""

from __future__ import annotations

import copy
import dataclasses
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # the tiny models and benches live there

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_models import save_model

    return save_model(tmp_path_factory.mktemp("cuda") / "llama", hidden_size=64, intermediate_size=128, head_dim=16)


@pytest.fixture(scope="module")
def on_gpu(folder: Path) -> Any:
    """As it is loaded there: bf16 where the device has it."""
    from tuner.train.model import load_base

    return load_base(str(folder))


@pytest.fixture(scope="module")
def on_cpu(folder: Path) -> Any:
    from tuner.train.model import load_base

    return load_base(str(folder), CPU)


@pytest.fixture(scope="module")
def exact(on_gpu: Any, on_cpu: Any) -> Any:
    """The same in fp32."""
    return dataclasses.replace(on_gpu, model=copy.deepcopy(on_cpu.model).to(on_gpu.device))


@pytest.fixture(autouse=True)
def _no_tf32() -> Any:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32 = before


def swept(base: Any, dropout: float = 0.3, count: int = 8, slots: int = 8, **changes: Any) -> Any:
    """All knobs different, uneven micro-batches."""
    from packed_reference import Sweep, steps_of, various
    from training_bench import encoded

    from tuner.train.packed.pack import Pack

    made, rows = Sweep(Pack(base, slots)), encoded(base, 20)
    for slot, settings in enumerate(various(count, highest=2e-3, lora_dropout=dropout, **changes)):
        made.place(slot, settings, steps_of(rows, settings, 12))
    return made.run()


def test_a_pack_in_fp32_has_the_curves_of_the_cpu(exact: Any, on_cpu: Any) -> None:
    """Dropout too: its masks are the same on every device."""
    found, expected = swept(exact), swept(on_cpu)
    assert not found.errors
    for slot, curve in expected.curves.items():
        assert found.curves[slot] == pytest.approx(curve, abs=2e-3), f"slot {slot}"
        for name, pair in expected.pack.weights(slot).items():
            for left, right in zip(found.pack.weights(slot)[name], pair, strict=True):
                torch.testing.assert_close(left.cpu(), right, rtol=0, atol=5e-3)


def test_a_trial_is_the_same_alone_and_packed(exact: Any) -> None:
    from packed_reference import Sweep, steps_of, various
    from training_bench import encoded

    from tuner.train.packed.pack import Pack

    packed, rows = swept(exact), encoded(exact, 20)
    for slot, settings in enumerate(various(8, highest=2e-3, lora_dropout=0.3)):
        alone = Sweep(Pack(exact, 1))
        alone.place(0, settings, steps_of(rows, settings, 12))
        assert packed.curves[slot] == pytest.approx(alone.run().curves[0], abs=1e-3)


def test_the_same_pack_twice_is_the_same(on_gpu: Any) -> None:
    once, again = swept(on_gpu), swept(on_gpu)
    for slot, curve in once.curves.items():
        assert again.curves[slot] == pytest.approx(curve, rel=2e-3)


def test_a_pack_in_bf16_learns_what_it_learns_in_fp32(on_gpu: Any, exact: Any) -> None:
    from training_bench import encoded

    from tuner.evaluate.losses import losses

    rows, found = encoded(on_gpu, 20), {}
    for name, base in (("bf16", on_gpu), ("fp32", exact)):
        done = swept(base, dropout=0.0, count=3, label_smoothing=0.0)
        found[name] = []
        for slot in range(3):
            with done.pack.alone(slot):
                found[name].append(losses(base.model, rows, base.device, base.layout).loss)
    assert found["bf16"] == pytest.approx(found["fp32"], rel=0.02)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_in_its_slot(on_gpu: Any, value: float) -> None:
    from packed_reference import Sweep, steps_of, various
    from training_bench import encoded

    from tuner.train.packed.pack import Pack

    rows, runs = encoded(on_gpu, 20), []
    for is_sick in (False, True):
        made = Sweep(Pack(on_gpu, 4))
        for slot, settings in enumerate(various(3)):
            made.place(slot, settings, steps_of(rows, settings, 1))
        if is_sick:
            made.pack._stack.values[1] = value
        runs.append(made.run())
    for slot in (0, 2):
        assert runs[1].curves[slot] == runs[0].curves[slot]
        for name, pair in runs[0].pack.weights(slot).items():
            for left, right in zip(runs[1].pack.weights(slot)[name], pair, strict=True):
                assert right.isfinite().all()
                torch.testing.assert_close(left, right, rtol=1e-2, atol=1e-4)


def test_a_pack_takes_no_more_than_was_planned(on_gpu: Any) -> None:
    from packed_reference import various
    from training_bench import encoded

    from tuner.train.packed.memory import used_bytes
    from tuner.train.packed.pack import Micro, Pack
    from tuner.train.packed.probe import measured

    costs, rows = measured(on_gpu, 16), encoded(on_gpu, 20)
    chosen = various(8, lora_rank=16, lora_dropout=0.2, target_modules="all")
    for shares in ((8,) * 8, (1, 20, 3, 0, 0, 7, 2, 2)):
        work = {slot: Micro(examples=rows[:count], answers=100) for slot, count in enumerate(shares) if count}
        tokens = sum(len(row.ids) for one in work.values() for row in one.examples)
        with used_bytes(on_gpu.device) as used:
            pack = Pack(on_gpu, 8, rank=16)
            for slot, settings in enumerate(chosen):
                pack.place(slot, settings)
            for _ in range(2):
                assert not any(isinstance(one, Exception) for one in pack.gradients(work).values())
                pack.advance(dict.fromkeys(work, 1e-3), pack.norms(list(work)))
        assert used.peak <= costs.total(8, tokens)
        del pack


def test_a_pass_that_the_gpu_cannot_hold_is_split_and_told(on_gpu: Any, tmp_path: Path) -> None:
    from training_bench import SETTINGS, bench

    from tuner.train.packed.sweep import Sweep

    narrowed: list[tuple[int, int]] = []
    ended: dict[int, Any] = {}
    sweep = Sweep(bench(tmp_path, on_gpu, count=120), 8, lambda *_: None, ended.__setitem__, lambda _number: "",
                  tokens_at_once=10**6, narrowed=lambda *said: narrowed.append(said))
    for slot in range(8):
        sweep.start(slot, slot, {**SETTINGS, "seed": slot, "batch_size": 48, "epochs": 1})
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    # Room for one trial's micro-batch of about 3,000 tokens, not for eight.
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 48 * 2**20) / total)
    try:
        while not sweep.is_idle:
            sweep.turn()
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert narrowed
    assert narrowed[0] == (8, 4)
    assert {(one.outcome, one.cause) for one in ended.values()} == {("complete", "")}


def test_the_chats_share_is_left_out() -> None:
    from tuner.train.packed.memory import budget_bytes

    device = torch.device("cuda", torch.cuda.current_device())
    free, total = torch.cuda.mem_get_info(device)
    whole, half = budget_bytes(device), budget_bytes(device, 0.5)
    assert 0 < half <= 0.5 * total
    assert half <= whole <= free + torch.cuda.memory_reserved(device)
