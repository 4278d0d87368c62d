"""Spelling slips in English words. A correction is only made where it is nearly certain; known words are never touched."""

from __future__ import annotations


from rapidfuzz.distance import OSA

from bot.language.vocabulary import Vocabulary


def correction(word: str, vocabulary: Vocabulary) -> str | None:
    """The one vocabulary word that `word` is a slip of, or None."""
    if len(word) < 4 or len(word) > 20 or not word.isalpha() or not word.isascii() or word in vocabulary.known_words:
        return None
    return _nearest(word, vocabulary)


def _nearest(word: str, vocabulary: Vocabulary) -> str | None:
    best: list[tuple[int, str]] = []
    allowed = 1 if len(word) < 8 else 2
    for size in range(len(word) - allowed, len(word) + allowed + 1):
        for candidate in vocabulary.corrections.get(size, ()):
            if candidate[0] != word[0] or candidate not in vocabulary.phrases:
                continue
            distance = OSA.distance(word, candidate, score_cutoff=allowed)
            if distance <= allowed:
                best.append((distance, candidate))
    if not best:
        return None
    best.sort()
    if len(best) > 1 and best[0][0] == best[1][0] \
            and vocabulary.phrases[best[0][1]] != vocabulary.phrases[best[1][1]]:
        return None
    return best[0][1]
