"""The next token: greedy, by temperature, from the nucleus, and the same again from the same seed."""

from __future__ import annotations

import pytest
import torch

from tuner.chat.sampling import Sampler

LOGITS = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))


def sampler(temperature: float = 1.0, top_p: float = 1.0, seed: int | None = 1, penalty: float = 1.0) -> Sampler:
    return Sampler(temperature=temperature, top_p=top_p, seed=seed, repetition_penalty=penalty)


def draws(made: Sampler, count: int = 4000) -> list[float]:
    tokens = torch.tensor([made.choose(LOGITS, ()) for _ in range(count)])
    return [float((tokens == token).float().mean()) for token in range(4)]


def test_temperature_zero_takes_the_likeliest() -> None:
    assert {sampler(temperature=0.0, seed=seed).choose(LOGITS, ()) for seed in range(20)} == {0}


def test_temperature_one_draws_as_the_model_says() -> None:
    assert draws(sampler()) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)


def test_a_low_temperature_sharpens() -> None:
    weights = LOGITS.exp() ** 2
    assert draws(sampler(temperature=0.5)) == pytest.approx((weights / weights.sum()).tolist(), abs=0.03)


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, 1), (0.5, 1), (0.7, 2), (0.8, 2), (0.9, 3), (0.99, 4)])
def test_the_nucleus_is_the_fewest_tokens_that_reach_top_p(top_p: float, kept: int) -> None:
    shares = draws(sampler(top_p=top_p), 1500)
    assert [share > 0 for share in shares] == [token < kept for token in range(4)]


def test_a_seed_repeats_its_draws_and_none_does_not() -> None:
    def line(seed: int | None) -> list[int]:
        made = sampler(seed=seed)
        return [made.choose(LOGITS, ()) for _ in range(60)]

    assert line(5) == line(5)
    assert line(5) != line(6)
    assert line(None) != line(None)
    assert line(-3) == line(-3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(bad: float) -> None:
    with pytest.raises(FloatingPointError):
        sampler(temperature=0.0).choose(torch.tensor([0.0, bad]), ())


def test_the_repetition_penalty_is_hugging_faces() -> None:
    from transformers import RepetitionPenaltyLogitsProcessor

    before = [0, 2, 2]
    logits = torch.tensor([1.0, 0.9, -0.2, -0.25])
    theirs = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([before]), logits[None].clone())
    made = sampler(temperature=0.0, penalty=1.3)
    assert made.choose(logits, before) == int(theirs.argmax())
    assert made.choose(logits, before) != int(logits.argmax())
