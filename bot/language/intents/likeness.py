"""What an English question is most like, when no rule and no frame knows it: its words against those of the frames.

Only for what asks and shows; nothing here starts, stops or hands over anything.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bot.language.clauses.facts import Facts
from bot.language.commands import Intent
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.lexicon import FOLDER

_ABOUT: tuple[Intent, ...] = ("status", "queue", "explain_result", "explain_term", "compare", "best", "history", "help")
_OURS = frozenset({"ref:job", "ref:trial", "ref:best_trial", "ref:last_job", "object:result", "object:model"})
_OUR_WORDS = words(
    "gpu queue job jobs trial trials run runs training tuning command commands experiment experiments search bot"
)
_ASKING = words(
    "what which who whose how why when where is are was were did does do has have can could should show tell explain "
    "give"
)
_AGAINST = frozenset({"refusal", "talk", "people", "injection", "condition", "future"})
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_SIGN = re.compile(r"<\w+>|[a-z]+(?:'[a-z]+)?")
_TERMS = ("knob:", "word:", "method:", "pruner:")
_ORDERS = ("verb:stop", "verb:pause", "verb:resume", "verb:export", "verb:extend")
_LONGEST = 16  # words: a longer message is about more than one thing
_STRANGE = 2
_MARGIN = 1.5  # how many times likelier than the next, as a logarithm
_LITTLE = 0.25  # how much a word counts that every kind of question has
_NUMBERED = "<onetrial>"  # what is asked about is told by its number there, not by the words around it
_FIRM = 1.0  # how much one word must speak for it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Likeness:
    known: Mapping[str, Mapping[Intent, float]]  # word -> intent -> logarithm of how often its frames have it
    classes: Mapping[str, frozenset[str]]


def most_like(f: Facts) -> Intent:
    """The intent whose frames share the telling words of the question; `unknown` when none stands out."""
    said = _WORD.findall(f.low)
    ours = bool(f.labels & _OURS) or f.references.job is not None or not _OUR_WORDS.isdisjoint(said)
    term = any(label.startswith(_TERMS) for label in f.labels)
    if f.is_japanese or f.numbers or f.everyday or f.foreign > _STRANGE or len(said) > _LONGEST or f.gates & _AGAINST:
        return "unknown"
    if not (ours or term) or not (
        f.asks
        or (
            said
            and (
                said[0].split("'")[0] in _ASKING
                or f.any("verb:show")
                or f.low.startswith(("i'd like", "i would like", "i want to", "please"))
            )
        )
    ):
        return "unknown"
    if f.any(*_ORDERS) or f.requested("verb:tune", "verb:train") or ("negation" in f.gates and not f.asks):
        return "unknown"
    likeness = _likeness()
    signs = set(said) | {f"<{name}>" for name, of in likeness.classes.items() if not of.isdisjoint(said)}
    signs |= {"<term>"} if term else set()
    scored = sorted(((_score(likeness, signs, intent), intent) for intent in _ABOUT), reverse=True)
    (first, best), (second, _) = scored[0], scored[1]
    firm = any(_lead(likeness, sign, best) >= _FIRM for sign in signs)
    if best == "explain_term" and not (term or f.settings.space):
        return "unknown"
    return best if firm and first - second >= _MARGIN else "unknown"


def _score(likeness: _Likeness, signs: set[str], intent: Intent) -> float:
    return sum(
        likeness.known[sign][intent] * (_LITTLE if sign in _PLAIN or sign.split("'")[0] in _ASKING else 1)
        for sign in signs
        if sign in likeness.known
    )


def _lead(likeness: _Likeness, sign: str, intent: Intent) -> float:
    """How much likelier the sign is in frames of this intent than in those of any other."""
    if sign not in likeness.known:
        return 0.0
    others = (value for name, value in likeness.known[sign].items() if name != intent)
    return likeness.known[sign][intent] - max(others)


@cache
def _likeness() -> _Likeness:
    tables: dict[str, Any] = tomllib.loads((FOLDER / "en" / "vocabulary" / "frames.toml").read_text(encoding="utf-8"))
    counts: dict[str, Counter[str]] = {}
    sizes: dict[str, int] = {}
    for intent in _ABOUT:
        every_frame = tables["intent"][intent].split("|")
        frames = [frame for frame in every_frame if frame.strip() and _NUMBERED not in frame]
        counts[intent] = Counter(word for frame in frames for word in set(_SIGN.findall(frame)))
        sizes[intent] = len(frames)
    every = {word for counter in counts.values() for word in counter}
    known = {
        word: {intent: math.log((counts[intent][word] + 0.3) / (sizes[intent] + 3)) for intent in _ABOUT}
        for word in every
    }
    shown = ("results", "best", "settings")
    classes = {name: frozenset(_WORD.findall(tables["class"][name])) - _PLAIN for name in shown}
    return _Likeness(known=known, classes=classes)


_PLAIN = words(
    "i me be been would like want please am got get these those its all new last "
    "in of to with for from what you we it out at a overall"
)
