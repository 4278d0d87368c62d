"""The engine's promises to many people at once, on models made of a script. No torch."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from tuner.chat.asks import (
    Answered,
    Ask,
    AskError,
    BadMessages,
    Begun,
    Busy,
    Done,
    Failed,
    FinishReason,
    ModelRef,
    Piece,
    Prompt,
)
from tuner.chat.engine import Answer, Engine
from tuner.chat.engine.line import PATIENCE
from tuner.data.examples import Message

END = 0


class Script:
    """Models whose answers are written down: the question is the answer, one token a character, `\\0` the end."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        """Who got each token."""
        self.begun: list[str] = []
        self.open: list[ScriptedGeneration] = []
        self.most_open = 0
        self.gate = threading.Event()
        """Steps wait for it."""
        self.gate.set()
        self.full: set[str] = set()
        """Bases that have no room while anything is open."""

    def read(self, ask: Ask) -> Prompt:
        if not ask.messages[0].content:
            raise BadMessages("nothing said")
        return Prompt(ids=(1, 2, 3), max_tokens=1000 if ask.max_tokens is None else ask.max_tokens)

    def has_room(self, ask: Ask, prompt: Prompt) -> bool:
        return not self.open or ask.model.base not in self.full

    def begin(self, ask: Ask, prompt: Prompt) -> ScriptedGeneration:
        if ask.model.base == "unloadable":
            raise OSError("no such folder")
        self.begun.append(ask.model.base)
        self.open.append(ScriptedGeneration(self, ask))
        self.most_open = max(self.most_open, len(self.open))
        return self.open[-1]

    def step(self) -> list[tuple[ScriptedGeneration, int | Exception]]:
        assert self.gate.wait(10)
        return [told for generation in self.open for told in generation.step()]

    def texts(self, lines: Sequence[Sequence[int]]) -> list[str]:
        return ["".join(map(chr, line)) for line in lines]


class ScriptedGeneration:
    def __init__(self, script: Script, ask: Ask) -> None:
        self.reader = script
        self.name = ask.model.base
        self._left = iter(ask.messages[0].content)
        self._has_read = False

    def step(self) -> list[tuple[ScriptedGeneration, int | Exception]]:
        if not self._has_read:
            self._has_read = True
            return []
        self.reader.steps.append(self.name)
        character = next(self._left, "∞")
        return [(self, RuntimeError("the model broke") if character == "!" else ord(character))]

    def ends(self, token: int) -> bool:
        return token == END

    def close(self) -> None:
        if self in self.reader.open:
            self.reader.open.remove(self)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def start(script: Script) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(**options: int) -> Engine:
        engines.append(Engine(lambda: script, **options))
        return engines[-1]

    yield make
    script.gate.set()
    assert all(engine.close(5.0) for engine in engines)


def ask(text: str, name: str = "a", stop: tuple[str, ...] = (), max_tokens: int | None = None,
        person: str = "") -> Ask:
    messages = (Message(role="user", content=text),)
    return Ask(model=ModelRef(base=name), messages=messages, stop=stop, max_tokens=max_tokens, person=person)


async def heard(answer: Answer) -> tuple[str, FinishReason, int]:
    text = ""
    while True:
        event: Answered = await asyncio.wait_for(answer.next(), 10)
        match event:
            case Begun(prompt_tokens=count):
                assert count == 3
            case Piece(text=piece):
                text += piece
            case Done(reason=reason, tokens=tokens):
                return text, reason, tokens


async def test_an_answer_ends_where_the_model_ends_it(start: Callable[..., Engine]) -> None:
    assert await heard(start().ask(ask("hello\0never"))) == ("hello", "stop", 6)


async def test_an_answer_ends_after_its_last_token(start: Callable[..., Engine]) -> None:
    assert await heard(start().ask(ask("hello\0", max_tokens=4))) == ("hell", "length", 4)


async def test_a_stop_sequence_ends_the_answer_before_itself(start: Callable[..., Engine]) -> None:
    assert await heard(start().ask(ask("one. two\0", stop=("x", ". ")))) == ("one", "stop", 5)


async def test_half_a_stop_sequence_at_the_end_is_text(start: Callable[..., Engine]) -> None:
    engine = start()
    assert await heard(engine.ask(ask("one.\0", stop=(". ",)))) == ("one.", "stop", 5)
    assert await heard(engine.ask(ask("one.\0", stop=(". ",), max_tokens=4))) == ("one.", "length", 4)


async def test_each_step_gives_a_token_to_everybody(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=3)
    script.gate.clear()
    answers = [engine.ask(ask("x" * 200 + "\0", name)) for name in "abc"]
    script.gate.set()
    await asyncio.gather(*(heard(answer) for answer in answers))
    shared = script.steps[10 : 3 * 200 - 10]
    assert {len(set(shared[at : at + 3])) for at in range(0, len(shared) - 3, 3)} == {3}
    assert script.most_open == 3


async def test_a_short_answer_is_not_held_up_by_a_long_one(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=2)
    long = engine.ask(ask("x" * 100_000, "long", max_tokens=100_000))
    assert isinstance(await asyncio.wait_for(long.next(), 10), Begun)
    assert await heard(engine.ask(ask("short\0", "short"))) == ("short", "stop", 6)
    assert script.steps.count("long") < 100_000
    long.cancel()


async def test_a_newcomer_is_in_the_next_step(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=8)
    others = [engine.ask(ask("x", f"other {place}", max_tokens=10**9)) for place in range(7)]
    for other in others:
        await asyncio.wait_for(other.next(), 10)
        await asyncio.wait_for(other.next(), 10)
    script.gate.clear()
    before = len(script.steps)
    newcomer = engine.ask(ask("hi\0", "newcomer"))
    script.gate.set()
    assert await heard(newcomer) == ("hi", "stop", 3)
    assert script.steps[before:].index("newcomer") <= 3 * 7, "its prompt is read, then it has a token in each step"
    for other in others:
        other.cancel()


async def test_who_came_first_is_served_first(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=1, line=11)
    await asyncio.gather(*(heard(engine.ask(ask("hi\0", name))) for name in "abcdef"))
    assert "".join(script.begun) == "abcdef"
    assert script.most_open == 1


async def test_people_are_served_in_turn_however_much_one_of_them_asks(
    start: Callable[..., Engine], script: Script
) -> None:
    engine = start(places=2, line=30)
    script.gate.clear()
    asks = [ask("hi\0", f"busy{at}", person="busy") for at in range(8)]
    asks += [ask("hi\0", f"{who}{at}", person=who) for at in range(2) for who in ("x", "y")]
    answers = [engine.ask(one) for one in asks]
    for answer in answers:
        await asyncio.wait_for(answer.next(), 10)
    script.gate.set()
    await asyncio.gather(*(heard(answer) for answer in answers))
    last = max(script.begun.index(name) for name in ("x1", "y1"))
    assert last <= 7, f"nobody waits behind all of another's questions: {script.begun}"
    assert [name for name in script.begun if name.startswith("busy")] == [f"busy{at}" for at in range(8)]


async def test_one_person_never_fills_the_whole_line(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=2, line=4)
    script.gate.clear()
    answers = [engine.ask(ask("hi\0", person="busy")) for _ in range(3)]
    with pytest.raises(Busy):
        engine.ask(ask("hi\0", person="busy"))
    answers.append(engine.ask(ask("hi\0", person="other")))
    script.gate.set()
    assert await asyncio.gather(*(heard(answer) for answer in answers)) == [("hi", "stop", 3)] * 4


async def test_a_cancelled_answer_frees_its_place_at_once(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=1, line=1)
    endless = engine.ask(ask("x", "endless", max_tokens=10**9))
    assert isinstance(await asyncio.wait_for(endless.next(), 10), Begun)
    assert isinstance(await asyncio.wait_for(endless.next(), 10), Piece)
    endless.cancel()
    assert await heard(engine.ask(ask("next\0", "next"))) == ("next", "stop", 5)
    assert not script.open


async def test_a_cancelled_answer_leaves_the_line(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=1, line=3)
    first = engine.ask(ask("x", "first", max_tokens=10**9))
    assert isinstance(await asyncio.wait_for(first.next(), 10), Begun)
    assert isinstance(await asyncio.wait_for(first.next(), 10), Piece), "it has the place"
    waiting = engine.ask(ask("x", "waiting"))
    await waiting.next()
    waiting.cancel()
    first.cancel()
    assert await heard(engine.ask(ask("last\0", "last"))) == ("last", "stop", 5)
    assert script.begun == ["first", "last"]


async def test_a_full_line_is_refused_with_a_time_to_come_back(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=1, line=2)
    script.gate.clear()
    answers = [engine.ask(ask("hi\0", person=name)) for name in "abc"]
    with pytest.raises(Busy) as refusal:
        engine.ask(ask("hi\0", person="d"))
    assert 1 <= refusal.value.retry_after_s <= 60
    script.gate.set()
    assert [await heard(answer) for answer in answers] == [("hi", "stop", 3)] * 3
    assert await heard(engine.ask(ask("hi\0"))) == ("hi", "stop", 3)


async def test_an_unsound_ask_is_refused_before_it_takes_a_place(start: Callable[..., Engine], script: Script) -> None:
    engine = start(places=1, line=0)
    for _ in range(3):
        with pytest.raises(BadMessages):
            await asyncio.wait_for(engine.ask(ask("")).next(), 10)
    assert script.begun == []


async def test_one_broken_answer_leaves_its_neighbours_whole(
    start: Callable[..., Engine], script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    engine = start(places=3)
    script.gate.clear()
    broken, whole, unloadable = (
        engine.ask(ask("ab!", "broken")), engine.ask(ask("x" * 50 + "\0", "whole")), engine.ask(ask("x", "unloadable"))
    )
    script.gate.set()
    assert await heard(whole) == ("x" * 50, "stop", 51)
    with caplog.at_level(logging.ERROR), pytest.raises(Failed) as failure:
        await heard(broken)
    assert failure.value.reference in caplog.text
    with pytest.raises(Failed):
        await heard(unloadable)
    assert await heard(engine.ask(ask("still here\0"))) == ("still here", "stop", 11)
    assert not script.open


async def test_who_waits_for_memory_lets_others_go_ahead_but_not_for_ever(
    start: Callable[..., Engine], script: Script
) -> None:
    script.full = {"other"}
    engine = start(places=2, line=200)
    script.gate.clear()
    asks = [ask("x" * (3 + at % 2) + "\0", "other" if at == 1 else "a", person=str(at)) for at in range(4 * PATIENCE)]
    answers = [engine.ask(one) for one in asks]
    script.gate.set()
    await asyncio.gather(*(heard(answer) for answer in answers))
    assert 1 < script.begun.index("other") <= PATIENCE + 3


async def test_without_models_each_ask_fails_and_none_hangs() -> None:
    def none() -> Script:
        raise ImportError("no torch here")

    engine = Engine(none)
    with pytest.raises(Failed):
        await asyncio.wait_for(engine.ask(ask("hi\0")).next(), 10)
    assert not engine.is_ready
    assert engine.close(5.0)


async def test_closing_ends_every_answer(start: Callable[..., Engine]) -> None:
    engine = start(places=1)
    answers = [engine.ask(ask("x", max_tokens=10**9)) for _ in range(3)]
    for answer in answers:
        await asyncio.wait_for(answer.next(), 10)
    assert await asyncio.to_thread(engine.close, 5.0)
    for answer in answers:
        with pytest.raises(AskError):
            await heard(answer)
