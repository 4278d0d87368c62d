"""A pack's losses and gradients on tiny random models of every family, against plain peft on each trial alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from packed_reference import adapted_copy, cut, distance, padded_loss, trial
from tiny_models import FAMILIES, tokenizer
from training_bench import encoded, load

from tuner.train.packed.layers import CannotPackError
from tuner.train.packed.pack import Micro, Pack

TRIALS = (
    trial(lora_rank=4, seed=1, label_smoothing=0.1),
    trial(lora_rank=9, seed=2, target_modules="attention", lora_alpha=40.0, max_length=30),
    trial(lora_rank=1, seed=3, target_modules="mlp"),
)


def answers(rows: list[Any]) -> int:
    return sum(sum(row.learn[1:]) for row in rows)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_packs_gradients_are_those_of_peft_alone(tmp_path: Path, family: str) -> None:
    """A step at rate 1 without moments would be hard to read: the gradients themselves are compared."""
    base = load(tmp_path, family)
    before = {name: part.clone() for name, part in base.model.state_dict().items()}
    rows = encoded(base)
    shares = {0: rows[:3], 1: rows[2:7], 2: rows[5:6]}
    pack, models = Pack(base, 4, rank=2), {}
    for slot, settings in enumerate(TRIALS):
        shares[slot] = cut(shares[slot], settings.max_length)
        pack.place(slot, settings)
        models[slot] = adapted_copy(base, settings)
        assert distance(pack, slot, dict(learnt(models[slot]))) == 0.0
        shake(pack, slot, models[slot])
    found = pack.gradients({slot: Micro(examples=part, answers=answers(part)) for slot, part in shares.items()})
    for slot, settings in enumerate(TRIALS):
        loss, count = padded_loss(models[slot], shares[slot], settings.label_smoothing)
        (loss / count).backward()
        assert found[slot] == pytest.approx(float(loss.detach()) / count, abs=1e-5)
        gradients = pack._stack
        for name, part in learnt(models[slot]):
            layer, kind = name.removeprefix("base_model.model.").split(".lora_")
            whole = gradients.by_layer(gradients.grads)[layer]
            padded = whole.a[slot] if kind[0] == "A" else whole.b[slot]
            own = padded[: settings.lora_rank]
            assert part.grad is not None
            expected = part.grad if kind[0] == "A" else part.grad.t()
            torch.testing.assert_close(own, expected, rtol=1e-4, atol=2e-6)
            assert not padded[settings.lora_rank :].any()
    assert not gradients.grads[3].any()
    for name, part in base.model.state_dict().items():
        assert torch.equal(part, before[name])
    assert all("forward" not in vars(layer) for layer in base.model.modules())


def learnt(model: Any) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, part) for name, part in model.named_parameters() if part.requires_grad]


def shake(pack: Pack, slot: int, model: Any) -> None:
    """Gives B numbers: at its initial 0, A has no gradient."""
    torch.manual_seed(slot)
    for name, part in learnt(model):
        if "lora_B" in name:
            torch.nn.init.normal_(part, std=0.05)
            layer = name.removeprefix("base_model.model.").split(".lora_")[0]
            with torch.no_grad():
                pack._stack.by_layer(pack._stack.values)[layer].b[slot, : part.shape[1]] = part.t()


@pytest.mark.parametrize("family", ["mistral", "qwen2"])
def test_a_sliding_window_is_kept(tmp_path: Path, family: str) -> None:
    window = {"sliding_window": 8}
    if family == "qwen2":
        window |= {"use_sliding_window": True, "max_window_layers": 0}
    base = load(tmp_path, family, **window)
    rows = encoded(base, 3)
    pack = Pack(base, 1)
    pack.place(0, trial())
    loss, count = padded_loss(base.model, rows, 0.0)
    found = pack.gradients({0: Micro(examples=rows, answers=count)})
    assert found[0] == pytest.approx(float(loss) / count, abs=1e-5)


def test_a_model_whose_numbers_differ_is_refused_by_name(tmp_path: Path) -> None:
    """Gemma 2 caps its attention scores, which the packed attention does not do."""
    import transformers

    from tuner.train.model import load_base

    torch.manual_seed(0)
    transformers.Gemma2ForCausalLM(transformers.Gemma2Config(
        vocab_size=261, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=256, initializer_range=0.2, pad_token_id=0,
        eos_token_id=1, attn_logit_softcapping=1.0)).save_pretrained(tmp_path / "gemma2")
    tokenizer().save_pretrained(tmp_path / "gemma2")
    base = load_base(str(tmp_path / "gemma2"))
    with pytest.raises(CannotPackError) as caught:
        Pack(base, 2)
    assert caught.value.reason == "numbers"
    assert all("forward" not in vars(layer) for layer in base.model.modules())


def test_a_model_without_layers_or_a_plain_head_is_refused_by_name(tmp_path: Path) -> None:
    base = load(tmp_path)
    kept = base.model.lm_head
    base.model.lm_head = torch.nn.Sequential(kept)
    with pytest.raises(CannotPackError) as caught:
        Pack(base, 2)
    assert caught.value.reason == "head"
    base.model.lm_head = kept
    base.model.model.layers = torch.nn.ModuleList()
    with pytest.raises(CannotPackError) as caught:
        Pack(base, 2)
    assert caught.value.reason == "layers"
