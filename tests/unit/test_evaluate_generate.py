"""Written answers: a batch says what each prompt alone would, and it ends where it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import FAMILIES
from training_bench import bench, encoded, examples, load, run

from tuner.data.render import prompt_ids
from tuner.evaluate.generate import generate
from tuner.evaluate.losses import Stopped
from tuner.evaluate.scores import LONGEST, answer_scores, questions, sealed_test, write_answers
from tuner.train.model import saved_adapter


def greedy(base: Any, prompt: list[int], longest: int) -> str:
    """One token at a time, the whole text anew each time."""
    ids = list(prompt)
    for _ in range(longest):
        with torch.no_grad():
            best = int(base.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
        ids.append(best)
        if best == base.tokenizer.eos_token_id:
            break
    return str(base.tokenizer.decode(ids[len(prompt):], skip_special_tokens=True)).strip()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_of_prompts_gets_the_answers_that_each_gets_alone(tmp_path: Path, family: str) -> None:
    base = load(tmp_path, family)
    prompts = [prompt_ids(base.tokenizer, example.messages[:1]) for example in examples(5)]
    assert len({len(prompt) for prompt in prompts}) > 1, "padding must occur for this to show"
    assert generate(base.model, base.tokenizer, prompts, base.device, 12) == [
        greedy(base, prompt, 12) for prompt in prompts]


def test_a_tuned_model_writes_what_it_learnt_and_stops(tmp_path: Path) -> None:
    """Trained long on few examples, it says them by heart; the sealed test then finds them right."""
    base = load(tmp_path)
    own = bench(tmp_path, base, count=12)
    ended, _ = run(own, epochs=60, lora_rank=16, lora_dropout=0.0, learning_rate=2e-2)
    asked = questions(base, own.splits.train)
    untouched = sealed_test(base, asked, "base", None)
    with saved_adapter(base, tmp_path / "checkpoints" / str(ended.checkpoint)):
        tuned = sealed_test(base, asked, "best", 0)
    assert sum(untouched.right) == 0
    assert sum(tuned.right) == 4
    assert tuned.rows == untouched.rows == tuple(example.row for example in own.splits.train)
    assert len(tuned.losses) == len(tuned.answers) == len(tuned.right) == 4
    assert tuned.metrics["accuracy"] == 1.0
    assert tuned.metrics["loss"] < 1.5 < untouched.metrics["loss"]
    assert sealed_test(base, asked, "base", None) == untouched, "the adapter is gone again"


def test_generation_stops_when_told(tmp_path: Path) -> None:
    base = load(tmp_path)
    prompt = prompt_ids(base.tokenizer, examples(1)[0].messages[:1])
    with pytest.raises(Stopped):
        generate(base.model, base.tokenizer, [prompt], base.device, 100_000, stop=lambda: True)


def test_answers_never_outgrow_the_models_room(tmp_path: Path) -> None:
    base = load(tmp_path, max_position_embeddings=64)
    asked = questions(base, examples(4))
    assert all(len(question.prompt) <= 32 for question in asked)
    assert all(len(question.encoded.ids) <= 64 for question in asked)
    assert len(write_answers(base, asked)) == 4
    assert LONGEST > 64


def test_no_questions_give_no_scores(tmp_path: Path) -> None:
    assert answer_scores([], []) == {}
    assert encoded(load(tmp_path), 1)


def test_general_chat_is_asked_when_it_was_mixed_in(tmp_path: Path) -> None:
    import dataclasses

    from tuner.embedded.general_chat import check_prompts
    from tuner.evaluate.chat_check import SAMPLE, chat_scores

    base = load(tmp_path)
    own = bench(tmp_path, base)
    mixed = dataclasses.replace(own, splits=dataclasses.replace(own.splits, chat=(own.splits.train[:2],)), _encoded={})
    ended, _ = run(mixed, epochs=1)
    assert ended.metrics["general_chat_accuracy"] == 0.0
    assert ended.metrics["general_chat_prompts"] == min(SAMPLE, len(check_prompts()))
    assert "general_chat_accuracy" not in run(own, epochs=1)[0].metrics
    assert chat_scores(base, sample=3)["general_chat_prompts"] == 3
