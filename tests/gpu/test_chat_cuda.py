"""The chat engine on a CUDA device: in bf16 everybody gets in company what he gets alone, and memory is given back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # the tiny models live there

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
]


@pytest.fixture
def models(tmp_path: Path) -> tuple[Any, list[Any]]:
    from chat_reference import PLENTY, ask, ref
    from tiny_adapters import save_adapter
    from tiny_models import save_model

    from tuner.chat.engine.bases import Bases

    model = save_model(tmp_path / "llama", hidden_size=64, intermediate_size=128, max_position_embeddings=512,
                       head_dim=16)
    asks = [ask(ref(model))]
    asks += [ask(ref(model, save_adapter(model, tmp_path / str(seed), seed=seed, rank=16))) for seed in range(7)]
    return Bases(device=torch.device("cuda"), budget=PLENTY), asks


def test_in_company_everybody_gets_nearly_all_of_what_he_gets_alone(models: tuple[Any, list[Any]]) -> None:
    """bf16 rounds by the shape of a product, so that a near tie may fall the other way."""
    from chat_reference import together, tokens

    own, asks = models
    alone = [tokens(own, one) for one in asks]
    company = together(own, asks)
    same = sum(a == b for one, other in zip(alone, company, strict=True) for a, b in zip(one, other, strict=False))
    assert same >= 0.8 * sum(map(len, alone))
    assert len(set(map(tuple, alone))) >= 7


def test_memory_is_given_back(models: tuple[Any, list[Any]]) -> None:
    from chat_reference import together

    own, asks = models
    together(own, asks)
    [base] = own.loaded.values()
    assert base.cache.used_bytes == 0
    before = torch.cuda.memory_allocated()
    together(own, asks)
    assert torch.cuda.memory_allocated() <= before + 2**20
