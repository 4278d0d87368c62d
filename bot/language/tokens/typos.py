"""Spelling slips in English words. A correction is only made where it is nearly certain; known words are never touched.

A slip never turns one thing into another: the corrected word must be the only one so near, short words are only
corrected where two letters changed places or one was doubled, and refusals are not words that can be corrected away.
"""

from __future__ import annotations

import re

from rapidfuzz.distance import OSA

from bot.language.vocabulary.lexicon import Vocabulary

_WORD = re.compile(r"(?<![a-z0-9_.@/#'-])[a-z]{4,20}(?![a-z0-9_@/]|[.'-][a-z0-9])")
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_MAX_WORDS = 40  # looked up in one text; a request is shorter


def corrected(low: str, vocabulary: Vocabulary) -> dict[int, tuple[int, str]]:
    """The slips in a lower-case text: start -> (end, the word that is meant)."""
    found: dict[int, tuple[int, str]] = {}
    tried = 0
    for match in _WORD.finditer(low):
        word = match.group()
        if word in vocabulary.known_words:
            continue
        tried += 1
        if tried > _MAX_WORDS:
            break
        meant = correction(word, vocabulary)
        if meant:
            found[match.start()] = (match.end(), meant)
    return found


def correction(word: str, vocabulary: Vocabulary) -> str | None:
    """The one vocabulary word that `word` is a slip of, or None."""
    if word in vocabulary.known_words:
        return None
    if _STRETCHED.search(word):
        for squeezed in (_STRETCHED.sub(r"\1", word), _STRETCHED.sub(r"\1\1", word)):
            if squeezed in vocabulary.known_words:
                return squeezed
    allowed = 1 if len(word) < 8 else 2
    best, second, meant = allowed + 1.0, allowed + 1.0, None
    for size in range(len(word) - allowed, len(word) + allowed + 1):
        for candidate in vocabulary.corrections.get((size, word[0]), ()):
            distance: float = OSA.distance(word, candidate, score_cutoff=allowed)
            if distance > 1 and len(candidate) == len(word):
                continue  # two letters replaced is another word
            if len(candidate) == len(word) and sorted(candidate) != sorted(word):
                distance *= 1.2  # another letter is a rarer slip than a lost, doubled or swapped one
            if _is_slip(word, candidate):
                distance *= 0.8
            if distance > allowed * 1.2 or (min(len(word), size) <= 4 and not _is_slip(word, candidate)):
                continue
            if distance < best:
                best, second, meant = distance, best, candidate
            elif distance < second:
                second = distance
    return meant if best < second else _same_stem(word, meant)


_NO = ("don't", "dont", "not", "never", "nevermind", "cannot", "can't", "won't", "stop")


def is_near_refusal(word: str) -> bool:
    """True for a word that may be a refusal badly typed: dno't, nevr, nto. Read as one, so that nothing starts."""
    plain = word.replace("'", "").replace("’", "")
    return any(
        sorted(plain) == sorted(no.replace("'", "")) or (len(no) >= 5 and OSA.distance(word, no, score_cutoff=1) <= 1)
        for no in _NO
    )


def _same_stem(word: str, meant: str | None) -> str | None:
    """Two words equally near are still certain when one is the other's plural; the shorter is taken."""
    return None if meant is None or len(word) < 7 else meant


def _is_slip(word: str, candidate: str) -> bool:
    """Two letters changed places, or one letter doubled or lost its double: stpo, stopp, pasue."""
    if len(word) == len(candidate):
        return sorted(word) == sorted(candidate)
    longer, shorter = (word, candidate) if len(word) > len(candidate) else (candidate, word)
    return any(longer[i] == longer[i + 1] and longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer) - 1))
