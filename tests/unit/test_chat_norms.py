"""Norms in one operation: the model's own numbers, only where they are, and only for a while."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import save_model

from tuner.chat.engine.norms import short_norms

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(("family", "is_short"), [("llama", True), ("qwen2", True), ("gemma", False)])
def test_norms_that_are_torchs_own_are_short_for_a_while(family: str, is_short: bool, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(save_model(tmp_path / family, family), dtype=torch.float32)
    norms = [layer for layer in model.modules() if type(layer).__name__.endswith("RMSNorm")]
    ids = torch.tensor([[7, 10, 13, 16]])
    with torch.inference_mode():
        expected = model(input_ids=ids).logits
        with short_norms(model):
            assert [("forward" in vars(layer)) for layer in norms] == [is_short] * len(norms)
            assert torch.allclose(model(input_ids=ids).logits, expected, atol=1e-5)
    assert norms
    assert not any("forward" in vars(layer) for layer in norms)
