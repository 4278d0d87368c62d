"""The loss and its gradient against the plain computation of transformers and torch, on five families of models."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import FAMILIES
from training_bench import SETTINGS, encoded, load

from tuner.evaluate.forward import Layout, answer_logits, laid_out
from tuner.evaluate.losses import losses
from tuner.evaluate.packing import pack
from tuner.train.course import Course, Given, Progress
from tuner.train.lessons import Lessons
from tuner.train.loop import train
from tuner.train.model import fresh_adapter
from tuner.train.settings import TrialSettings

CPU = torch.device("cpu")


def hf_loss(model: Any, rows: list[Any]) -> tuple[float, int]:
    """Sum and count over answer tokens, one example at a time, with the library's own labels."""
    total, count = 0.0, 0
    for row in rows:
        ids = torch.tensor([row.ids])
        labels = torch.tensor([[one if learn else -100 for one, learn in zip(row.ids, row.learn, strict=True)]])
        learnt = int((labels[:, 1:] != -100).sum())
        with torch.no_grad():
            total += float(model(input_ids=ids, labels=labels).loss) * learnt
        count += learnt
    return total, count


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_is_that_of_transformers_in_both_layouts(tmp_path: Path, family: str) -> None:
    base = load(tmp_path, family)
    rows = encoded(base)
    assert base.layout == "packed"
    total, count = hf_loss(base.model, rows)
    for layout in ("packed", "padded"):
        found = losses(base.model, rows, CPU, layout)
        assert sum(found.tokens) == count
        assert found.loss == pytest.approx(total / count, abs=1e-5)
        assert found.perplexity == pytest.approx(math.exp(total / count), rel=1e-4)


@pytest.mark.parametrize("family", ["mistral", "qwen2"])
def test_packed_attention_keeps_a_sliding_window(tmp_path: Path, family: str) -> None:
    window = {"sliding_window": 8}
    if family == "qwen2":
        window |= {"use_sliding_window": True, "max_window_layers": 0}
    base = load(tmp_path, family, **window)
    rows = encoded(base)
    assert min(len(row.ids) for row in rows) > 8
    total, count = hf_loss(base.model, rows)
    assert losses(base.model, rows, CPU, "packed").loss == pytest.approx(total / count, abs=1e-5)


def test_a_model_whose_logits_differ_when_packed_is_padded(tmp_path: Path) -> None:
    """Gemma 2 caps its attention scores, which the packed attention does not do."""
    import transformers
    from tiny_models import tokenizer

    config = transformers.Gemma2Config(
        vocab_size=261, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=256, initializer_range=0.2, pad_token_id=0,
        eos_token_id=1, attn_logit_softcapping=1.0,
    )
    torch.manual_seed(0)
    transformers.Gemma2ForCausalLM(config).save_pretrained(tmp_path / "gemma2")
    tokenizer().save_pretrained(tmp_path / "gemma2")
    from tuner.train.model import load_base

    base = load_base(str(tmp_path / "gemma2"))
    assert base.layout == "padded"
    rows = encoded(base)
    total, count = hf_loss(base.model, rows)
    assert losses(base.model, rows, CPU, base.layout).loss == pytest.approx(total / count, abs=1e-5)


def test_token_accuracy_counts_the_most_likely_tokens(tmp_path: Path) -> None:
    base = load(tmp_path)
    rows = encoded(base)
    expected = 0
    for row in rows:
        best = base.model(input_ids=torch.tensor([row.ids])).logits[0].argmax(-1).tolist()
        expected += sum(row.learn[place] and best[place - 1] == row.ids[place] for place in range(1, len(row.ids)))
    found = losses(base.model, rows, CPU, "packed")
    assert sum(found.hits) == expected
    assert found.token_accuracy == expected / sum(found.tokens)


def gradients(base: Any, rows: list[Any], batch: int, accumulation: int, layout: Layout = "packed",
              **changes: Any) -> dict[str, torch.Tensor]:
    """What the adapter's weights are after one step of one epoch over all rows."""
    settings = TrialSettings.from_mapping({
        **SETTINGS, "epochs": 1, "batch_size": batch, "gradient_accumulation": accumulation, "lora_dropout": 0.0,
        "warmup_ratio": 0.0, "max_grad_norm": 1e6, **changes})
    told: list[Progress] = []
    with fresh_adapter(base, settings) as adapted:
        train(adapted, Course(Given(
            train=Lessons(own=tuple(rows), chat=()), valid=rows[:1], settings=settings, vocabulary=261,
            untouched=losses(base.model, rows, CPU, layout), tell=told.append, clock=time.monotonic,
        )), CPU, layout, wish=lambda: "")
        return {name: weight.grad.clone() for name, weight in adapted.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_accumulated_gradients_are_those_of_the_big_batch(tmp_path: Path, layout: Layout) -> None:
    base = load(tmp_path)
    rows = encoded(base)
    assert len({sum(row.learn) for row in rows}) > 1, "equal lengths would hide a mean of means"
    whole = gradients(base, rows, 8, 1, layout)
    assert any(float(part.abs().max()) > 1e-4 for part in whole.values())
    for batch, accumulation in ((2, 4), (1, 8), (3, 3)):
        parts = gradients(base, rows, batch, accumulation, layout)
        for name, part in parts.items():
            torch.testing.assert_close(part, whole[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_is_that_of_the_plain_smoothed_loss(tmp_path: Path, smoothing: float) -> None:
    base = load(tmp_path)
    rows = encoded(base)
    ours = gradients(base, rows, 8, 1, label_smoothing=smoothing)
    settings = TrialSettings.from_mapping({**SETTINGS, "lora_dropout": 0.0})
    with fresh_adapter(base, settings) as adapted:
        logits, targets = [], []
        for row in rows:
            out = base.model(input_ids=torch.tensor([row.ids])).logits[0]
            learnt = [place for place in range(1, len(row.ids)) if row.learn[place]]
            logits.append(out[[place - 1 for place in learnt]])
            targets += [row.ids[place] for place in learnt]
        loss = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(torch.cat(logits), torch.tensor(targets))
        loss.backward()
        for name, weight in adapted.named_parameters():
            if weight.grad is not None:
                torch.testing.assert_close(ours[name], weight.grad, rtol=1e-4, atol=1e-6)


def test_logits_are_computed_for_answer_tokens_only(tmp_path: Path) -> None:
    base = load(tmp_path)
    batch = pack(encoded(base), CPU)
    seen: list[tuple[int, ...]] = []
    hook = base.model.lm_head.register_forward_hook(lambda _module, _inputs, out: seen.append(tuple(out.shape)))
    with torch.no_grad(), laid_out(base.model, "packed"):
        answer_logits(base.model, batch, "packed")
    hook.remove()
    assert seen == [(1, batch.answers, 261)]
    assert batch.answers < batch.ids.numel() * 0.7
