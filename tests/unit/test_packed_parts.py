"""The parts of a pack on their own: hand-written backwards against finite differences, the rest against torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from tuner.train.packed import head
from tuner.train.packed.attention import SLOT_ATTENTION, padded_length, places
from tuner.train.packed.head import HeadLoss
from tuner.train.packed.optim import Update, advance, norms
from tuner.train.packed.product import Part, SlotProduct
from tuner.train.packed.stack import Shape, Stack

CPU = torch.device("cpu")


def parts(dropout: bool) -> tuple[Part, ...]:
    """Slot 2, then slot 0 with a smaller rank; tokens 0 and 6 belong to no slot of this layer."""
    torch.manual_seed(1)
    masks = [(torch.rand(size, 4, dtype=torch.float64) > 0.4).double() / 0.6 if dropout else None for size in (3, 2)]
    return (Part(slot=2, start=1, end=4, rank=3, scale=1.7, mask=masks[0]),
            Part(slot=0, start=4, end=6, rank=2, scale=0.4, mask=masks[1]))


def tensors() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(*shape, dtype=torch.float64) for shape in ((7, 4), (5, 4), (5,), (3, 3, 4), (3, 3, 5))]


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_the_products_backward_is_the_derivative(dropout: bool, bias: bool) -> None:
    x, weight, shift, a, b = tensors()
    chosen = parts(dropout)

    def product(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Any:
        return SlotProduct.apply(x, weight, shift if bias else None, a, b, chosen)

    assert torch.autograd.gradcheck(product, [one.requires_grad_() for one in (x, a, b)])
    expected = x @ weight.t() + (shift if bias else 0)
    for part in chosen:
        own = slice(part.start, part.end)
        dropped = x[own] if part.mask is None else x[own] * part.mask
        expected[own] = expected[own] + part.scale * dropped @ a[part.slot, : part.rank].t() @ b[part.slot, : part.rank]
    torch.testing.assert_close(product(x, a, b), expected)


def test_what_is_not_finite_in_one_slot_reaches_no_other_through_a_layer() -> None:
    x, weight, _, a, b = tensors()
    clean = [one.clone().requires_grad_() for one in (x, a, b)]
    SlotProduct.apply(clean[0], weight, None, *clean[1:], parts(True)).sum().backward()
    with torch.no_grad():
        x[1:4], a[2], b[2] = float("nan"), float("inf"), float("nan")
    sick = [one.requires_grad_() for one in (x, a, b)]
    out = SlotProduct.apply(sick[0], weight, None, *sick[1:], parts(True))
    out.backward(torch.ones_like(out))
    assert torch.equal(sick[0].grad[4:], clean[0].grad[4:])  # type: ignore[index]
    for place in (1, 2):
        assert torch.equal(sick[place].grad[:2], clean[place].grad[:2])  # type: ignore[index]
    assert not torch.isfinite(sick[1].grad[2]).all()  # type: ignore[index]


@pytest.mark.parametrize("at_once", [1, 22, 10_000])
def test_the_heads_loss_and_backward_are_those_of_torch(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(head, "LOGITS_AT_ONCE", at_once)
    torch.manual_seed(0)
    hidden, weight, bias = (torch.randn(*shape, dtype=torch.float64) for shape in ((6, 4), (11, 4), (11,)))
    targets, smoothing = torch.tensor([0, 3, 10, 3, 5, 1]), torch.tensor([0.0, 0.1, 0.3, 0.0, 0.1, 0.9]).double()

    def losses(hidden: torch.Tensor) -> Any:
        return HeadLoss.apply(hidden, weight, bias, targets, smoothing)

    assert torch.autograd.gradcheck(losses, [hidden.requires_grad_()])
    expected = [cross_entropy(hidden[place : place + 1] @ weight.t() + bias, targets[place : place + 1],
                              label_smoothing=float(smoothing[place])) for place in range(6)]
    torch.testing.assert_close(losses(hidden), torch.stack(expected))


def test_every_slot_steps_like_an_adamw_of_its_own() -> None:
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
        found, updates = norms(stack), []
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


def test_a_step_reads_and_writes_no_other_slot() -> None:
    stack = Stack([Shape(name="one", inputs=5, outputs=3)], 3, 2, CPU)
    for part in (stack.values, stack.first, stack.second, stack.grads):
        part[1] = float("nan")
    stack.grads[2] = 1.0
    assert norms(stack)[2] == pytest.approx(4.0)
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
