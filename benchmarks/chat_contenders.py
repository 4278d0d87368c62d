"""The ways to answer a team that benchmarks.chat compares: Onsa's engine, and peft's own mixed batch."""

from __future__ import annotations

import asyncio
import random
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from tuner.chat.asks import Ask, Done, Generation, ModelRef, Prompt
from tuner.chat.engine import Engine
from tuner.data.examples import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a team asks: each person one question after the other, the next when the last is answered, until `tokens`
    are written in all."""

    prompts: tuple[tuple[int, ...], ...]
    """By person: the question's tokens, the same in each turn."""
    answers: tuple[tuple[int, ...], ...]
    """By person, by turn: tokens of the answer. Who has had all turns while others write begins anew."""
    checkpoints: tuple[int, ...]
    """By person."""

    @property
    def tokens(self) -> int:
        return sum(map(sum, self.answers))


@dataclass(slots=True, kw_only=True)
class Told:
    tokens: int
    seconds: float
    """Of the processor; on a GPU, and with several threads, of the clock on the wall."""
    first_s: list[float] = field(default_factory=list)
    """From each question to its first token."""

    @property
    def speed(self) -> float:
        return self.tokens / self.seconds


def make_load(people: int, checkpoints: int, *, prompt: int, answer: int, turns: int, is_mixed: bool) -> Load:
    """`is_mixed`: questions and answers of a quarter to seven quarters of `prompt` and `answer`, as people's are; else
    all alike."""
    draw = random.Random(7)

    def about(tokens: int) -> int:
        return round(tokens * draw.uniform(0.25, 1.75)) if is_mixed else tokens

    answers = tuple(tuple(about(answer) for _ in range(turns)) for _ in range(people))
    prompts = tuple(tuple(draw.randrange(300, 4000) for _ in range(about(prompt))) for _ in range(people))
    return Load(prompts=prompts, answers=answers, checkpoints=tuple(place % checkpoints for place in range(people)))


def _now(device: str) -> float:
    import torch

    is_alone = device == "cpu" and torch.get_num_threads() == 1
    return time.process_time() if is_alone else time.perf_counter()


class OnsaTeam:
    """The engine in this process, without HTTP; the model is loaded once."""

    def __init__(self, source: Path, adapters: Sequence[Path], device: str) -> None:
        import torch

        from tuner.chat.engine.bases import Bases, Budget

        outer = self

        class Timed(Bases):
            """Takes prompts as they are, never ends an answer early, and notes when first tokens come."""

            def read(self, ask: Ask) -> Prompt:
                return Prompt(ids=outer.load.prompts[int(ask.messages[0].content)], max_tokens=ask.max_tokens or 1)

            def begin(self, ask: Ask, prompt: Prompt) -> Generation:
                made = super().begin(ask, prompt)
                outer.waiting[made] = ask.person
                return made

            def step(self) -> Sequence[tuple[Generation, int | Exception]]:
                told = super().step()
                now = time.perf_counter()
                outer.written += len(told)
                if outer.written >= outer.load.tokens:
                    outer.enough()
                for generation, _ in told:
                    person = outer.waiting.pop(generation, None)
                    if person is not None:
                        outer.first_s.append(now - outer.asked[person])
                return told

        budget = Budget(cache_bytes=2**31, adapter_bytes=2**32)
        models = Timed(device=torch.device(device), budget=budget)
        models.preload(str(source))
        base: Any = models.loaded[str(source)]
        base.ends = frozenset()
        self.load = Load(prompts=(), answers=(), checkpoints=())
        self.waiting: dict[Generation, str] = {}
        self.asked: dict[str, float] = {}
        self.first_s: list[float] = []
        self.written = 0
        self.enough: Callable[[], object] = int
        self._device = device
        self._models = [ModelRef(base=str(source), adapter=str(folder)) for folder in adapters]
        self._engine = Engine(lambda: models, places=64)

    def answer(self, load: Load) -> Told:
        self.load, self.first_s, self.written = load, [], 0
        began = _now(self._device)
        asyncio.run(self._all(load))
        return Told(tokens=self.written, seconds=_now(self._device) - began, first_s=sorted(self.first_s))

    def close(self) -> None:
        self._engine.close(30.0)

    async def _all(self, load: Load) -> None:
        people = asyncio.gather(*(self._person(load, place) for place in range(len(load.prompts))))
        loop = asyncio.get_running_loop()
        self.enough = lambda: loop.call_soon_threadsafe(people.cancel)
        with suppress(asyncio.CancelledError):
            await people
        self.enough = int

    async def _person(self, load: Load, place: int) -> None:
        for length in cycle(load.answers[place]):
            person = str(place)
            self.asked[person] = time.perf_counter()
            answer = self._engine.ask(Ask(
                model=self._models[load.checkpoints[place]], messages=(Message(role="user", content=person),),
                max_tokens=length, temperature=0.0, person=person))
            try:
                while not isinstance(await answer.next(), Done):
                    pass
            finally:
                answer.cancel()


class PeftTeam:
    """peft's `generate(adapter_names=[...])`: everybody's question of a turn in one batch, which ends with its longest
    answer; questions are padded on the left."""

    def __init__(self, source: Path, adapters: Sequence[Path], device: str) -> None:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        warnings.simplefilter("ignore")
        dtype = torch.bfloat16 if device == "cuda" else torch.float32
        model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype).to(device).eval()
        self._model: Any = PeftModel.from_pretrained(model, str(adapters[0]), adapter_name="c0")
        for place, folder in enumerate(adapters[1:], start=1):
            self._model.load_adapter(str(folder), adapter_name=f"c{place}")
        self._model.eval()
        self._device = device

    def answer(self, load: Load) -> Told:
        import torch

        began = _now(self._device)
        width = max(map(len, load.prompts))
        ids = torch.tensor([[0] * (width - len(own)) + list(own) for own in load.prompts], device=self._device)
        mask = torch.tensor([[0] * (width - len(own)) + [1] * len(own) for own in load.prompts], device=self._device)
        names = [f"c{place}" for place in load.checkpoints]
        for turn in range(len(load.answers[0])):
            longest = max(own[turn] for own in load.answers)
            out = self._model.generate(
                input_ids=ids, attention_mask=mask, adapter_names=names, do_sample=False,
                max_new_tokens=longest, min_new_tokens=longest, pad_token_id=0)
            assert out.shape[1] == ids.shape[1] + longest
        return Told(tokens=load.tokens, seconds=_now(self._device) - began)

    def close(self) -> None:
        del self._model
