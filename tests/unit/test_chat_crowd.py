"""Eight people on eight checkpoints, coming and going: each gets what plain peft gives one by one."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chat_reference import ask, bases, plain, ref, tokens
from tiny_adapters import save_adapter
from tiny_models import save_model

from tuner.chat.asks import Ask, Generation
from tuner.chat.engine import frozen, packed
from tuner.chat.engine.bases import Bases, Budget
from tuner.chat.engine.cache import ROWS_OF_ONE
from tuner.chat.engine.packed import PackedBase

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.slow,
    # transformers' own note on peft's use of it
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning"),
]

LLAMA = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
GPT2 = ("c_attn", "c_proj", "c_fc")
QUESTIONS = ("Where do I leave a broken bike? ", "自転車が壊れたら、どこに置けばいいですか。", "Hi ", "1 2 3 4 ")


@dataclass(kw_only=True)
class Person:
    wanted: Ask
    leaves_after: int | None = None
    """Tokens after which nobody listens any more."""
    generation: Generation | None = None
    said: list[int] = field(default_factory=list)


def crowd(models: Bases, people: list[Person], draw: random.Random) -> int:
    """Everybody joins at some step, when there is room, and leaves when done. Promises the number of steps."""
    waiting, writing, steps = list(people), list[Person](), 0
    while waiting or writing:
        while waiting and draw.random() < 0.4:
            prompt = models.read(waiting[0].wanted)
            if not models.has_room(waiting[0].wanted, prompt):
                break
            writing.append(waiting.pop(0))
            writing[-1].generation = models.begin(writing[-1].wanted, prompt)
        for generation, token in models.step():
            assert isinstance(token, int), token
            [person] = [one for one in writing if one.generation is generation]
            person.said.append(token)
            if generation.ends(token) or len(person.said) in (person.wanted.max_tokens, person.leaves_after):
                generation.close()
                writing.remove(person)
        for person in list(writing):
            if person.leaves_after is not None and draw.random() < 0.05:
                assert person.generation is not None
                person.generation.close()
                writing.remove(person)
        steps += 1
    return steps


def checkpoints(model: Path, folder: Path, targets: tuple[str, ...]) -> list[Path | None]:
    draw = random.Random(5)
    made: list[Path | None] = [None]
    for seed in range(7):
        chosen = targets if seed == 0 else tuple(draw.sample(targets, draw.randint(1, len(targets))))
        rank = draw.choice((1, 2, 3, 5, 8, 16))
        made.append(save_adapter(model, folder / f"adapter-{seed}", seed=seed, rank=rank, targets=chosen,
                                 alpha=rank * draw.choice((1, 3, 4))))
    return made


def longest(family: str) -> dict[str, int]:
    return {"n_positions": 512} if family == "gpt2" else {"max_position_embeddings": 512}


@pytest.mark.parametrize(
    ("family", "more"),
    [("llama", {}), ("qwen2", {}), ("gpt2", {}), ("gemma", {}), ("mistral", {"sliding_window": 24})])
def test_whoever_joins_or_leaves_each_gets_plain_pefts_tokens(
    family: str, more: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "PROMPT_TOKENS", 23)
    monkeypatch.setattr(frozen, "LEAST_WEIGHTS", 1)  # small products too are laid out as large ones are
    model = save_model(tmp_path / family, family, **longest(family), **more)
    adapters = checkpoints(model, tmp_path, GPT2 if family == "gpt2" else LLAMA)
    draw = random.Random(family)
    people, expected = [], []
    for place, adapter in enumerate(adapters):
        text, count = QUESTIONS[place % 4] * draw.randint(1, 4), draw.randint(5, 30)
        people.append(Person(wanted=ask(ref(model, adapter), text, count)))
        expected.append(plain(model, adapter, text, count))
    leavers = [Person(wanted=ask(ref(model, draw.choice(adapters)), "leaves " * draw.randint(1, 20), 40),
                      leaves_after=draw.randint(1, 20)) for _ in range(6)]
    assert len({tuple(line[:8]) for line in expected}) >= 7, "the checkpoints must speak differently"
    models = bases()
    for budget in (2**26, 0):  # plenty; then as little as one answer needs
        mixed = [Person(wanted=one.wanted, leaves_after=one.leaves_after) for one in (*people, *leavers)]
        order = draw.sample(mixed, len(mixed))
        if not budget:
            base = models.loaded[str(model)]
            assert isinstance(base, PackedBase)
            base.cache.budget_bytes = ROWS_OF_ONE * 512 * base.cache.token_bytes
        crowd(models, order, draw)
        assert [one.said for one in mixed[: len(people)]] == expected
    assert isinstance(base, PackedBase)
    assert base.cache.used_bytes == 0
    assert not base.open


def test_a_seed_says_the_same_alone_and_in_a_crowd(tmp_path: Path) -> None:
    model = save_model(tmp_path / "llama", max_position_embeddings=512)
    adapters = checkpoints(model, tmp_path, LLAMA)
    draw = random.Random(3)
    asks = [ask(ref(model, adapter), QUESTIONS[place % 4], 25, temperature=draw.uniform(0.3, 1.5), seed=place,
                top_p=draw.choice((1.0, 0.9, 0.5))) for place, adapter in enumerate(adapters)]
    alone = [tokens(bases(), one) for one in asks]
    people = [Person(wanted=one) for one in asks]
    crowd(bases(), people, draw)
    assert [person.said for person in people] == alone
    assert tokens(bases(), ask(ref(model), QUESTIONS[0], 25, temperature=1.5, seed=1)) != tokens(
        bases(), ask(ref(model), QUESTIONS[0], 25, temperature=1.5, seed=2))


def test_in_little_memory_those_who_came_last_begin_anew_and_nothing_is_lost(tmp_path: Path) -> None:
    model = save_model(tmp_path / "llama", max_position_embeddings=512)
    adapters = checkpoints(model, tmp_path, LLAMA)[:5]
    asks = [ask(ref(model, adapter), "x" * 90, 80) for adapter in adapters]
    expected = [tokens(bases(), one) for one in asks]
    token_bytes = 2 * 2 * 2 * 8 * 4
    models = bases(budget=Budget(cache_bytes=3 * 512 * token_bytes, adapter_bytes=2**26))
    people = [Person(wanted=one) for one in asks]
    put_off: list[int] = []
    models.preload(str(model))
    base = models.loaded[str(model)]
    assert isinstance(base, PackedBase)
    original = base._put_off

    def counted(writing: packed.Writing) -> None:
        put_off.append(writing.held)
        assert base.cache.used_bytes <= base.cache.budget_bytes
        original(writing)

    base._put_off = counted  # type: ignore[method-assign]
    crowd(models, people, random.Random(1))
    assert [person.said for person in people] == expected
    assert len(put_off) > len(people), "somebody was interrupted"
