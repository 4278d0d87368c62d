"""Dropout by hashes: the right share, nothing that repeats, and a trial's own whoever trains beside it."""

from __future__ import annotations

import itertools

import pytest
import torch

from tuner.train.dropout import Dropout, dropout

CPU = torch.device("cpu")


def drawn(seeds: tuple[int, ...], sizes: tuple[int, ...], rates: tuple[float, ...], turns: int = 0) -> Dropout:
    made = dropout(seeds, [turns] * len(seeds), sizes, rates, CPU, torch.float32)
    assert made is not None
    return made


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.5, 0.9])
def test_the_share_and_the_mean_are_the_rates(rate: float) -> None:
    mask = drawn((3,), (2000,), (rate,)).mask("layer", 191)
    assert mask.shape == (2000, 191)
    spread = (rate * (1 - rate) / mask.numel()) ** 0.5
    assert abs(float((mask == 0).float().mean()) - rate) < 5 * spread
    assert float(mask.max()) == pytest.approx(1 / (1 - rate))


def test_some_tokens_masks_are_those_of_all() -> None:
    every, chosen = drawn((3, 4), (5, 7), (0.3, 0.0)), torch.tensor([1, 4, 6, 11])
    assert torch.equal(every.at(chosen).mask("layer", 9), every.mask("layer", 9)[chosen])


def test_no_seed_turn_layer_token_or_column_repeats_another() -> None:
    tokens, width = 1500, 96
    masks = [drawn((seed,), (tokens,), (0.3,), turn).mask(layer, width)
             for seed in (0, 1, 7919) for turn in (0, 1, 2) for layer in ("q", "k", "layers.1.q")]
    centred = [(one > 0).float() - 0.7 for one in masks]
    for one, other in itertools.combinations(centred, 2):
        assert abs(float((one * other).mean())) / 0.21 < 6 / (tokens * width) ** 0.5
    for one in centred:
        columns, rows = one.t() @ one / tokens / 0.21, one @ one.t() / width / 0.21
        for found, count in ((columns, tokens), (rows, width)):
            assert float(found.fill_diagonal_(0).abs().max()) < 6.5 / count**0.5
            assert float(found.square().mean()) == pytest.approx(1 / count, rel=0.1)


def test_a_trials_masks_are_its_own_whoever_is_beside_it() -> None:
    alone = drawn((5,), (30,), (0.2,), 3).mask("q", 64)
    beside = dropout((1, 5, 2), (9, 3, 0), (17, 30, 8), (0.0, 0.2, 0.5), CPU, torch.float32)
    assert beside is not None
    mask = beside.mask("q", 64)
    assert torch.equal(mask[17:47], alone)
    assert bool((mask[:17] == 1).all()), "a rate of 0 keeps everything as it is"


def test_without_dropout_there_are_no_masks() -> None:
    assert dropout((1, 2), (0, 0), (3, 4), (0.0, 0.0), CPU, torch.float32) is None
