"""The next token: greedy, by temperature, from the nucleus, and the same again from the same seed."""

from __future__ import annotations

import pytest
import torch

from tuner.chat.engine.sampling import Choice, choose

LOGITS = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))


def choice(temperature: float = 1.0, top_p: float = 1.0, seed: int | None = 1, penalty: float = 1.0,
           prompt: tuple[int, ...] = ()) -> Choice:
    return Choice(temperature=temperature, top_p=top_p, seed=seed, repetition_penalty=penalty, prompt=prompt)


def draws(made: Choice, count: int = 4000) -> list[float]:
    tokens = torch.tensor([choose(LOGITS[None], [made])[0] for _ in range(count)])
    return [float((tokens == token).float().mean()) for token in range(4)]


def test_temperature_zero_takes_the_likeliest() -> None:
    assert choose(LOGITS.expand(20, 4), [choice(temperature=0.0, seed=seed) for seed in range(20)]) == [0] * 20


def test_temperature_one_draws_as_the_model_says() -> None:
    assert draws(choice()) == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)


def test_a_low_temperature_sharpens() -> None:
    weights = LOGITS.exp() ** 2
    assert draws(choice(temperature=0.5)) == pytest.approx((weights / weights.sum()).tolist(), abs=0.03)


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, 1), (0.5, 1), (0.7, 2), (0.8, 2), (0.9, 3), (0.99, 4)])
def test_the_nucleus_is_the_fewest_tokens_that_reach_top_p(top_p: float, kept: int) -> None:
    shares = draws(choice(top_p=top_p), 1500)
    assert [share > 0 for share in shares] == [token < kept for token in range(4)]


def test_a_seed_repeats_its_draws_and_none_does_not() -> None:
    def line(seed: int | None) -> list[int]:
        made = choice(seed=seed)
        return [token for _ in range(100) for token in choose(LOGITS[None], [made]) if token is not None]

    assert line(5) == line(5)
    assert line(5) != line(6)
    assert line(None) != line(None)
    assert line(-3) == line(-3)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_numbers_that_are_none_are_refused_in_their_row_only(bad: float, temperature: float) -> None:
    logits = torch.tensor([[0.0, 50.0, 0.0], [0.0, bad, 0.0], [0.0, 0.0, 50.0]])
    assert choose(logits, [choice(temperature, 0.9) for _ in range(3)]) == [1, None, 2]


def test_everybody_draws_in_company_what_he_would_draw_alone() -> None:
    settings = [(0.0, 1.0), (0.7, 1.0), (1.0, 0.5), (1.3, 0.9), (0.2, 0.99), (2.0, 1.0)]
    lines = torch.randn(40, len(settings), 700, generator=torch.Generator().manual_seed(1)) * 3
    alone = [choice(heat, top_p, seed) for seed, (heat, top_p) in enumerate(settings)]
    expected = [[choose(row[place][None], [own])[0] for place, own in enumerate(alone)] for row in lines]
    together = [choice(heat, top_p, seed) for seed, (heat, top_p) in enumerate(settings)]
    assert [choose(row, together) for row in lines] == expected
    assert len({tuple(row) for row in expected}) > 30


def test_a_nucleus_wider_than_the_first_look_is_whole() -> None:
    flat = torch.zeros(1, 1000)
    found = {choose(flat, [choice(1.0, 0.999, seed)])[0] for seed in range(3000)}
    assert len(found) > 900


def test_the_repetition_penalty_is_hugging_faces() -> None:
    from transformers import RepetitionPenaltyLogitsProcessor

    before = (0, 2, 2)
    logits = torch.tensor([[1.0, 0.9, -0.2, -0.25]])
    theirs = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([before]), logits.clone())
    made = choice(temperature=0.0, penalty=1.3, prompt=before)
    assert choose(logits, [made]) == [int(theirs.argmax())] != [int(logits.argmax())]
    theirs = RepetitionPenaltyLogitsProcessor(1.3)(torch.tensor([(*before, 1)]), logits.clone())
    other = choice(temperature=0.0)
    assert choose(logits.repeat(2, 1), [other, made]) == [0, int(theirs.argmax())], "what was chosen counts, too"
