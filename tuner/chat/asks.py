"""What is asked of the chat engine and what it answers. Knows no HTTP and no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tuner.data.examples import Message

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Which weights answer: a base model, and an adapter on it."""

    base: str
    """Folder or hub id of the base model."""
    adapter: str | None = None
    """Folder of the PEFT adapter; None: the untouched base."""
    sha256: str = ""
    """Of the adapter: the same folder written anew is another adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One answer wanted, checked at the edge."""

    model: ModelRef
    messages: tuple[Message, ...]
    """What people typed is data and stays text, whatever it looks like."""
    max_tokens: int | None = None
    """None: as many as the server allows and the context holds."""
    temperature: float = 1.0
    """0.0 is greedy: always the likeliest token."""
    top_p: float = 1.0
    seed: int | None = None
    """The same seed gives the same answer; None: a new one each time."""
    stop: tuple[str, ...] = ()
    person: str = ""
    """Who asks: those who wait are served in turn by person. Empty: whoever says nothing about it is one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """An Ask as the model reads it."""

    ids: tuple[int, ...]
    max_tokens: int
    """How many may follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The ask is sound and stands in line."""

    prompt_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text that will not change any more; never half a character, never part of a stop sequence."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The last word about an ask."""

    reason: FinishReason
    tokens: int


Answered = Begun | Piece | Done


class AskError(Exception):
    """The ask cannot be answered; the subclass says why."""


class Busy(AskError):
    """Too many answers are under way or in line."""

    def __init__(self, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(f"busy, try again in {retry_after_s} s")


class TooLong(AskError):
    """prompt + answer must fit into the model's context."""

    def __init__(self, *, prompt_tokens: int, answer_tokens: int, context_tokens: int) -> None:
        self.prompt_tokens = prompt_tokens
        self.answer_tokens = answer_tokens
        self.context_tokens = context_tokens
        super().__init__(
            f"This model's maximum context length is {context_tokens} tokens. However, the messages take "
            f"{prompt_tokens} tokens and {answer_tokens} are wanted for the answer."
        )


class BadMessages(AskError):
    """The model's chat template refuses these messages."""


class Failed(AskError):
    """Our fault; the log tells more under `reference`."""

    def __init__(self, reference: str) -> None:
        self.reference = reference
        super().__init__(f"the answer failed, reference {reference}")


class Texts(Protocol):
    """How tokens become text."""

    def texts(self, lines: Sequence[Sequence[int]]) -> list[str]:
        """The text of each line of tokens, special tokens left out, U+FFFD in place of bytes that form no character."""


class Generation(Protocol):
    """One answer being generated. Used by one thread only."""

    @property
    def reader(self) -> Texts:
        """The same object for all answers that can be told together."""

    def ends(self, token: int) -> bool:
        """True when `token` is the model's own end of an answer."""

    def close(self) -> None:
        """Gives back its memory and its hold on the adapter. May be called twice."""


class Models(Protocol):
    """What the engine generates with: base models and adapters. Used by one thread only."""

    def read(self, ask: Ask) -> Prompt:
        """Renders the messages. Raises TooLong or BadMessages."""

    def has_room(self, ask: Ask, prompt: Prompt) -> bool:
        """True when `begin` would not have to evict weights that a generation holds, and there is memory for the
        prompt. True when none is under way."""

    def begin(self, ask: Ask, prompt: Prompt) -> Generation:
        """Loads what is missing, evicting the least recently used. Raises whatever loading raises."""

    def step(self) -> Sequence[tuple[Generation, int | Exception]]:
        """One bounded piece of work for all open generations together.

        Promises the tokens that came of it, at most one a generation, or what broke one: that one is to be closed, and
        the others go on. A generation whose prompt is still being read is not named.
        """
