"""Behind the last attention only answer tokens are computed, in every family, and the numbers are the model's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import FAMILIES, config
from training_bench import encoded, load

from tuner.evaluate.forward import answer_logits, laid_out
from tuner.evaluate.late import last_feedforward, only_at
from tuner.evaluate.packing import pack

CPU = torch.device("cpu")


def made(family: str, **changes: Any) -> Any:
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config(family, **changes)).eval()


@pytest.mark.parametrize("family", [*FAMILIES, "gemma2", "gemma3"])
def test_it_is_the_last_layers(family: str) -> None:
    found = last_feedforward(made(family, **{} if family == "gpt2" else {"num_hidden_layers": 3}))
    assert found is not None
    assert found[0] == ("transformer.h.1.mlp" if family == "gpt2" else "model.layers.2.mlp")


def test_one_that_routes_its_tokens_is_left_alone() -> None:
    """Experts hold weights that are no plain linear layers."""
    assert last_feedforward(made("mixtral", num_local_experts=2)) is None
    assert last_feedforward(torch.nn.Sequential(torch.nn.Linear(2, 2))) is None


@pytest.mark.parametrize("family", FAMILIES)
def test_without_gradients_it_computes_answer_tokens_and_gives_the_models_own_logits(tmp_path: Path,
                                                                                    family: str) -> None:
    base = load(tmp_path, family)
    rows = encoded(base)
    batch = pack(rows, CPU)
    found = last_feedforward(base.model)
    assert found is not None
    seen: list[int] = []
    linear = next(part for part in found[1].modules() if next(part.parameters(recurse=False), None) is not None)
    hook = linear.register_forward_hook(lambda _module, inputs, _out: seen.append(inputs[0].shape[1]))
    with laid_out(base.model, "packed"):
        whole = answer_logits(base.model, batch, "packed")
        with torch.no_grad():
            part = answer_logits(base.model, batch, "packed")
    hook.remove()
    assert seen == [batch.ids.numel(), batch.answers]
    assert batch.answers < batch.ids.numel()
    torch.testing.assert_close(part, whole, rtol=1e-5, atol=1e-5)
    assert "forward" not in vars(found[1]), "the model is as it was"


def test_the_other_tokens_get_zeros_and_give_no_gradient() -> None:
    torch.manual_seed(0)
    part = torch.nn.Linear(4, 4)
    x = torch.randn(1, 5, 4, requires_grad=True)
    with only_at(part, torch.tensor([1, 3])):
        out = part(x)
    torch.testing.assert_close(out[0, [1, 3]], part(x)[0, [1, 3]])
    assert not out[0, [0, 2, 4]].any()
    out.sum().backward()
    assert x.grad is not None
    assert x.grad[0, [1, 3]].abs().sum() > 0
    assert not x.grad[0, [0, 2, 4]].any()
