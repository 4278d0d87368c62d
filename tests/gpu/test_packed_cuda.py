"""A pack on a CUDA device in bf16: every way of its products, the same pack twice, and the same loss as on a CPU."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # the tiny models and benches live there

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.mark.parametrize("sizes", [(24, 8, 1, 40), (16, 16, 16, 16)])
def test_every_way_gives_the_same_numbers(sizes: tuple[int, ...]) -> None:
    from tuner.train.packed.product import slot_product
    from tuner.train.packed.spans import best_way, make_spans

    device, tokens, ranks = torch.device("cuda"), sum(sizes), (8, 16, 8, 16)
    torch.manual_seed(0)
    x, weight, a, b = (torch.randn(*shape, device=device).bfloat16()
                       for shape in ((tokens, 64), (32, 64), (4, 16, 64), (4, 16, 32)))
    for slot, rank in enumerate(ranks):
        a[slot, rank:], b[slot, rank:] = 0, 0
    found = {}
    for way in dict.fromkeys(("loop", "padded", best_way(sizes, device, torch.bfloat16))):
        own = make_spans(sizes, ranks, (1.0, 0.5, 2.0, 1.0), device, torch.bfloat16, way)
        given = [one.clone().requires_grad_() for one in (x, a, b)]
        out = slot_product(given[0], weight, None, *given[1:], own)
        found[way] = [out, *torch.autograd.grad(out.float().square().sum(), given)]
    for way, parts in found.items():
        for expected, got in zip(found["loop"], parts, strict=True):
            assert (got - expected).float().norm() <= 2e-2 * expected.float().norm(), way


def test_a_pack_learns_in_bf16_as_it_does_on_a_processor(tmp_path: Path) -> None:
    from packed_reference import Sweep, steps_of, various
    from training_bench import encoded, load

    from tuner.train.model import load_base
    from tuner.train.packed.pack import Pack

    base = load(tmp_path)
    rows = encoded(base, 20)
    curves: dict[str, Any] = {}
    for name, own in (("cuda", base), ("again", base), ("cpu", load_base(base.source, torch.device("cpu")))):
        swept = Sweep(Pack(own, 4))
        for slot, settings in enumerate(various(4, lora_dropout=0.1)):
            swept.place(slot, settings, steps_of(rows, settings, 20))
        curves[name] = swept.run().curves
    for slot, curve in curves["cpu"].items():
        assert curves["cuda"][slot] == pytest.approx(curve, rel=0.05)
        assert curves["cuda"][slot] == pytest.approx(curves["again"][slot], rel=1e-3)
