"""Keys and values stay within their budget, leave nothing behind, and adapters are read as peft reads them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from chat_reference import ask, bases, plain, ref, together, tokens
from tiny_adapters import save_adapter
from tiny_models import save_model

from tuner.chat.asks import Prompt
from tuner.chat.engine import bases as chat_bases
from tuner.chat.engine.cache import Cache, Geometry
from tuner.chat.engine.packed import PackedBase
from tuner.chat.engine.plain import PlainBase
from tuner.chat.engine.stream import Tokens
from tuner.train.packed.layers import CannotPackError

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
]
CPU = torch.device("cpu")
SHAPE = Geometry(layers=2, heads=2, width=4, longest=1000)
TOKEN = SHAPE.token_bytes(torch.float32)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("base") / "llama", max_position_embeddings=512)


def cache(rows: int) -> Cache:
    return Cache(SHAPE, budget_bytes=rows * 128 * TOKEN, device=CPU, dtype=torch.float32)


def marked(own: Cache, length: int, mark: float) -> Tokens | None:
    """An answer whose keys and values are all `mark`."""
    holder = Tokens(ids=[0] * length)
    if not own.open_prompt(holder, length):
        return None
    assert holder.prompt_store is not None
    holder.prompt_store.fill_(mark)
    holder.held = length
    return holder if own.settle(holder) else None


def test_who_comes_and_goes_keeps_his_own_and_leaves_nothing() -> None:
    own, draw = cache(400), random.Random(2)
    held: dict[float, Tokens] = {}
    for mark in range(1, 300):
        if held and draw.random() < 0.45:
            own.release(held.pop(draw.choice(list(held))))
        else:
            made = marked(own, draw.randint(1, 300), float(mark))
            if made is not None:
                held[float(mark)] = made
        for known, holder in held.items():
            assert holder.slab is not None
            kept = holder.slab.store[:, :, holder.row]
            assert (kept[:, :, :, : holder.held] == known).all()
            assert (kept[:, :, :, holder.held :] == 0).all()
        for slab in own.in_use():
            assert [holder.row for holder in slab.holders if isinstance(holder, Tokens)] == list(
                range(len(slab.holders)))
            assert (slab.store[:, :, len(slab.holders) :] == 0).all(), "nothing is left of who went"
        assert own.used_bytes <= own.budget_bytes
    for holder in held.values():
        own.release(holder)
    assert own.used_bytes == 0


def test_a_full_cache_takes_nobody_and_changes_nothing() -> None:
    own = cache(24)
    held: list[Tokens] = []
    while (made := marked(own, 100, 1.0)) is not None:
        held.append(made)
    assert len(held) >= 8
    assert own.used_bytes <= own.budget_bytes
    assert not own.has_room(100)
    own.release(held.pop())
    own.release(held.pop())
    assert marked(own, 20, 2.0) is not None


def test_one_answer_of_the_longest_kind_always_fits() -> None:
    own = Cache(SHAPE, budget_bytes=0, device=CPU, dtype=torch.float32)
    holder = marked(own, 1, 3.0)
    assert holder is not None
    while holder.held < SHAPE.longest:
        assert holder.slab is not None
        holder.held = holder.slab.capacity
        if holder.held < SHAPE.longest:
            assert own.settle(holder)
    own.release(holder)
    assert marked(own, SHAPE.longest - 1, 1.0) is not None


@pytest.mark.parametrize("unusual", [{"use_dora": True}, {"use_rslora": True}, {"rank_pattern": {"q_proj": 2}}])
def test_an_unusual_adapter_answers_as_in_peft(llama: Path, tmp_path: Path, unusual: dict[str, object]) -> None:
    odd = save_adapter(llama, tmp_path / "odd", seed=1, **unusual)
    usual = save_adapter(llama, tmp_path / "usual", seed=2)
    models = bases()
    expected = [plain(llama, odd), plain(llama, usual)]
    assert tokens(models, ask(ref(llama, odd))) == expected[0]
    assert together(models, [ask(ref(llama, odd)), ask(ref(llama, usual))]) == expected
    alone = [base for base in models.loaded.values() if isinstance(base, PlainBase)]
    assert len(alone) == ("use_rslora" not in unusual), "a scale of another kind needs no place of its own"


def test_a_model_that_cannot_share_a_batch_answers_one_at_a_time(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> PackedBase:
        raise CannotPackError("numbers", "made up")

    monkeypatch.setattr(chat_bases, "PackedBase", refuse)
    adapter = save_adapter(llama, tmp_path / "adapter", seed=1)
    models = bases()
    asks = [ask(ref(llama, adapter)), ask(ref(llama))]
    assert [tokens(models, one) for one in asks] == [plain(llama, adapter), plain(llama, None)]
    assert "one at a time" in caplog.text
    writing = models.begin(asks[0], models.read(asks[0]))
    assert not models.has_room(asks[1], models.read(asks[1]))
    writing.close()
    assert models.has_room(asks[1], models.read(asks[1]))


def test_an_answer_of_numbers_that_are_none_leaves_its_neighbours_whole(llama: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    huge = save_adapter(llama, tmp_path / "huge", seed=1)
    file = huge / "adapter_model.safetensors"
    save_file({name: weight * 1e30 for name, weight in load_file(file).items()}, file)
    good = save_adapter(llama, tmp_path / "good", seed=2)
    models = bases()
    broken, whole = (ask(ref(llama, folder)) for folder in (huge, good))
    generations = [models.begin(one, models.read(one)) for one in (broken, whole)]
    said: list[int] = []
    while len(said) < 12 and not (said and generations[1].ends(said[-1])):
        for generation, token in models.step():
            if generation is generations[0]:
                assert isinstance(token, FloatingPointError)
                generation.close()
            else:
                assert isinstance(token, int)
                said.append(token)
    assert said == plain(llama, good)
    generations[1].close()


def test_a_slow_model_reads_prompts_in_long_pieces_too(llama: Path) -> None:
    models, now, sizes = bases(), [0.0], list[int]()
    models.preload(str(llama))
    base: Any = models.loaded[str(llama)]
    base._clock = lambda: now[0]

    def takes_time(_module: Any, _arguments: Any, given: dict[str, Any]) -> None:
        sizes.append(given["input_ids"].shape[1])
        now[0] += 0.5 + 0.001 * sizes[-1]

    base.model.register_forward_pre_hook(takes_time, with_kwargs=True)
    opened = [models.begin(ask(ref(llama)), Prompt(ids=tuple(range(2, 8)), max_tokens=64))]
    for _ in range(3):
        models.step()
    opened.append(models.begin(ask(ref(llama)), Prompt(ids=tuple(range(2, 402)), max_tokens=4)))
    while not any(generation is opened[1] for generation, _ in models.step()):
        assert len(sizes) < 40
    assert max(sizes) > 64
    for generation in opened:
        generation.close()
