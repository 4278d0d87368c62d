"""Reads the generator's text files and fills their templates. Knows nothing about what the texts are for.

A template holds choices ``[a|b|]`` and slots ``{name}``.
"""

import random
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["en", "ja"]
Message = dict[str, str]
Conversation = list[Message]

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_FOLDER = Path(__file__).resolve().parent / "texts"


@cache
def load(language: Language, name: str) -> dict[str, Any]:
    """The parsed file ``name`` of one language; the same object each time, not to be changed."""
    return tomllib.loads((_FOLDER / language / f"{name}.toml").read_text("utf-8"))


def choose(template: str, rng: random.Random) -> str:
    """Replaces each choice by one of its alternatives."""
    while (match := _CHOICE.search(template)) is not None:
        picked = rng.choice(match.group(1).split("|"))
        template = template[: match.start()] + picked + template[match.end() :]
    return template


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Replaces each slot; KeyError when one is not given."""
    return _SLOT.sub(lambda match: slots[match.group(1)], template)


def tidy(text: str) -> str:
    """Removes doubled spaces and spaces before punctuation that an empty choice left behind."""
    return re.sub(r"\s+([?.,!])", r"\1", re.sub(r" {2,}", " ", text)).strip()


def user(content: str) -> Message:
    """What a person says."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """What the model shall answer."""
    return {"role": "assistant", "content": content}


def system(content: str) -> Message:
    """What the model is told beforehand."""
    return {"role": "system", "content": content}
