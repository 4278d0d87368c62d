"""What a pack keeps in memory is foreseen: measured on a probe, held against real forward passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from packed_reference import various
from training_bench import encoded, load

from tuner.train.packed.head import LOGITS_AT_ONCE
from tuner.train.packed.memory import MARGIN, SHARE, free_bytes, kept_bytes, tokens_in_flight
from tuner.train.packed.pack import Micro, Pack


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("shares", [(8, 8, 8, 8), (1, 0, 0, 0), (2, 11, 0, 3), (20, 20, 20, 20)])
def test_a_pass_keeps_no_more_than_was_foreseen(base: Any, dropout: float, shares: tuple[int, ...]) -> None:
    rows = encoded(base, 20)
    pack = Pack(base, 4, rank=16)
    foreseen = pack.bytes_a_token(rank=16)
    for slot, settings in enumerate(various(4, lora_dropout=dropout, lora_rank=16)):
        pack.place(slot, settings)
    known = {part.untyped_storage().data_ptr() for part in (*base.model.parameters(), *base.model.buffers(),
                                                            pack._stack.values)}
    work = {slot: Micro(examples=rows[:count], answers=100) for slot, count in enumerate(shares) if count}
    with kept_bytes(known) as sizes:
        pack.gradients(work)
    tokens = sum(len(row.ids) for one in work.values() for row in one.examples)
    assert sum(sizes.values()) > 0.3 * foreseen * tokens, "what is foreseen is of the right size"
    # Masks are kept by the parts themselves, out of autograd's sight.
    masks = tokens * sum(shape.inputs for shape in pack._stack.shapes) * 4 if dropout else 0
    assert sum(sizes.values()) + masks <= MARGIN * foreseen * tokens


@given(free=st.integers(0, 2**40), each=st.floats(1e3, 1e8), most=st.integers(256, 2**20))
def test_tokens_in_flight_stay_within_their_share(free: int, each: float, most: int) -> None:
    tokens = tokens_in_flight(free, each, most)
    assert 256 <= tokens <= most
    assert tokens == 256 or tokens * MARGIN * each + 12 * LOGITS_AT_ONCE <= SHARE * free


def test_the_machine_says_what_is_free() -> None:
    assert 2**20 < free_bytes(torch.device("cpu")) < 2**50


def test_measuring_leaves_the_model_as_it_was(base: Any, tmp_path: Path) -> None:
    assert Pack(base, 1).bytes_a_token() > 32 * 4
    assert all("forward" not in vars(layer) for layer in base.model.modules())
