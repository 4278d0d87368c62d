"""The parts of a pack on their own: hand-written backwards against finite differences, the rest against torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from tuner.train.packed import head
from tuner.train.packed.attention import SLOT_ATTENTION, padded_length, places
from tuner.train.packed.head import HeadLoss
from tuner.train.packed.optim import Update, each_alone, norms, together
from tuner.train.packed.product import slot_product
from tuner.train.packed.spans import Spans, best_way, make_spans
from tuner.train.packed.stack import Shape, Stack

CPU = torch.device("cpu")


WAYS = ("loop", "padded", "grouped")


def spans(way: Any, sizes: tuple[int, int] = (3, 2)) -> Spans:
    """Two slots, the second with a smaller rank; the last token belongs to none."""
    return make_spans(sizes, (3, 2), (1.7, 0.4), CPU, torch.float64, way)


def tensors() -> list[torch.Tensor]:
    torch.manual_seed(0)
    x, weight, shift, a, b = (torch.randn(*shape, dtype=torch.float64)
                              for shape in ((6, 4), (5, 4), (5,), (2, 3, 4), (2, 3, 5)))
    a[1, 2], b[1, 2] = 0, 0
    return [x, weight, shift, a, b]


def some_mask(dropout: bool) -> torch.Tensor | None:
    torch.manual_seed(1)
    return (torch.rand(6, 4, dtype=torch.float64) > 0.4).double() / 0.6 if dropout else None


@pytest.mark.parametrize("way", ["loop", "padded"])
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("sizes", [(3, 2), (2, 2)])
def test_the_products_backward_is_the_derivative(way: str, dropout: bool, bias: bool, sizes: tuple[int, int]) -> None:
    x, weight, shift, a, b = tensors()
    chosen, mask = spans(way, sizes), some_mask(dropout)

    def product(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Any:
        # A rank's padding stays 0 in a pack; here it does too, whatever gradcheck tries.
        own = torch.ones(2, 3, 1, dtype=torch.float64)
        own[1, 2] = 0
        return slot_product(x, weight, shift if bias else None, a * own, b * own, chosen, mask)

    assert torch.autograd.gradcheck(product, [one.requires_grad_() for one in (x, a, b)])
    expected = x @ weight.t() + (shift if bias else 0)
    for slot, start, end, rank, scale in ((0, 0, sizes[0], 3, 1.7), (1, sizes[0], sum(sizes), 2, 0.4)):
        own = slice(start, end)
        dropped = x[own] if mask is None else x[own] * mask[own]
        expected[own] = expected[own] + scale * dropped @ a[slot, :rank].t() @ b[slot, :rank]
    torch.testing.assert_close(product(x, a, b), expected)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("sizes", [(24, 8, 1, 40), (16, 16, 16, 16), (1, 1, 1, 1)])
def test_every_way_gives_the_same_numbers(sizes: tuple[int, ...], dropout: bool) -> None:
    """In bf16, which torch's grouped product takes."""
    torch.manual_seed(0)
    tokens, ranks = sum(sizes), (8, 16, 8, 16)
    x, weight, a, b = (torch.randn(*shape).bfloat16()
                       for shape in ((tokens, 32), (24, 32), (4, 16, 32), (4, 16, 24)))
    for slot, rank in enumerate(ranks):
        a[slot, rank:], b[slot, rank:] = 0, 0
    mask = (torch.rand(tokens, 32) > 0.3).bfloat16() if dropout else None
    found = {}
    for way in WAYS:
        own = make_spans(sizes, ranks, (1.0, 0.5, 2.0, 1.0), CPU, torch.bfloat16, way)
        given = [one.clone().requires_grad_() for one in (x, a, b)]
        out = slot_product(given[0], weight, None, *given[1:], own, mask)
        found[way] = [out, *torch.autograd.grad(out.float().square().sum(), given)]
    for way in WAYS[1:]:
        for expected, got in zip(found["loop"], found[way], strict=True):
            assert got.dtype == expected.dtype
            assert (got - expected).float().norm() <= 1e-2 * expected.float().norm()


def test_on_a_processor_short_spans_are_padded_and_long_ones_looped() -> None:
    assert best_way((12, 60, 30), CPU, torch.float32) == "padded"
    assert best_way((1, 1, 33, 1), CPU, torch.float32) == "loop"
    assert best_way((1, 0, 0, 1), CPU, torch.float32) == "padded"
    assert best_way((150, 150), CPU, torch.float32) == "padded"
    assert best_way((150, 90), CPU, torch.float32) == "loop"
    assert best_way((), CPU, torch.float32) == "loop"


@pytest.mark.parametrize("way", WAYS[:2])
def test_what_is_not_finite_in_one_slot_reaches_no_other_through_a_layer(way: str) -> None:
    x, weight, _, a, b = tensors()
    clean = [one.clone().requires_grad_() for one in (x, a, b)]
    slot_product(clean[0], weight, None, *clean[1:], spans(way), some_mask(True)).sum().backward()
    with torch.no_grad():
        x[:3], a[0], b[0] = float("nan"), float("inf"), float("nan")
    sick = [one.requires_grad_() for one in (x, a, b)]
    out = slot_product(sick[0], weight, None, *sick[1:], spans(way), some_mask(True))
    out.backward(torch.ones_like(out))
    assert torch.equal(sick[0].grad[3:], clean[0].grad[3:])  # type: ignore[index]
    for place in (1, 2):
        assert torch.equal(sick[place].grad[1], clean[place].grad[1])  # type: ignore[index]
    assert not torch.isfinite(sick[1].grad[0]).all()  # type: ignore[index]


@pytest.mark.parametrize("smooths", [True, False])
@pytest.mark.parametrize("at_once", [1, 22, 10_000])
def test_the_heads_loss_and_backward_are_those_of_torch(monkeypatch: pytest.MonkeyPatch, at_once: int,
                                                        smooths: bool) -> None:
    monkeypatch.setattr(head, "LOGITS_AT_ONCE", at_once)
    torch.manual_seed(0)
    hidden, weight, bias = (torch.randn(*shape, dtype=torch.float64) for shape in ((6, 4), (11, 4), (11,)))
    targets, smoothing = torch.tensor([0, 3, 10, 3, 5, 1]), torch.tensor([0.0, 0.1, 0.3, 0.0, 0.1, 0.9]).double()

    def losses(hidden: torch.Tensor) -> Any:
        return HeadLoss.apply(hidden, weight, bias, targets, smoothing if smooths else None)

    assert torch.autograd.gradcheck(losses, [hidden.requires_grad_()])
    expected = [cross_entropy(hidden[place : place + 1] @ weight.t() + bias, targets[place : place + 1],
                              label_smoothing=float(smoothing[place]) if smooths else 0.0) for place in range(6)]
    torch.testing.assert_close(losses(hidden), torch.stack(expected))


@pytest.mark.parametrize("advance", [together, each_alone])
def test_every_slot_steps_like_an_adamw_of_its_own(advance: Any) -> None:
    """Other rates, decays, clip norms, counters; slots that rest in between; a slot that never steps."""
    stack = Stack([Shape(name="one", inputs=5, outputs=3), Shape(name="two", inputs=3, outputs=7)], 4, 2, CPU)
    torch.manual_seed(0)
    stack.values.copy_(torch.randn_like(stack.values))
    knobs = {0: (1e-2, 0.0, 0.5), 1: (3e-3, 0.4, 100.0), 3: (0.3, 0.01, 1e-3)}
    alone = {slot: torch.nn.Parameter(stack.values[slot].clone()) for slot in knobs}
    optimisers = {slot: torch.optim.AdamW([alone[slot]], lr=rate, weight_decay=decay)
                  for slot, (rate, decay, _) in knobs.items()}
    idle, counts = stack.values[2].clone(), dict.fromkeys(knobs, 0)
    for turn in range(9):
        stack.grads[[0, 1, 3]] = torch.randn(3, stack.grads.shape[1])
        found, updates = norms(stack, [0, 1, 3]), []
        for slot in knobs:
            if (turn + slot) % 3 == 0:
                stack.grads[slot] = 0
                continue
            rate, decay, most = knobs[slot]
            counts[slot] += 1
            updates.append(Update(slot=slot, step=counts[slot], rate=rate / counts[slot], weight_decay=decay,
                                  max_grad_norm=most, norm=found[slot]))
            alone[slot].grad = stack.grads[slot].clone()
            torch.nn.utils.clip_grad_norm_([alone[slot]], most)
            optimisers[slot].param_groups[0]["lr"] = rate / counts[slot]
            optimisers[slot].step()
        advance(stack, updates)
        assert not stack.grads.any()
    for slot, expected in alone.items():
        torch.testing.assert_close(stack.values[slot], expected.detach(), rtol=1e-5, atol=1e-6)
    assert torch.equal(stack.values[2], idle)
    assert not stack.first[2].any()
    assert not stack.second[2].any()


@pytest.mark.parametrize("advance", [together, each_alone])
def test_a_step_reads_and_writes_no_other_slot(advance: Any) -> None:
    stack = Stack([Shape(name="one", inputs=5, outputs=3)], 3, 2, CPU)
    for part in (stack.values, stack.first, stack.second, stack.grads):
        part[1] = float("nan")
    stack.grads[2] = 1.0
    assert norms(stack, [2])[2] == pytest.approx(4.0)
    advance(stack, [Update(slot=2, step=1, rate=0.1, weight_decay=0.1, max_grad_norm=1.0, norm=4.0)])
    assert torch.isfinite(stack.values[2]).all()
    assert stack.values[2].any()
    assert torch.isnan(torch.stack([part[1] for part in (stack.values, stack.first, stack.second, stack.grads)])).all()
    assert not stack.values[0].any()


def test_a_larger_rank_moves_everything_over() -> None:
    stack = Stack([Shape(name="one", inputs=5, outputs=3), Shape(name="two", inputs=3, outputs=7)], 2, 2, CPU)
    weights = {"one": (torch.randn(2, 5), torch.randn(3, 2)), "two": (torch.randn(2, 3), torch.randn(7, 2))}
    stack.put(1, weights)
    stack.first[1] = 1.0
    larger = stack.grown(6)
    for name, (a, b) in larger.take(1, ["one", "two"], 2).items():
        assert torch.equal(a, weights[name][0])
        assert torch.equal(b, weights[name][1])
    assert float(larger.first.sum()) == float(stack.first.sum())
    assert not larger.values[0].any()
    with pytest.raises(ValueError, match="rank <= 2"):
        stack.put(0, {"one": (torch.randn(3, 5), torch.randn(3, 3))})


def test_a_nan_in_one_example_reaches_no_other_through_attention() -> None:
    from transformers import AttentionInterface

    attend = AttentionInterface()[SLOT_ATTENTION]
    lengths = (3, 9, 16, 17, 5)
    torch.manual_seed(0)
    clean = [torch.randn(1, 2, sum(lengths), 8) for _ in range(3)]
    outs, grads = [], []
    for spoiled in (False, True):
        own = [part.clone() for part in clean]
        if spoiled:
            for part in own:
                part[:, :, :3] = float("nan")
                part[:, :, 12:28] = float("inf")
        own = [part.requires_grad_() for part in own]
        out, _ = attend(torch.nn.Identity(), *own, None, places=places(lengths, CPU))
        out.backward(torch.ones_like(out))
        outs.append(out.detach()[0])
        grads.append([part.grad[0].transpose(0, 1) for part in own])  # type: ignore[index]
    for chosen in (slice(3, 12), slice(28, 50)):
        assert torch.equal(outs[0][chosen], outs[1][chosen])
        for one, other in zip(*grads, strict=True):
            assert torch.equal(one[chosen], other[chosen])
    assert torch.isnan(outs[1][:3]).all()


def test_copies_for_attention_are_at_most_half_padding() -> None:
    found = [padded_length(length) for length in range(1, 3000)]
    assert found == sorted(found)
    assert all(length <= bound for length, bound in enumerate(found, 1))
    assert all(2 * bound <= 3 * length for length, bound in enumerate(found, 1) if length >= 16)
    assert [padded_length(length) for length in (16, 17, 25, 33, 49, 65, 97)] == [16, 24, 32, 48, 64, 96, 128]
