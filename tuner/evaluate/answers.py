"""How near a written answer comes to the expected one. Pure text: knows no model."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from tuner.evaluate.facts import folded, key_facts

SAME_ENOUGH = 80.0
"""chrF from which a differently worded answer counts as right, its key facts being equal.

Measured on the sentences of tests/unit/test_evaluate_answers.py: another article, particle, verb form or spelling of a
number leaves a sentence's chrF (n = 6, beta = 2) at 85 to 90; two other content words bring it to about 50. Another
number, day or "not" leaves 84 to 94, which is why the key facts are compared apart.
"""

_JAPANESE = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9f々〆ヶ"
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[.,:/](?=\d)")
_AROUND_JAPANESE = re.compile(rf"(?<=[{_JAPANESE}])\s+|\s+(?=[{_JAPANESE}])")
_TOKENS = re.compile(rf"[{_JAPANESE}]|[^\W_]+", re.UNICODE)


def normalised(text: str) -> str:
    """NFKC, no case, punctuation and spaces folded; marks inside numbers, currencies and percent stay."""
    plain = folded(text).replace("'", "")
    kept = [character if _keeps(plain, place) else " " for place, character in enumerate(plain)]
    return _AROUND_JAPANESE.sub("", " ".join("".join(kept).split()))


def _keeps(text: str, place: int) -> bool:
    character = text[place]
    if unicodedata.category(character)[0] not in "PSZC" or character in "%+" or unicodedata.category(character) == "Sc":
        return True
    if character == "-":
        return text[place + 1 : place + 2].isdigit() and not text[place - 1 : place].isalnum()
    return _BETWEEN_DIGITS.match(text, place) is not None


def is_right(answer: str, expected: str) -> bool:
    """The rule of answer accuracy: equal after normalising, or chrF of at least `SAME_ENOUGH` with equal key facts.

    A different number, price, time, day, or a "not" more or less is never right. Holding the expected answer
    somewhere inside a longer one is not right either.
    """
    plain, wanted = normalised(answer), normalised(expected)
    if not plain or not wanted:
        return plain == wanted
    if plain == wanted:
        return True
    return key_facts(answer) == key_facts(expected) and chrf(plain, wanted) >= SAME_ENOUGH


def chrf(answer: str, expected: str) -> float:
    """Sentence chrF (Popović 2015), 0 to 100."""
    from sacrebleu.metrics import CHRF

    return float(CHRF().sentence_score(answer, [expected]).score)


def corpus_chrf(answers: Sequence[str], expected: Sequence[str]) -> float:
    """Corpus chrF, 0 to 1."""
    from sacrebleu.metrics import CHRF

    return float(CHRF().corpus_score(list(answers), [list(expected)]).score) / 100


def corpus_bleu(answers: Sequence[str], expected: Sequence[str]) -> float:
    """Corpus BLEU, 0 to 1; Japanese counted by characters, other scripts by words."""
    from sacrebleu.metrics import BLEU

    return float(BLEU(tokenize="13a", effective_order=False).corpus_score(
        [_spaced(one) for one in answers], [[_spaced(one) for one in expected]]).score) / 100


def rouge_l(answer: str, expected: str) -> float:
    """ROUGE-L F1 (Lin 2004), 0 to 1; words, and for Japanese characters."""
    left, right = _TOKENS.findall(folded(answer)), _TOKENS.findall(folded(expected))
    if not left or not right:
        return float(left == right)
    common = _longest_common(left, right)
    return 2 * common / (len(left) + len(right))


def _spaced(text: str) -> str:
    return " ".join(re.sub(rf"([{_JAPANESE}。、])", r" \1 ", unicodedata.normalize("NFKC", text)).split())


def _longest_common(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(right) + 1)
    for one in left:
        before = 0
        for place, other in enumerate(right, 1):
            before, row[place] = row[place], before + 1 if one == other else max(row[place], row[place - 1])
    return row[-1]
