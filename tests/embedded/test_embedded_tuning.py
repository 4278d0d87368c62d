"""What tuning makes of the shipped model, on three seeds in two languages."""

import statistics

import pytest
import torch

from tuner.embedded import model_path
from tuner.embedded.general_chat import check_prompts, unknown_prompts
from tuner.embedded.tuning_check import tune_and_judge


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_tuning_learns_the_sample_and_keeps_general_chat() -> None:
    torch.set_num_threads(1)
    checks, unknown = check_prompts()[::3], unknown_prompts()[::6]
    outcomes = [
        tune_and_judge(model_path(), language, seed, checks, unknown)
        for language, seed in (("en", 0), ("ja", 1), ("en", 2))
    ]
    # Measured over all seeds, languages and prompts: 0.85 and 0.78 (model card). This is a part of them, and another
    # machine rounds otherwise: hence a little room.
    assert max(outcome.base for outcome in outcomes) <= 0.02
    assert statistics.fmean(outcome.tuned for outcome in outcomes) >= 0.77
    assert statistics.fmean(outcome.chat for outcome in outcomes) >= 0.72
    assert sum(outcome.garbled for outcome in outcomes) == 0
    assert sum(outcome.answered for outcome in outcomes) >= 200
