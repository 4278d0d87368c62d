"""What breaks one answer breaks no other: the rest of the batch says on, token by token what plain peft says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from chat_reference import ask, bases, plain, ref
from tiny_adapters import save_adapter
from tiny_models import save_model

from tuner.chat.asks import Generation
from tuner.chat.engine import packed
from tuner.chat.engine.bases import Bases
from tuner.chat.engine.packed import PackedBase
from tuner.chat.engine.stream import Reading, Tokens

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
]
TEXTS = ("Where is the bike? ", "自転車はどこですか。", "Hi ", "one two three " * 4, "x")
COUNT = 8


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("base") / "llama", max_position_embeddings=512)


@pytest.fixture(scope="module")
def adapters(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path | None]:
    folder = tmp_path_factory.mktemp("adapters")
    return [None, *(save_adapter(llama, folder / str(seed), seed=seed) for seed in range(len(TEXTS) - 1))]


@pytest.fixture(scope="module")
def expected(llama: Path, adapters: list[Path | None]) -> list[list[int]]:
    return [plain(llama, adapter, text, COUNT) for adapter, text in zip(adapters, TEXTS, strict=True)]


def house(llama: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[list[Tokens]], Exception | None]) -> Bases:
    """Models whose forward passes fail as `fault` says of those who take part."""
    models = bases()
    models.preload(str(llama))
    stream = base_of(models, llama)._stream
    run = stream.run

    def run_or_fail(readings: Sequence[Reading]) -> torch.Tensor:
        error = fault([*stream.writers(), *(reading.of for reading in readings)])
        if error is not None:
            raise error
        return run(readings)

    monkeypatch.setattr(stream, "run", run_or_fail)
    return models


def base_of(models: Bases, llama: Path) -> PackedBase:
    base = models.loaded[str(llama)]
    assert isinstance(base, PackedBase)
    return base


def all_said(models: Bases, llama: Path, adapters: list[Path | None]) -> list[list[int] | Exception]:
    """What each of the five hears in one batch: tokens, or why there are none."""
    said: list[list[int] | Exception] = [[] for _ in TEXTS]
    opened: list[Generation] = []
    for adapter, text in zip(adapters, TEXTS, strict=True):
        wanted = ask(ref(llama, adapter), text, COUNT)
        opened.append(models.begin(wanted, models.read(wanted)))
    left, steps = set(range(len(TEXTS))), 0
    while left:
        steps += 1
        assert steps < 500, "everybody gets to the end"
        for generation, token in models.step():
            place = opened.index(generation)
            own = said[place]
            assert place in left
            assert isinstance(own, list)
            if isinstance(token, Exception):
                said[place] = token
            else:
                own.append(token)
            if isinstance(token, Exception) or generation.ends(token) or len(own) == COUNT:
                left.discard(place)
                generation.close()
    base = base_of(models, llama)
    assert (base.cache.used_bytes, base.open) == (0, [])
    return said


@pytest.mark.parametrize("piece", [512, 9])
@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("guilty", [{0}, {3}, {1, 4}, {0, 1, 2, 3, 4}])
def test_only_the_culprit_is_refused(
    llama: Path, adapters: list[Path | None], expected: list[list[int]], monkeypatch: pytest.MonkeyPatch,
    guilty: set[int], after: int, piece: int,
) -> None:
    monkeypatch.setattr(packed, "PROMPT_TOKENS", piece)
    prompts = [bases().read(ask(ref(llama), text)).ids for text in TEXTS]

    def fault(took_part: list[Tokens]) -> Exception | None:
        for one in took_part:
            [place] = [at for at, ids in enumerate(prompts) if tuple(one.ids[: len(ids)]) == ids]
            if place in guilty and len(one.ids) - len(prompts[place]) >= after:
                return RuntimeError("shapes cannot be multiplied")
        return None

    said = all_said(house(llama, monkeypatch, fault), llama, adapters)
    for place, heard in enumerate(said):
        assert isinstance(heard, RuntimeError) if place in guilty else heard == expected[place], place


def test_a_fault_that_does_not_come_again_is_nobodys(
    llama: Path, adapters: list[Path | None], expected: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = iter([None] * 4 + [OSError("gone for a moment")])
    said = all_said(house(llama, monkeypatch, lambda _: next(faults, None)), llama, adapters)
    assert said == expected


@pytest.mark.parametrize("words", [
    "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9",
    "[enforce fail at alloc_cpu.cpp:75] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
])
def test_a_processor_without_memory_lets_some_wait_and_refuses_nobody(
    llama: Path, adapters: list[Path | None], expected: list[list[int]], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    most: list[int] = []

    def fault(took_part: list[Tokens]) -> Exception | None:
        if len(took_part) > 3:
            most.append(len(took_part))
            return RuntimeError(words)
        return None

    monkeypatch.setattr(packed.Suspects, "blame", None)
    assert all_said(house(llama, monkeypatch, fault), llama, adapters) == expected
    assert most


def test_who_gets_no_row_is_read_again_and_loses_no_token(
    llama: Path, adapters: list[Path | None], expected: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = house(llama, monkeypatch, lambda _: None)
    cache = base_of(models, llama).cache
    settle, faults = cache.settle, iter([None, torch.OutOfMemoryError("full"), RuntimeError("odd")])

    def settle_or_fail(holder: Tokens) -> bool:
        if (error := next(faults, None)) is not None:
            raise error
        return settle(holder)

    monkeypatch.setattr(cache, "settle", settle_or_fail)
    assert all_said(models, llama, adapters) == expected


def test_a_first_prompt_is_read_in_short_pieces_until_its_speed_is_known(
    llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    models = bases()
    models.preload(str(llama))
    base = base_of(models, llama)
    readings = base._readings
    monkeypatch.setattr(base, "_readings", lambda: [read.append(one.tokens) or one for one in readings()])
    wanted = ask(ref(llama), "x" * 300, 1)
    writing = models.begin(wanted, models.read(wanted))
    while not models.step():
        pass
    writing.close()
    assert read[0] == packed.FIRST_TOKENS < 300
    assert sum(read) == len(models.read(wanted).ids)
