"""Whole sentences by their frame: "how far [along] is <run>", "take <job> out of the queue". Read from frames.toml.

A frame must account for every word of the sentence, courtesies aside: what it does not foresee, it does not match.
A sentence is read as a lattice of words and classes of words, in one pass, so that the time grows with its length only.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from bot.language.commands import Intent
from bot.language.vocabulary.lexicon import FOLDER

if TYPE_CHECKING:
    from bot.language.clauses.facts import Facts

LONGEST = 45  # words of a sentence that is looked at
_WORD = re.compile(r"[a-z]+n't(?![a-z])|[a-z]+|\d+|'(?:s|d|ll|re|ve|m)(?![a-z])|[^\w\s]")
_PART = re.compile(r"[{}\[\],]|[^\s{}\[\],]+")
_OPENING, _CLOSING = ("{", "["), ("}", "]", ",")
_SILENT = frozenset([*".,!?;:-()*'\"#~_…", "'s"])
_SHORT = {
    "'s": ("is", "has"),
    "'d": ("would", "had"),
    "'ll": ("will",),
    "'re": ("are",),
    "'ve": ("have",),
    "'m": ("am",),
}
_TERMS = ("knob:", "word:", "method:")
_AROUND = " \t。．.!！?？、…"
_KINDS = {"num": "<n>", "dur": "<dur>", "file": "<file>", "quote": "<quote>"}
_SIGNED = 3  # words of a name behind "best regards"

_Edges = list[list[tuple[str, int]]]


@dataclass(slots=True)
class _Net:
    """States and the words that lead from one to the next; state 0 is the start."""

    steps: list[dict[str, tuple[int, ...]]] = field(default_factory=lambda: [{}])
    free: list[tuple[int, ...]] = field(default_factory=lambda: [()])  # steps that cost no word
    ends: dict[int, str] = field(default_factory=dict)
    opens: dict[str, frozenset[int]] = field(default_factory=dict)  # first word -> states behind it

    def add(self, template: str, name: str) -> None:
        """One more frame, which leads to `name`. Raises ValueError when its brackets do not match."""
        parts = _PART.findall(template)
        try:
            k, end = self._sequence(parts, 0, 0)
        except IndexError:
            k, end = -1, 0
        if k != len(parts):
            raise ValueError(f"brackets do not match in the frame of {name!r}: {template!r}")
        self.ends[end] = name

    def _sequence(self, parts: list[str], k: int, at: int) -> tuple[int, int]:
        """Read the parts from k on, from state `at`; the part behind and the state reached."""
        while k < len(parts) and parts[k] not in _CLOSING:
            after = self._state()
            if parts[k] in _OPENING:
                if parts[k] == "[":
                    self.free[at] += (after,)
                closing = "]" if parts[k] == "[" else "}"
                while parts[k] != closing:
                    if parts[k] in ("]", "}"):
                        raise IndexError
                    k, end = self._sequence(parts, k + 1, at)
                    self.free[end] += (after,)
            else:
                self.steps[at][parts[k]] = (*self.steps[at].get(parts[k], ()), after)
            at, k = after, k + 1
        return k, at

    def _state(self) -> int:
        self.steps.append({})
        self.free.append(())
        return len(self.steps) - 1

    def settle(self) -> None:
        """Take the free steps once and for all; to be called after the last `add`."""
        self.steps = [{symbol: tuple(self._closed(after)) for symbol, after in step.items()} for step in self.steps]
        gathered: dict[str, set[int]] = {}
        for state in self._closed((0,)):
            for symbol, after in self.steps[state].items():
                gathered.setdefault(symbol, set()).update(after)
        self.opens = {symbol: frozenset(after) for symbol, after in gathered.items()}

    def _closed(self, states: tuple[int, ...]) -> set[int]:
        found, waiting = set(), list(states)
        while waiting:
            state = waiting.pop()
            if state not in found:
                found.add(state)
                waiting += self.free[state]
        return found

    def run(self, edges: _Edges, skips: _Edges, openings: _Edges) -> set[int]:
        """The states that are reached at the end of the sentence."""
        reached: list[set[int]] = [set() for _ in range(len(edges) + 1)]
        begins = [True] + [False] * len(edges)  # where a frame may begin
        for i, states in enumerate(reached[:-1]):
            for symbol, j in edges[i] if begins[i] or states else ():
                if begins[i] and symbol in self.opens:
                    reached[j].update(self.opens[symbol])
                for state in states:
                    after = self.steps[state].get(symbol)
                    if after:
                        reached[j].update(after)
            for _, j in skips[i]:
                reached[j] |= states
                begins[j] |= begins[i]
            for _, j in openings[i] if begins[i] else ():
                begins[j] = True
        return reached[-1]

    def spans(self, edges: _Edges) -> Iterator[tuple[int, int]]:
        """Where its phrases stand: from one word to behind another."""
        for start, around in enumerate(edges):
            waiting = [(j, after) for symbol, j in around for after in self.opens.get(symbol, ())]
            seen = set(waiting)
            while waiting:
                at, state = waiting.pop()
                if state in self.ends:
                    yield start, at
                if at < len(edges):
                    for symbol, j in edges[at]:
                        for after in self.steps[state].get(symbol, ()):
                            if (j, after) not in seen:
                                seen.add((j, after))
                                waiting.append((j, after))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frames:
    classes: Mapping[str, _Net]
    intents: _Net
    order: tuple[str, ...]
    spelling: Mapping[str, str]


def intent_of_frame(facts: Facts) -> Intent | None:
    """The intent of the frame that the whole sentence has, or None."""
    if facts.is_japanese:
        low = facts.low.strip(_AROUND)
        return next((cast(Intent, name) for name, whole in _whole() if whole.fullmatch(low)), None)
    if facts.numbers or facts.view.size > LONGEST:
        return None
    frames = _frames()
    found = _words_of(facts.low, frames.spelling) if len(facts.low) <= LONGEST * 8 else []
    if not 0 < len(found) <= LONGEST:
        return None
    edges: _Edges = [[(form, i + 1) for form in (word, *_SHORT.get(word, ()))] for i, (word, _, _) in enumerate(found)]
    _add_tokens(facts, found, edges)
    for around in edges:
        around.append(("<rest>", len(found)))
    skips: _Edges = [[("", i + 1)] if word in _SILENT else [] for i, (word, _, _) in enumerate(found)]
    openings: _Edges = [[] for _ in found]
    present = {symbol for around in edges for symbol, _ in around}
    for name, phrases in frames.classes.items():
        if phrases.opens.keys().isdisjoint(present):
            continue
        present.add(f"<{name}>")
        for i, j in set(phrases.spans(edges)):
            if name == "pad":
                skips[i].append(("", j))
            elif name == "opening":
                openings[i].append(("", j))
            elif name == "signature":
                skips[i].append(("", _behind_name(found, j)))
            else:
                edges[i].append((f"<{name}>", j))
    reached = frames.intents.run(edges, skips, openings)
    named = {frames.intents.ends[state] for state in reached if state in frames.intents.ends}
    return next((cast(Intent, name) for name in frames.order if name in named), None)


def _words_of(low: str, spelling: Mapping[str, str]) -> list[tuple[str, int, int]]:
    """The words with their places; what is written short is spelled out: gimme -> give me."""
    return [
        (word, match.start(), match.end())
        for match in _WORD.finditer(low)
        for word in spelling.get(match.group(), match.group()).split()
    ]


def _add_tokens(facts: Facts, found: list[tuple[str, int, int]], edges: _Edges) -> None:
    """Numbers, spans of time, files and terms, as the tokenizer read them."""
    starts: dict[int, int] = {}
    for i, (_, start, _) in enumerate(found):
        starts.setdefault(start, i)
    ends = {end: i + 1 for i, (_, _, end) in enumerate(found)}
    for opens, closes in _trials(facts):
        begin, end = starts.get(facts.view.tokens[opens].start), ends.get(facts.view.tokens[closes].end)
        if begin is not None and end is not None:
            edges[begin].append(("<trial>", end))
    for k, token in enumerate(facts.view.tokens):
        symbol = _KINDS.get(token.kind)
        if symbol is None and any(label.startswith(_TERMS) for label in token.labels):
            symbol = "<term>"
        if symbol is None and k in facts.references.names:
            symbol = "<name>"
        first = starts.get(token.start)
        last = ends.get(token.end)
        if symbol and first is not None and last is not None:
            edges[first].append((symbol, last))
            if symbol == "<term>" and "lora" in token.text.lower():
                edges[first].append(("<lora>", last))


def _trials(facts: Facts) -> Iterator[tuple[int, int]]:
    """The first and the last token of a trial's number and its name: trial 2, the second try, try number 2."""
    used = facts.references.used if isinstance(facts.references.trial, int) else set()
    for i in used:
        if not facts.view.has(i, "ref:trial", "unit:trials"):
            continue
        if i - 1 in used and not facts.view.number(i + 1):
            yield i - 1, i
            continue
        last = i
        while last + 1 in used and not facts.view.number(last):
            last += 1
        yield i, last


def _behind_name(found: list[tuple[str, int, int]], at: int) -> int:
    """The end of the sentence when only a name follows: "Many thanks, Helen"."""
    rest = [word for word, _, _ in found[at:] if word not in _SILENT]
    named = len(rest) <= _SIGNED and all(word.isalpha() and word not in frame_words() for word in rest)
    return len(found) if named else at


@cache
def _whole() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Japanese sentences, which have no spaces between their words: a pattern for each intent."""
    table: dict[str, str] = tomllib.loads((FOLDER / "ja" / "vocabulary" / "frames.toml").read_text(encoding="utf-8"))
    return tuple((name, re.compile("|".join(filter(None, lines.split("\n"))))) for name, lines in table.items())


@cache
def _frames() -> _Frames:
    tables: dict[str, Any] = tomllib.loads((FOLDER / "en" / "vocabulary" / "frames.toml").read_text(encoding="utf-8"))
    classes: dict[str, _Net] = {}
    for name, value in tables["class"].items():
        classes[name] = net({name: value})
    intents = net(tables["intent"])
    return _Frames(classes=classes, intents=intents, order=tuple(tables["intent"]), spelling=tables["spelling"])


def net(entries: Mapping[str, str]) -> _Net:
    """The frames of each name as one net. Raises ValueError when the brackets of a frame do not match."""
    found = _Net()
    for name, value in entries.items():
        for template in value.split("|"):
            if template.strip():
                found.add(template.strip(), name)
    found.settle()
    return found


@cache
def frame_words() -> frozenset[str]:
    """The plain words of the frames that ask for something: no names of people."""
    return frozenset(word for step in _frames().intents.steps for word in step)
