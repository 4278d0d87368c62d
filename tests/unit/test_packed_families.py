"""A pack's losses and gradients on tiny random models of every family, against plain peft on each trial alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from packed_reference import adapted_copy, cut, distance, padded_loss, trial
from tiny_models import FAMILIES
from training_bench import encoded, load

from tuner.train.packed.layers import CannotPackError
from tuner.train.packed.pack import Micro, Pack

TRIALS = (
    trial(lora_rank=4, seed=1, label_smoothing=0.1),
    trial(lora_rank=9, seed=2, target_modules="attention", lora_alpha=40.0, max_length=30),
    trial(lora_rank=1, seed=3, target_modules="mlp"),
)


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{family: (family, {}) for family in FAMILIES},
    "gemma2 without caps": ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": None,
                                       "sliding_window": 8}),
    "gemma3": ("gemma3", {"num_hidden_layers": 6, "sliding_window": 8}),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama with one embedding": ("llama", {"tie_word_embeddings": True}),
    "mistral with a window": ("mistral", {"sliding_window": 8}),
    "qwen2 with a window": ("qwen2", {"sliding_window": 8, "use_sliding_window": True, "max_window_layers": 1}),
}


def uneven(base: Any) -> Any:
    """Biases and norms that do something: as drawn they are all alike."""
    torch.manual_seed(5)
    with torch.no_grad():
        for part in base.model.parameters():
            if part.dim() == 1:
                part.add_(0.1 * torch.randn_like(part))
    return base


def answers(rows: list[Any]) -> int:
    return sum(sum(row.learn[1:]) for row in rows)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_packs_gradients_are_those_of_peft_alone(tmp_path: Path, variant: str) -> None:
    """A step at rate 1 without moments would be hard to read: the gradients themselves are compared."""
    family, changes = VARIANTS[variant]
    base = uneven(load(tmp_path, family, **changes))
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


def test_experts_keep_the_slots_apart(tmp_path: Path) -> None:
    """Tokens of all slots meet in each expert; those of a broken one must not spoil them."""
    base = load(tmp_path, "mixtral", num_local_experts=4, num_experts_per_tok=2)
    rows, found = encoded(base, 6), []
    for is_sick in (False, True):
        pack = Pack(base, 3)
        for slot in range(3):
            pack.place(slot, trial(seed=slot, target_modules="attention"))
        if is_sick:
            pack._stack.values[1] = float("nan")
        shares = {slot: rows[2 * slot : 2 * slot + 2] for slot in range(3)}
        losses = pack.gradients({slot: Micro(examples=part, answers=answers(part)) for slot, part in shares.items()})
        found.append((losses, pack._stack.grads[[0, 2]].clone()))
        for slot in (0, 2):
            loss, count = padded_loss(base.model, shares[slot], 0.0)  # B is 0 at first
            assert losses[slot] == pytest.approx(float(loss.detach()) / count, abs=1e-5)
    assert found[0][0][0] == found[1][0][0]
    assert found[1][0][1] != found[1][0][1], "the sick one is not a number"
    assert torch.equal(found[0][1], found[1][1])


def test_a_model_whose_numbers_differ_is_refused_by_name(tmp_path: Path) -> None:
    """Gemma 2 caps its attention scores, which the packed attention does not do."""
    base = load(tmp_path, "gemma2", attn_logit_softcapping=1.0)
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
