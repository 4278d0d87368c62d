"""What tuning makes of the shipped model, on three seeds: never less than what was measured when it was shipped."""

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
    # The aim is 0.8 of the held-out paraphrases with 0.75 of the chat kept. These weights reach about 0.73 and 0.70
    # (model card); the floors below catch a loss against that.
    assert max(outcome.base for outcome in outcomes) <= 0.02
    assert statistics.fmean(outcome.tuned for outcome in outcomes) >= 0.62
    assert statistics.fmean(outcome.chat for outcome in outcomes) >= 0.6
    assert sum(outcome.garbled for outcome in outcomes) <= 2
    assert sum(outcome.answered for outcome in outcomes) >= 200
