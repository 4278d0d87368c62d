"""Wishes about a plan that the command object has no key for: general chat mixed in, the best ones trained again.

Found beside a tune sentence or a change of a plan ("…, no general chat", 「確認の再学習はなしで」), and taken out of
it, so that the grammar reads the rest. The words stand in prompts/<language>/vocabulary/options.toml. Pure.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bot.language.tokens.characters import clean, lower
from bot.language.vocabulary.lexicon import FOLDER

LONGEST = 1200
"""Characters that are looked at: a wish about a plan is a sentence or two."""
_NAMES = ("general_chat", "confirm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """True: wanted, False: not wanted, None: not said."""

    general_chat: bool | None = None
    """Examples of ordinary conversation are mixed into the training."""
    confirm: bool | None = None
    """The best settings and the defaults are trained again with other seeds."""

    @property
    def is_empty(self) -> bool:
        return self.general_chat is None and self.confirm is None

    def over(self, earlier: Options) -> Options:
        """What was said now, and what was said earlier where now nothing was."""
        return Options(**{
            name: getattr(earlier, name) if getattr(self, name) is None else getattr(self, name) for name in _NAMES
        })


NO_OPTIONS = Options()


def read_options(text: str) -> tuple[Options, str]:
    """Promises the options that the text says, the last word on each counting, and the text without those words.

    Questions about them are no wishes. Never raises; text without an option comes back as it is.
    """
    written = clean(text)[:LONGEST]
    low = lower(written)
    found: list[tuple[int, int, str, bool]] = []
    if not any(name in low for name in _tell_tale()):
        return Options(), text
    for name, wanted, pattern in _patterns():
        for match in pattern.finditer(low):
            start, end = match.span("wish")
            if not any(start < other_end and other_start < end for other_start, other_end, *_ in found):
                found.append((start, end, name, wanted != bool(match.groupdict().get("not"))))
    if not found:
        return Options(), text
    rest, said = written, {}
    for _, _, name, wanted in sorted(found):
        said[name] = wanted
    for start, end, *_ in sorted(found, reverse=True):
        rest = f"{rest[:start].rstrip()} {rest[end:].lstrip()}"
    return Options(**said), _tidied(rest)


def _tidied(rest: str) -> str:
    """Without the joints that held the words taken out: "make it 20 trials and" -> "make it 20 trials"."""
    before = None
    while before != rest:
        before = rest
        rest = _joints().sub("", rest.strip()).strip()
    return "" if _fillers().fullmatch(lower(rest)) else rest


@cache
def _tell_tale() -> tuple[str, ...]:
    """Without one of these in it, a text says nothing about the options."""
    return tuple(part for language in _tables().values() for part in language["frame"]["tell_tale"])


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    paths = {language: FOLDER / language / "vocabulary" / "options.toml" for language in ("en", "ja")}
    return {language: tomllib.loads(path.read_text(encoding="utf-8")) for language, path in paths.items()}


@cache
def _patterns() -> tuple[tuple[str, bool, re.Pattern[str]], ...]:
    """(option, what it says of it, pattern): the longer ways of saying it come first."""
    return tuple((name, wanted, re.compile(pattern))
                 for name in _NAMES
                 for wanted, pattern in (*_english(_tables()["en"], name), *_japanese(_tables()["ja"], name)))


def _english(words: Mapping[str, Any], name: str) -> list[tuple[bool, str]]:
    frame, mine = words["frame"], words[name]
    thing = rf"(?:(?:{_any(frame['articles'])}) )*(?:{_any(mine['names'])})"
    no = rf"(?P<not>(?:{_any(frame['not'])}) )?"
    ways = [
        (False, rf"(?:{_any(frame['turn'])}) {thing} (?:{_any(frame['off'])})"),
        (True, rf"(?:{_any(frame['turn'])}) {thing} (?:{_any(frame['on'])})"),
        (False, rf"{no}(?:{_any(frame['leave_out'])}) {thing}"),
        (True, rf"{no}(?:{_any(frame['put_in'])}) {thing}"),
        (True, rf"{no}(?:{_any(mine['acts'])})") if mine["acts"] else None,
        (False, rf"(?:{_any(frame['no'])}) {thing}"),
        (False, rf"(?:{_any(frame['without'])}) {thing}"),
        (True, rf"(?:{_any(frame['with'])}) {thing}"),
        (False, rf"{thing} (?:{_any(frame['off'])})"),
        (True, rf"{thing} (?:{_any(frame['on'])})"),
    ]
    before = rf"(?:^|[,.;:!?(\n]|(?<![a-z'])(?:{_any(frame['before'])}))\s*"
    asks = rf"(?:{_any(frame['asks'])}) (?:(?:{_any(frame['polite'])}) )?"
    after = rf"(?:,? ?(?:{_any(frame['after'])}))*"
    end = rf"(?=\s*(?:$|[,.;:!)\n]|(?:{_any(frame['joints'])})\b))"
    loose = rf"(?<![a-z'])(?P<wish>(?:{_any(frame['without'])}) {thing}{after}){end}"
    return [*((wanted, pattern) for way in ways if way is not None for wanted, pattern in (
        (way[0], rf"{before}(?P<wish>{way[1]}{after}){end}"),
        (way[0], rf"(?:^|[,.;:!?(\n]|\b)\s*(?P<wish>{asks}{way[1]}{after}\s*\??)(?=\s*(?:$|[,.;:!)\n?]))"),
    )), (False, loose)]


def _japanese(words: Mapping[str, Any], name: str) -> list[tuple[bool, str]]:
    frame, mine = words["frame"], words[name]
    before = rf"(?<![一-鿿ァ-ヺー])(?P<wish>(?:{_any(frame['before'])})*"
    after = rf"(?:{_any(frame['after'])})*)(?=\s*(?:$|[、。,.!\n]))"
    ways = []
    for names, kind in ((mine["names"], ""), (mine["short_names"], "_short")):
        thing = rf"(?:{_any(names)})(?:{_any(frame['particles'])})?"
        ways += [(wanted, rf"{before}{thing}(?:{_any(frame[key + kind])}){after}")
                 for wanted, key in ((False, "off"), (True, "on"))]
        if not kind:  # 確認なしで in mid-sentence is "without asking", which nobody may order
            ways += [(wanted, rf"{before}{thing}(?:{_any(frame[key])}))(?!{_any(frame['starts'])})")
                     for wanted, key in ((False, "off_and"), (True, "on_and"))]
    return ways


def _any(words: list[str]) -> str:
    """The longest first; a blank or a hyphen between English words may be either."""
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(re.sub(r"\\?[ -]", "[ -]", re.escape(word)) if word.isascii() else re.escape(word)
                    for word in ordered)


@cache
def _joints() -> re.Pattern[str]:
    english = _any(_tables()["en"]["frame"]["joints"])
    japanese = _any(_tables()["ja"]["frame"]["joints"])
    return re.compile(rf"^(?:(?:{english})\b|[,.;:!、。\s])+|(?:[,;:、\s]|\b(?:{english})|(?:{japanese}))+$|(?<=,)\s*,"
                      rf"|\b(?:{english})\s*(?=,)",
                      re.IGNORECASE)


@cache
def _fillers() -> re.Pattern[str]:
    """What may be left of a sentence that held nothing but wishes: "I want", "please", 「お願いします」."""
    english, japanese = _tables()["en"]["frame"], _tables()["ja"]["frame"]
    left = _any([*english["before"], *english["after"], *english["alone"]])
    return re.compile(rf"(?:(?:{left})\b|[\s.,!]|{_any([*japanese['before'], *japanese['after']])}|[、。])*")
