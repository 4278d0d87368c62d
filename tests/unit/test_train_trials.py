"""Whole trials on tiny random models: same seed same curve, nothing leaks, and every end has its name."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from training_bench import bench, encoded, load, run

from tuner.checkpoints.export import merge_into
from tuner.evaluate.losses import Losses, losses
from tuner.problems import ProblemError
from tuner.train.bench import CHAT_ROUNDS, load_splits
from tuner.train.course import Progress
from tuner.train.health import LossWatch, TrialBrokeError, known_places, refuse_babble
from tuner.train.model import choose_threads, load_base
from tuner.train.targets import target_names

pytestmark = pytest.mark.slow  # real training of many small models


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("base"))


def weights(base: Any) -> dict[str, torch.Tensor]:
    return {name: part.detach().clone() for name, part in base.model.state_dict().items()}


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_trial_learns_and_is_scored(tmp_path: Path, family: str) -> None:
    own = load(tmp_path, family)
    ended, told = run(bench(tmp_path, own), epochs=12)
    assert (ended.outcome, ended.cause) == ("complete", "")
    curve = [at.valid_loss for at in told if at.valid_loss is not None]
    assert curve[-1] < 0.7 * curve[0]
    assert ended.metrics["loss"] == curve[-1]
    assert ended.metrics["perplexity"] == pytest.approx(math.exp(curve[-1]))
    assert {"token_accuracy", "train_loss", "accuracy", "chrf", "rouge", "bleu"} <= ended.metrics.keys()
    assert ended.checkpoint == "trial-0"
    assert ended.tokens == 12 * sum(len(row.ids) for row in encoded(own, 12))


def test_steps_are_told_in_order_and_the_last_one_always(tmp_path: Path, base: Any) -> None:
    _, told = run(bench(tmp_path, base), epochs=3)
    steps = [at.step for at in told if at.valid_loss is None]
    assert steps == sorted(set(steps))
    assert steps[-1] == told[-1].steps == 9
    for place, at in enumerate(told):
        if at.valid_loss is not None:
            assert (told[place - 1].step, told[place - 1].valid_loss) == (at.step, None)


def test_the_same_seed_gives_the_same_curve_bit_by_bit(tmp_path: Path, base: Any) -> None:
    one = run(bench(tmp_path, base), seed=5)
    other = run(bench(tmp_path, base), seed=5)
    different = run(bench(tmp_path, base), seed=6)
    values = [[(at.step, at.train_loss, at.valid_loss) for at in told if at.step % 3 == 0] for _, told in
              (one, other, different)]
    assert values[0] == values[1] != values[2]
    assert one[0].metrics == other[0].metrics


def test_nothing_leaks_from_one_trial_into_the_next(tmp_path: Path, base: Any) -> None:
    before = weights(base)
    alone, _ = run(bench(tmp_path / "alone", base), 1, seed=2)
    for number, spoiled in enumerate(({"learning_rate": 1e6}, {"lora_rank": 8, "target_modules": "mlp"},
                                      {"label_smoothing": 0.3, "epochs": 1})):
        run(bench(tmp_path / "other", base), number, **spoiled)
    after, _ = run(bench(tmp_path / "after", base), 1, seed=2)
    assert alone.metrics == after.metrics
    read = [(tmp_path / name / "checkpoints" / "trial-1" / "adapter_model.safetensors").read_bytes()
            for name in ("alone", "after")]
    assert read[0] == read[1]
    for name, part in weights(base).items():
        assert torch.equal(part, before[name])
    assert not any(part.requires_grad for part in base.model.parameters())


def test_a_rate_far_too_high_ends_with_a_name(tmp_path: Path, base: Any) -> None:
    ended, _ = run(bench(tmp_path, base), learning_rate=1e6)
    assert (ended.outcome, ended.cause, ended.checkpoint) == ("failed", "nan", None)
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_loss_that_rises_far_above_its_start_is_diverged(tmp_path: Path, base: Any) -> None:
    first, _ = run(bench(tmp_path, base), learning_rate=0.03, epochs=30, lora_rank=16)
    merge_into(base.source, tmp_path / "checkpoints" / str(first.checkpoint), tmp_path / "learnt")
    learnt = load_base(str(tmp_path / "learnt"))
    ended, told = run(bench(tmp_path, learnt), 1, learning_rate=0.3, epochs=30)
    assert (ended.outcome, ended.cause) == ("failed", "diverged")
    assert told[-1].step < told[-1].steps, "it is noticed under way"


@pytest.mark.parametrize(("epochs", "cause"), [
    ([[3.0, 2.5, 2.0] * 5, [1.0] * 9], ""), ([[3.0] * 4 + [7.5] * 5 + [2.0] * 24], ""),
    ([[3.0] + [8.0] * 9], "diverged"),
    ([[3.0, math.nan]], "nan"), ([[2.5] * 9, [4.0] * 9], "diverged"), ([[3.0] * 9, [3.1] * 9], ""),
    ([[1.0] * 9, [2.0] * 9], "diverged"), ([[1.0] * 9, [1.3] * 9], ""),
])
def test_the_rule_of_divergence(epochs: list[list[float]], cause: str) -> None:
    """The untouched model's loss is 3 throughout."""
    watch, found = LossWatch(), ""
    try:
        for epoch in epochs:
            for loss in epoch:
                watch.add(loss, 1.0, 3.0)
            watch.end_epoch()
    except TrialBrokeError as error:
        found = error.cause
    assert found == cause


@pytest.mark.parametrize(("loss", "is_lost"), [(0.1, False), (3.1, False), (5.0, True), (math.nan, True)])
def test_a_model_that_babbles_what_it_could_say_before_has_diverged(loss: float, is_lost: bool) -> None:
    with pytest.raises(TrialBrokeError, match="costs") if is_lost else nullcontext():
        refuse_babble(loss, 4096)


def test_only_what_the_untouched_model_could_say_shows_babble() -> None:
    untouched = Losses(sums=(0.2, 0.2, 30.0, 0.0) + (0.4,) * 100, tokens=(4, 4, 4, 0) + (4,) * 100,
                       hits=(0,) * 104)
    chosen = known_places(untouched, 1)
    assert chosen[0] == 1
    assert {2, 3}.isdisjoint(chosen)
    assert 12 < len(chosen) <= 24
    assert chosen[-1] > 90


def test_a_stopped_trial_ends_within_a_second_and_keeps_what_it_learnt(tmp_path: Path, base: Any) -> None:
    asked: list[float] = []
    progress: list[Progress] = []

    def wish() -> str:
        if len(asked) == 0 and progress:
            asked.append(time.monotonic())
        return "stopped" if asked else ""

    from training_bench import SETTINGS

    from tuner.train.trial import run_trial

    ended = run_trial(bench(tmp_path, base), 4, {**SETTINGS, "epochs": 5000}, progress.append, wish)  # type: ignore[arg-type]
    assert time.monotonic() - asked[0] < 2.0
    assert (ended.outcome, ended.cause, ended.checkpoint) == ("stopped", "stopped", "trial-4")
    assert (tmp_path / "checkpoints" / "trial-4" / "adapter_model.safetensors").is_file()


def test_a_pruned_trial_keeps_no_adapter(tmp_path: Path, base: Any) -> None:
    calls = iter(range(10_000))
    ended, _ = run(bench(tmp_path, base), wish=lambda: "pruned" if next(calls) > 3 else "", epochs=100)
    assert (ended.outcome, ended.cause, ended.checkpoint) == ("pruned", "pruned", None)
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_trial_stopped_before_its_first_step_leaves_nothing(tmp_path: Path, base: Any) -> None:
    ended, told = run(bench(tmp_path, base), wish=lambda: "stopped")
    assert (ended.outcome, ended.checkpoint, told) == ("stopped", None, [])


def test_examples_that_lose_their_answer_to_the_length_are_bad_data(tmp_path: Path, base: Any) -> None:
    ended, _ = run(bench(tmp_path, base), max_length=8)
    assert (ended.outcome, ended.cause) == ("failed", "bad_data")


def test_a_missing_knob_is_a_crash_with_a_short_reason(tmp_path: Path, base: Any) -> None:
    from tuner.train.trial import run_trial

    ended = run_trial(bench(tmp_path, base), 0, {"epochs": 1}, lambda _at: None, lambda: "")
    assert (ended.outcome, ended.cause) == ("failed", "crashed")
    assert "learning_rate" in ended.error


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_no_memory_in_mid_trial_frees_the_model_for_the_next_one(
    tmp_path: Path, base: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    expected, _ = run(bench(tmp_path, base), 1)
    with monkeypatch.context() as patch:
        forward, calls = base.model.forward, iter(range(100))

        def short_of_memory(*args: Any, **named: Any) -> Any:
            if next(calls) == 2:
                raise error
            return forward(*args, **named)

        patch.setattr(base.model, "forward", short_of_memory)
        ended, _ = run(bench(tmp_path, base), 0)
    assert (ended.outcome, ended.cause) == ("failed", "out_of_memory")
    again, _ = run(bench(tmp_path, base), 1)
    assert again.metrics == expected.metrics


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited by Linux' own rule")
def test_a_batch_that_the_machine_cannot_hold_ends_that_trial_only(tmp_path: Path) -> None:
    script = (
        "import resource, sys, pathlib; sys.path.insert(0, sys.argv[1]); import psutil\n"
        "from training_bench import bench, load, run\n"
        "folder = pathlib.Path(sys.argv[2]); base = load(folder, 'llama', vocab_size=100_000)\n"
        "ready = bench(folder, base, count=120); ready.valid\n"
        "limit = psutil.Process().memory_info().vms + 500 * 2**20\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "print(run(ready, batch_size=112, epochs=1)[0].cause, run(ready, batch_size=4, epochs=1, seed=1)[0].outcome)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(Path(__file__).parent), str(tmp_path)], capture_output=True, text=True,
        timeout=200, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    assert done.stdout.split() == ["out_of_memory", "complete"], done.stderr[-2000:]


def test_pickled_weights_are_refused(tmp_path: Path, base: Any) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    base.model.config.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)
    torch.save({"weight": torch.zeros(1)}, folder / "pytorch_model.bin")
    with pytest.raises(ProblemError) as caught:
        load_base(str(folder))
    assert [(one.key, one.facts["file"]) for one in caught.value.problems] == [
        ("runner.model_unsafe", "pytorch_model.bin")]


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as caught:
        load_base(str(tmp_path / "nothing"))
    assert caught.value.problems[0].key == "runner.model_missing"


def _cut_off(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


def _without_a_shard(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))


def _without_some_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file({name: weight for name, weight in weights.items() if "layers.1." not in name},
              folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(("break_it", "file"), [
    (_cut_off, None), (_without_a_shard, "model-00002-of-00002.safetensors"), (_without_some_weights, None)])
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_is_not_whole_is_named_so(
    tmp_path: Path, base: Any, break_it: Callable[[Path], None], file: str | None
) -> None:
    folder = tmp_path / "broken"
    base.model.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)
    break_it(folder)
    with pytest.raises(ProblemError) as caught:
        load_base(str(folder))
    assert [(one.key, one.facts.get("file")) for one in caught.value.problems] == [("runner.model_damaged", file)]


def test_a_model_that_brings_its_own_code_is_refused(tmp_path: Path, base: Any) -> None:
    folder = tmp_path / "coded"
    base.model.save_pretrained(folder)
    base.tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text(
        '{"model_type": "mystery", "auto_map": {"AutoConfig": "code.Mine", "AutoModelForCausalLM": "code.Mine"}}')
    (folder / "code.py").write_text("raise SystemExit('their code ran')")
    with pytest.raises(ProblemError) as caught:
        load_base(str(folder))
    assert caught.value.problems[0].key == "runner.model_needs_code"


@pytest.mark.parametrize(("family", "attention", "mlp"), [
    ("llama", {"q_proj", "k_proj", "v_proj", "o_proj"}, {"gate_proj", "up_proj", "down_proj"}),
    ("gemma", {"q_proj", "k_proj", "v_proj", "o_proj"}, {"gate_proj", "up_proj", "down_proj"}),
    ("gpt2", {"c_attn", "attn.c_proj"}, {"c_fc", "mlp.c_proj"}),
])
def test_targets_are_the_models_own_layers(tmp_path: Path, family: str, attention: set[str], mlp: set[str]) -> None:
    model = load(tmp_path, family).model
    found = {group: target_names(model, group) for group in ("attention", "mlp", "all")}  # type: ignore[arg-type]
    for group, ends in (("attention", attention), ("mlp", mlp), ("all", attention | mlp)):
        assert len(found[group]) == 2 * len(ends)
        assert {end for end in ends if any(name.endswith("." + end) for name in found[group])} == ends
    assert not any("head" in name or "embed" in name for name in found["all"])


def test_other_families_are_understood_by_looking(tmp_path: Path) -> None:
    import transformers

    config = transformers.GPTNeoXConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                                        intermediate_size=32, bos_token_id=0, eos_token_id=0)
    model = transformers.GPTNeoXForCausalLM(config)
    assert [name.rsplit(".", 1)[-1] for name in target_names(model, "attention")] == ["query_key_value", "dense"]
    assert [name.rsplit(".", 1)[-1] for name in target_names(model, "mlp")] == ["dense_h_to_4h", "dense_4h_to_h"]


def test_a_model_without_such_layers_is_a_problem() -> None:
    import transformers

    model = transformers.BertLMHeadModel(transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        is_decoder=True))
    for layer in list(model.modules()):
        for name, part in list(layer.named_children()):
            if isinstance(part, torch.nn.Linear):
                setattr(layer, name, torch.nn.Identity())
    with pytest.raises(ProblemError) as caught:
        target_names(model, "all")
    assert caught.value.problems[0].key == "runner.no_layers"


def test_the_child_splits_as_the_plan_was_promised(tmp_path: Path) -> None:
    from training_bench import examples

    from tuner.data.examples import write
    from tuner.data.split import split

    rows = tuple(example for example in examples(30))
    write(tmp_path / "examples.jsonl", rows)
    found = load_splits(tmp_path / "examples.jsonl", (20, 5, 5), 3, chat=7)
    expected = split(rows, 3, (20, 5, 5))
    assert (found.train, found.valid, found.test) == (expected.train, expected.validation, expected.test)
    assert [len(chat) for chat in found.chat] == [7] * CHAT_ROUNDS


def test_evaluation_after_a_trial_is_the_untouched_models(tmp_path: Path, base: Any) -> None:
    rows = encoded(base)
    before = losses(base.model, rows, base.device, base.layout)
    run(bench(tmp_path, base))
    assert losses(base.model, rows, base.device, base.layout) == before


def test_hard_examples_after_easy_ones_are_no_divergence() -> None:
    """General chat costs the model 0.3, the person's questions 8: batches of the latter must not look like a loss."""
    watch = LossWatch()
    for loss, untouched in [(0.3, 0.3)] * 10 + [(8.0, 8.0)] * 10:
        watch.add(loss, 1.0, untouched)
    watch.end_epoch()


def test_a_rate_that_changes_nothing_is_complete(tmp_path: Path, base: Any) -> None:
    for seed in range(4):
        ended, told = run(bench(tmp_path, base), learning_rate=1e-9, epochs=1, seed=seed, label_smoothing=0.1 * seed)
        assert (ended.outcome, ended.cause) == ("complete", "")
        assert told[-1].valid_loss == pytest.approx(
            losses(base.model, [one.encoded for one in bench(tmp_path, base).valid], base.device, base.layout).loss,
            abs=1e-4)


@pytest.mark.parametrize(("environment", "threads"), [(None, 1), ("2", 2)])
def test_a_small_model_takes_one_thread_unless_told_otherwise(base: Any, monkeypatch: pytest.MonkeyPatch,
                                                              environment: str | None, threads: int) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if environment is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        choose_threads(base)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
