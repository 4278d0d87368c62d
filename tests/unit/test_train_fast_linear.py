"""The hand-written LoRA layer against peft's own, and its backward against finite differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_bench import SETTINGS, encoded, load

from tuner.evaluate.forward import answer_logits, laid_out
from tuner.evaluate.packing import pack
from tuner.train.dropout import Alone, adapter_dropout
from tuner.train.fast_linear import LoraProduct, fast_lora
from tuner.train.model import fresh_adapter
from tuner.train.settings import TrialSettings


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_its_backward_is_the_derivative(dropped: bool, bias: bool) -> None:
    torch.manual_seed(0)
    x, weight, shift, a, b = (torch.randn(*shape, dtype=torch.float64) for shape in
                              ((5, 6), (7, 6), (7,), (3, 6), (7, 3)))
    mask = (torch.rand(5, 6) > 0.5).double() * 2

    def product(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> Any:
        return LoraProduct.apply(x, x * mask if dropped else x, weight, shift if bias else None, a, b, 1.7)

    inputs = [part.requires_grad_() for part in (x, a, b)]
    assert torch.autograd.gradcheck(product, inputs)
    plain = x @ weight.t() + (shift if bias else 0) + 1.7 * ((x * mask if dropped else x) @ a.t()) @ b.t()
    torch.testing.assert_close(product(x, a, b), plain)


@pytest.mark.parametrize(("family", "dropout"), [("llama", 0.0), ("llama", 0.4), ("qwen2", 0.4), ("gpt2", 0.4)])
def test_a_step_has_the_gradients_of_peft(tmp_path: Path, family: str, dropout: float) -> None:
    """Dropout included: both draw the same mask from the same seed. Qwen2 has biases, GPT-2 keeps peft's layer."""
    base = load(tmp_path, family)
    batch = pack(encoded(base), base.device)
    settings = TrialSettings.from_mapping({**SETTINGS, "lora_dropout": dropout})
    with fresh_adapter(base, settings) as adapted:
        for name, part in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(part, std=0.05)
        found = [gradients(base, adapted, batch, fast, dropout) for fast in (False, True)]
    assert len(found[0]) == len(found[1]) > 0
    for name, part in found[0].items():
        torch.testing.assert_close(found[1][name], part, rtol=1e-4, atol=1e-5)


def gradients(base: Any, adapted: Any, batch: Any, fast: bool, dropout: float) -> dict[str, torch.Tensor]:
    own = Alone(3, dropout)
    own.next()
    adapted.zero_grad()
    if fast:
        with adapter_dropout(adapted, own), laid_out(base.model, "packed"), fast_lora(adapted):
            loss = torch.nn.functional.cross_entropy(answer_logits(base.model, batch, "packed"), batch.targets)
    else:
        with adapter_dropout(adapted, own), laid_out(base.model, "packed"):
            loss = torch.nn.functional.cross_entropy(answer_logits(base.model, batch, "packed"), batch.targets)
    loss.backward()
    return {name: part.grad.clone() for name, part in adapted.named_parameters() if part.grad is not None}


def test_pefts_own_layers_are_back_afterwards(tmp_path: Path) -> None:
    base = load(tmp_path)
    with fresh_adapter(base, TrialSettings.from_mapping(SETTINGS)) as adapted:
        with fast_lora(adapted):
            assert any("forward" in vars(layer) for layer in adapted.modules())
        assert not any("forward" in vars(layer) for layer in adapted.modules())
