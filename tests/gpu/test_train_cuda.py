"""One trial on a CUDA device: bf16 base, fp32 adapter, and a file that plain peft reads on the CPU."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # the tiny models and benches live there

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, list[Any], Path]:
    from training_bench import bench, load, run

    folder = tmp_path_factory.mktemp("cuda")
    own = bench(folder, load(folder))
    ended, told = run(own, epochs=12)
    return own, ended, told, folder


def test_a_trial_learns_in_bf16(trained: tuple[Any, Any, list[Any], Path]) -> None:
    own, ended, told, _ = trained
    assert own.base.device.type == "cuda"
    assert own.base.model.dtype == torch.bfloat16
    assert own.base.layout == "packed"
    assert (ended.outcome, ended.cause) == ("complete", "")
    curve = [at.valid_loss for at in told if at.valid_loss is not None]
    assert curve[-1] < 0.8 * curve[0]
    assert 0 <= ended.metrics["accuracy"] <= 1


def test_its_adapter_is_fp32_and_gives_the_same_loss_on_the_cpu(trained: tuple[Any, Any, list[Any], Path]) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    from tuner.evaluate.losses import losses

    own, ended, _, folder = trained
    adapter = folder / "checkpoints" / str(ended.checkpoint)
    assert {part.dtype for part in load_file(adapter / "adapter_model.safetensors").values()} == {torch.float32}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(own.base.source, dtype=torch.float32),
                                          str(adapter)).eval()
    found = losses(model.get_base_model(), [one.encoded for one in own.valid], torch.device("cpu"), "padded")
    assert found.loss == pytest.approx(ended.metrics["loss"], rel=0.03)


def test_a_batch_that_the_gpu_cannot_hold_ends_that_trial_only(trained: tuple[Any, Any, list[Any], Path],
                                                               tmp_path: Path) -> None:
    from training_bench import bench, run

    own, _, _, _ = trained
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_allocated() + 2**20) / total)
    torch.cuda.empty_cache()
    try:
        ended, _ = run(bench(tmp_path, own.base), batch_size=12, lora_rank=512)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (ended.outcome, ended.cause) == ("failed", "out_of_memory")
    assert run(bench(tmp_path, own.base), 1)[0].outcome == "complete"
