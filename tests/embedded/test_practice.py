"""The last stage of the pretraining: made-up services, tunings on them, and weights that come back untouched."""

import random
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from tuner.embedded import model_path
from tuner.embedded.faq import faq
from tuner.embedded.general_chat import plain, reserved
from tuner.embedded.losses import answer_loss
from tuner.embedded.packing import ROW, Encoder, pack
from tuner.embedded.practice import Practice, added, tuned_by
from tuner.embedded.recipe import Recipe, factor


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(AutoTokenizer.from_pretrained(model_path()))


@pytest.fixture
def model() -> Any:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=4096, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2)
    )


def _weights(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def _same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("number", range(1, 7))
def test_a_service_asks_for_the_same_facts_in_other_words(number: int) -> None:
    seen, held = faq(number)
    assert (seen, held) == faq(number)
    answers = {talk[-1]["content"] for talk in seen}
    assert len(answers) >= 10
    assert {talk[-1]["content"] for talk in held} <= answers
    questions = {talk[0]["content"] for talk in seen}
    new = [talk for talk in held if talk[0]["content"] not in questions]
    assert len(new) > 0.9 * len(held)
    assert not {plain(talk[0]["content"]) for talk in (*seen, *held)} & reserved()


def test_a_tuning_lowers_the_loss_and_leaves_the_model_as_it_was(encoder: Encoder) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_path(), dtype=torch.float32, attn_implementation="eager")
    rows = encoder.rows(faq(1)[0][:24])
    before = _weights(model)
    delta = tuned_by(model, rows, rows[:4], 2, 5e-4, random.Random(0))
    assert _same(_weights(model), before)
    assert all(weight.requires_grad for weight in model.parameters())
    batch = pack(rows, ROW)
    with torch.no_grad():
        untouched = answer_loss(model, batch)
        with added(model, delta):
            tuned = answer_loss(model, batch)
            assert not _same(_weights(model), before)
    assert tuned < 0.9 * untouched
    assert _same(_weights(model), before)


def test_the_weights_come_back_when_something_breaks(model: Any) -> None:
    before = _weights(model)
    name = next(name for name in before if "q_proj" in name)
    with pytest.raises(RuntimeError, match="broken"), added(model, {name: torch.ones_like(before[name])}):
        raise RuntimeError("broken")
    assert _same(_weights(model), before)


@pytest.mark.slow
def test_the_gradient_at_the_tuned_weights_reaches_every_weight(encoder: Encoder, model: Any) -> None:
    practice = Practice(encoder)
    practice.tune(model, 1)
    kept = pack(encoder.rows(faq(3)[1][:4]), ROW)
    with added(model, practice.at(0).delta):
        practice.loss(model, kept, 0).backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in model.parameters())


@pytest.mark.slow
def test_a_kept_practice_goes_on_as_it_was(encoder: Encoder, model: Any) -> None:
    practice, other = Practice(encoder), Practice(encoder)
    practice.tune(model, 2)
    other.restore(practice.state())
    assert [other.at(step).number for step in range(5)] == [practice.at(step).number for step in range(5)]
    assert other.at(0).held == practice.at(0).held
    assert _same(other.at(0).delta, practice.at(0).delta)


def test_each_stage_begins_gently_and_ends_at_nothing() -> None:
    recipe = Recipe()
    for end in (recipe.before_rehearsal, recipe.before_travel, recipe.before_practice, recipe.steps):
        assert factor(end - 1, recipe) < 0.002
    for start in (0, recipe.before_rehearsal, recipe.before_travel, recipe.before_practice):
        assert factor(start, recipe) < factor(start + recipe.warmup_steps, recipe) <= 1
