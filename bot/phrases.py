"""say(key, language, facts): prompts/ into finished sentences. Knows no topic; formatting follows the language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import prompts

Language = Literal["en", "ja"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_VOCABULARY = "vocabulary"
"""The parser's data: read by bot.language, not spoken."""


def say(key: str, language: Language, facts: Mapping[str, Any] | None = None) -> str:
    """Promises the sentence of `key` in `language` with `facts` filled in, trimmed.

    `key` is `book.name` (prompts/<language>/<book>.toml) or `book.file.name` (prompts/<language>/<book>/<file>.toml).
    Raises KeyError for a key that the language lacks and jinja2.UndefinedError for a fact that was not given: there is
    no silent fallback to another language.
    """
    try:
        template = _templates(language)[key]
    except KeyError:
        raise KeyError(f"every key must exist in prompts/{language}, got {key!r}") from None
    return str(template.render(facts or {})).strip()


def has(key: str, language: Language) -> bool:
    """True when `language` has a sentence for `key`."""
    return key in _templates(language)


def keys(language: Language) -> frozenset[str]:
    """Every key that `say` takes in `language`."""
    return frozenset(source_texts(language))


@cache
def source_texts(language: Language) -> Mapping[str, str]:
    """Promises key -> raw template for every sentence of the language. Raises ValueError for what is no text."""
    root = prompts.folder() / language
    texts: dict[str, str] = {}
    for path in sorted(root.rglob("*.toml")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[0] == _VOCABULARY:
            continue
        for name, text in _flat(path).items():
            texts[".".join((*parts, name))] = text
    return texts


def _flat(path: Path) -> Mapping[str, str]:
    values: dict[str, str] = {}

    def walk(prefix: str, table: Mapping[str, Any]) -> None:
        for name, value in table.items():
            if isinstance(value, str):
                values[prefix + name] = value
            elif isinstance(value, dict):
                walk(f"{prefix}{name}.", value)
            else:
                raise ValueError(f"a prompt must be a text, got {path.name}: {prefix}{name} = {value!r}")

    walk("", tomllib.loads(path.read_text(encoding="utf-8")))
    return values


@cache
def _templates(language: Language) -> _Book:
    return _Book(language)


class _Book:
    """The templates of one language, compiled on first use: a start of the program compiles only what it says."""

    def __init__(self, language: Language) -> None:
        from jinja2 import Environment, StrictUndefined

        from bot import wording

        self._texts = source_texts(language)
        self._compiled: dict[str, Any] = {}
        self._environment = Environment(
            undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True, finalize=wording.written
        )
        self._environment.filters.update(wording.filters(language, self._texts))

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def __getitem__(self, key: str) -> Any:
        if key not in self._compiled:
            self._compiled[key] = self._environment.from_string(self._texts[key])
        return self._compiled[key]


def problem_sentences(problems: Sequence[Any], language: Language) -> tuple[str, ...]:
    """Promises one sentence a problem (tuner.problems.Problem), in order."""
    return tuple(say(f"problems.{problem.key}", language, problem.facts) for problem in problems)
