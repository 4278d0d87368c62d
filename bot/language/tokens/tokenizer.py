"""One tokenizer for both languages: numbers, spans of time, file names, words of the vocabulary, and what is left.

Knows nothing of knobs or intents: a token carries the labels that the vocabulary gives its phrase.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from bot.language.tokens import durations, numerals
from bot.language.tokens.number import Number
from bot.language.vocabulary.lexicon import Vocabulary

Kind = Literal["num", "dur", "clock", "file", "vocab", "word", "jword", "kana", "sym", "quote"]
MAX_TOKENS = 400  # a request is a sentence or two; what follows only counts as more words

_NO_LABELS: frozenset[str] = frozenset()
_MORE = frozenset({"unit:more"})


class Token(NamedTuple):
    """A piece of the text: `value` is the number, the seconds, or None."""

    kind: Kind
    start: int
    end: int
    text: str
    labels: frozenset[str] = _NO_LABELS
    value: float | None = None
    flags: str = ""  # "%" percent, "~" approximately, "w" spelled in words, "x" exponent, "#" after a number sign


_WORD = re.compile(r"[a-zà-ÿ0-9α-ω](?:[a-zà-ÿ0-9_'/.+@]|-(?=[a-z0-9]))*", re.IGNORECASE)
_KANA = re.compile(r"[ぁ-ゖー]+")
_JWORD = re.compile(r"[々〇一-鿿]+|[ァ-ヺー]+")
_FILE = re.compile(
    r"[^\s\"'()<>「」『』、。,;:!?|{}\[\]]{1,80}\.(?:csv|tsv|xlsx?|jsonl?|txt|parquet|ods)", re.IGNORECASE
)
_FILE_ENDING = re.compile(r"\.(?:csv|tsv|xlsx?|jsonl?|txt|parquet|ods)(?![a-z0-9])", re.IGNORECASE)
_FILE_STOPS = frozenset(" \n\t\"'()<>「」『』、。,;:!?|{}[]")
_PARTICLES = frozenset("をはがにでと")
_GAP = re.compile(r"(?<=[a-z])[-_](?=[a-z])")
_RESTARTS = ("もう", "中止", "中断", "中心", "中身", "しばらく", "しっかり")  # begin where an ending seems to end
_TIGHT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_")


def matchable(low: str) -> str:
    """The text as phrases are looked up in it: a hyphen or an underscore between letters is a blank."""
    return _GAP.sub(" ", low)


def tokenize(text: str, low: str, vocabulary: Vocabulary) -> list[Token]:
    """The tokens of `low` (the lower-case twin of `text`), in order. At most MAX_TOKENS."""
    seen = matchable(low)
    files = _files(low) if "." in low else {}
    quotes = quoted(low, vocabulary)
    tokens: list[Token] = []
    i, size = 0, len(low)
    while i < size and len(tokens) < MAX_TOKENS:
        c = low[i]
        if c == " ":
            i += 1
            continue
        if i in quotes:
            tokens.append(Token("quote", i, quotes[i], text[i : quotes[i]]))
            i = quotes[i]
            continue
        if i in files:
            tokens.append(Token("file", i, files[i], text[i : files[i]]))
            i = files[i]
            continue
        token = _token_at(text, low, seen, i, tokens[-1] if tokens else None, vocabulary)
        tokens.append(token)
        i = token.end
    return tokens


_QUOTES = re.compile(
    r"「([^「」]{1,2000})」|『([^『』]{1,2000})』|\"([^\"]{1,2000})\"|(?<![a-z0-9])'([^'\n]{2,300})'(?![a-z0-9])"
)


_QUOTED_NAME = re.compile(r"[a-z0-9_./+-]+|[一-鿿ァ-ヺー]{1,8}")


def quoted(low: str, vocabulary: Vocabulary) -> dict[int, int]:
    """Start -> end of what stands in quotation marks as a saying of its own; a quoted name or word is no saying."""
    if not any(c in low for c in "「『\"'"):
        return {}
    found = {}
    for match in _QUOTES.finditer(low):
        inner = next(group for group in match.groups() if group is not None)
        if match.end() - match.start() == len(low):
            continue
        labels = vocabulary.phrases.get(inner.strip(), _NO_LABELS)
        if any(
            label.startswith(("knob:", "method:", "pruner:", "metric:", "schedule:", "module:", "word:"))
            for label in labels
        ):
            continue
        if _FILE.fullmatch(inner) is None and _QUOTED_NAME.fullmatch(inner) is None:
            found[match.start()] = match.end()
    return found


def _files(low: str) -> dict[int, int]:
    """Start -> end of the file names: back from the ending to a blank, a quotation mark or a Japanese particle."""
    found: dict[int, int] = {}
    for match in _FILE_ENDING.finditer(low):
        start = match.start()
        while (
            start > 0
            and match.start() - start < 80
            and low[start - 1] not in _FILE_STOPS
            and (
                low[start - 1] not in _PARTICLES
                or (
                    low[start].isascii() is False
                    and low[start - 1] in "でと"
                    and low[start] not in _FILE_STOPS
                    and start == match.start()
                )
            )
        ):
            start -= 1
        while start < match.start() and low[start] in "のこ":
            start += 1
        if start < match.start():
            found[start] = match.end()
    return found


def _token_at(text: str, low: str, seen: str, i: int, before: Token | None, vocabulary: Vocabulary) -> Token:
    end, labels = _phrase_at(seen, i, vocabulary)
    span = durations.article_span(low, i, vocabulary) if low[i] in "aoht" else None
    if span and span[1] >= end:
        return Token("dur", i, span[1], text[i : span[1]], _MORE if span[2] else _NO_LABELS, span[0])
    number = numerals.read(low, i, before is not None and before.kind == "num" and before.end == i, vocabulary)
    if number and number.end >= end:
        return _timed(low, text, i, number, vocabulary)
    if end:
        fixed = next((label for label in labels if label.startswith(("number:", "vague:"))), "")
        if fixed:
            kind, _, value = fixed.partition(":")
            if kind == "vague":
                return Token("dur", i, end, text[i:end], labels, float(value), "v")
            return _timed(low, text, i, Number(float(value), end, "w"), vocabulary, labels)
        return Token("vocab", i, end, text[i:end], labels)
    return _unknown(text, low, i, vocabulary)


def _timed(
    low: str, text: str, i: int, number: Number, vocabulary: Vocabulary, labels: frozenset[str] = _NO_LABELS
) -> Token:
    span = durations.duration(low, number, vocabulary)
    if span:
        added = any(word in low[i : span[1]] for word in ("more", "extra", "additional", "further"))
        return Token("dur", i, span[1], text[i : span[1]], _MORE if added else labels, span[0])
    clock = durations.clock(low, i, number)
    if clock:
        return Token("clock", i, clock, text[i:clock])
    return Token("num", i, number.end, text[i : number.end], labels, number.value, number.flags)


def _phrase_at(low: str, i: int, vocabulary: Vocabulary) -> tuple[int, frozenset[str]]:
    """The end of the longest vocabulary phrase that starts at i, or 0."""
    lengths = vocabulary.lengths
    phrases = vocabulary.phrases
    tight_start = i > 0 and low[i] in _TIGHT and low[i - 1] in _TIGHT and not low[i - 1].isdigit()
    if tight_start:
        return 0, _NO_LABELS
    size = len(low)
    verb_end, verb_labels = _verb_at(low, i, vocabulary)
    for head in (low[i : i + 2], low[i]):
        for length in lengths.get(head, ()):
            end = i + length
            if end > size:
                continue
            if end < verb_end:
                return verb_end, verb_labels
            labels = phrases.get(low[i:end])
            if labels is not None and not _cuts_word(low, end) and not _cuts_katakana(low, end, vocabulary):
                return end, labels | verb_labels if end == verb_end else labels
        if len(head) == 1:
            break
    return verb_end, verb_labels


def _verb_at(low: str, i: int, vocabulary: Vocabulary) -> tuple[int, frozenset[str]]:
    """The end of the longest Japanese verb form that starts at i, or 0."""
    best, labels = 0, _NO_LABELS
    if low[i] in "おご" and i + 1 < len(low) and low[i + 1] in vocabulary.stem_lengths:
        best, labels = _verb_at(low, i + 1, vocabulary)  # お試しください, ご調整いただけますか
    for length in vocabulary.stem_lengths.get(low[i], ()):
        at = i + length
        kinds = vocabulary.stems.get(low[i:at])
        if not kinds or at > len(low):
            continue
        for kind, found in kinds.items():
            end, mood = _ending_at(low, at, kind, vocabulary)
            if mood and end > best:
                best, labels = end, found | {f"form:{mood}"}
            elif kind == "suru" and at > best and not _cuts_word(low, at):
                best, labels = at, found | {"form:noun"}
    return best, labels


def _ending_at(low: str, at: int, kind: str, vocabulary: Vocabulary) -> tuple[int, str]:
    """Where the longest ending of the class that stands at `at` ends, and its mood."""
    endings, starts = vocabulary.endings[kind], vocabulary.ending_starts[kind]
    end, found, size = at, "", 1
    while at + size <= len(low) and (piece := low[at : at + size]) in starts:
        mood = endings.get(piece)
        if mood and not low.startswith(_RESTARTS, at + size - 1):  # 下げて|もう一回, 学習|中止
            end, found = at + size, mood
        size += 1
    return end, found


def _is_katakana(c: str) -> bool:
    return "ァ" <= c <= "ヺ" or c == "ー"


def _cuts_katakana(low: str, end: int, vocabulary: Vocabulary) -> bool:
    """True inside a longer katakana word, unless another known word goes on there: ヘルプ in ヘルプデスク."""
    if end >= len(low) or not _is_katakana(low[end]) or not _is_katakana(low[end - 1]):
        return False
    if low.startswith("マイナス", end):
        return False
    lengths = vocabulary.lengths.get(low[end : end + 2], ())
    return not any(low[end : end + length] in vocabulary.phrases for length in lengths)


def _cuts_word(low: str, end: int) -> bool:
    if low[end - 1] not in _TIGHT or end >= len(low):
        return False
    after = low[end]
    if after in _TIGHT:
        return not (after.isdigit() and not low[end - 1].isdigit())
    return after in "-'" and end + 1 < len(low) and low[end + 1] in "abcdefghijklmnopqrstuvwxyz"


def _unknown(text: str, low: str, i: int, vocabulary: Vocabulary) -> Token:
    match = _WORD.match(low, i)
    if match:
        end = match.end()
        while end - 1 > i and low[end - 1] in "./'+-_@":
            end -= 1
        return Token("word", i, end, text[i:end])
    match = _KANA.match(low, i)
    if match:
        return Token("kana", i, i + 1, text[i : i + 1])
    match = _JWORD.match(low, i)
    if match:
        end = i + 1
        while end < min(match.end(), i + 40) and not _phrase_at(low, end, vocabulary)[0]:
            end += 1
        return Token("jword", i, end, text[i:end])
    return Token("sym", i, i + 1, text[i : i + 1])
