"""What tuning did to the answers: general ability, examples learnt by heart, answers that repeat, another language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import Any

from tuner.analysis.study import Study, finite, is_number, rounded
from tuner.events import Finding, Strength, TestResult

LOST = 0.1
"""Share of general-chat answers that must be lost to be called forgetting."""
KNOWN = 0.8
"""Share of training questions answered right from which they count as known."""
HALF = 0.5
"""Share of that on new questions, below which what is known was learnt by heart."""
STRONG_P, WEAK_P = 0.01, 0.05
CONTRADICTORY = 0.1
"""Share of the examples that contradict another one, from which it is told."""
FEW = 2
"""Answers with a fault from which it is told."""
ONE_ANSWER = 0.2
"""Share of all questions that get the very same answer, from which it is told."""
_LOOP = re.compile(r"(.{2,40}?)\1{3,}", re.DOTALL)
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff66-\uff9d]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")


def answer_findings(study: Study) -> tuple[Finding, ...]:
    """Promises `contradictory` where one question has different answers in the data, `forgetting` where general chat
    was scored twice, `memorised` and `bad_answers` where seen."""
    best = study.test("best")
    found = (_contradictory(best or study.test("base")), _forgetting(study), _memorised(best), _bad_answers(best))
    return tuple(finding for finding in found if finding is not None)


def _contradictory(scored: TestResult | None) -> Finding | None:
    """A tenth of the examples or more ask what another one answers otherwise; a count, and therefore strong."""
    rows, of = _number(scored, "rows_contradictory"), _number(scored, "rows")
    if not rows or not of or rows < CONTRADICTORY * of:
        return None
    asked, right = _number(scored, "train_asked"), _number(scored, "train_right")
    known = asked and right is not None
    return Finding(kind="contradictory", strength="strong",
                   facts={"rows": int(rows), "of": int(of), "train_asked": int(asked or 0) if known else None,
                          "train_right": int(right or 0) if known else None})


def _forgetting(study: Study) -> Finding | None:
    best, base = study.test("best"), study.test("base")
    after = _number(best, "general_chat_accuracy")
    if after is None and study.best is not None:
        after = _finite(study.best.metrics.get("general_chat_accuracy"))
    before = _number(base, "general_chat_accuracy")
    if before is None or after is None:
        return None
    lost = before - after
    much = abs(lost) >= LOST - 1e-9
    facts = {"before": rounded(before), "after": rounded(after), "lost": rounded(lost), "mixed_in": study.general_chat,
             "forgot": lost >= LOST - 1e-9}
    return Finding(kind="forgetting", strength="strong" if much else "weak", facts=facts)


def _memorised(best: TestResult | None) -> Finding | None:
    """Training questions right, new ones wrong, by more than chance (Fisher's exact test)."""
    asked, right = _number(best, "train_asked"), _number(best, "train_right")
    if best is None or not asked or right is None or not best.right:
        return None
    new, new_right = len(best.right), sum(best.right)
    if right / asked < KNOWN or new_right / new > HALF * right / asked:
        return None
    from scipy.stats import fisher_exact

    table = [[int(right), int(asked - right)], [new_right, new - new_right]]
    p = float(fisher_exact(table, alternative="greater").pvalue)
    if p > WEAK_P:
        return None
    strength: Strength = "strong" if p <= STRONG_P else "weak"
    return Finding(kind="memorised", strength=strength,
                   facts={"train_right": int(right), "train_asked": int(asked), "new_right": new_right,
                          "new_asked": new, "p": max(0.001, rounded(p))})


def _bad_answers(best: TestResult | None) -> Finding | None:
    if best is None or not best.answers:
        return None
    facts: dict[str, Any] = {
        "looping": sum(1 for answer in best.answers if _LOOP.search(answer)),
        "empty": sum(1 for answer in best.answers if not answer.strip()),
        "other_language": sum(1 for pair in zip(best.answers, best.references, strict=False) if _other_language(*pair)),
        "same": _same_answer(best), "count": len(best.answers),
    }
    if max(facts[name] for name in ("looping", "empty", "other_language", "same")) < FEW:
        return None
    return Finding(kind="bad_answers", strength="strong", facts=facts)


def _same_answer(best: TestResult) -> int:
    """How many questions got one and the same answer though the expected answers differ; 0 where that is no trouble."""
    if len(best.references) != len(best.answers):
        return 0
    given = Counter(filter(None, map(_plain, best.answers)))
    expected = Counter(map(_plain, best.references))
    answer, count = given.most_common(1)[0] if given else ("", 0)
    return count if count >= max(3, ONE_ANSWER * len(best.answers), 2 * expected[answer] + 1) else 0


def _other_language(answer: str, expected: str) -> bool:
    """True when one is in Japanese and the other in Latin letters. Other differences cannot be told by letters."""
    mine, theirs = _script(answer), _script(expected)
    return mine is not None and theirs is not None and mine != theirs


def _script(text: str) -> str | None:
    japanese, latin = len(_JAPANESE.findall(text)), len(_LATIN.findall(text))
    if japanese >= 2 and japanese * 4 >= latin:
        return "japanese"
    return "latin" if latin >= 4 and japanese == 0 else None


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _number(result: TestResult | None, name: str) -> float | None:
    return _finite(result.metrics.get(name)) if result is not None else None


def _finite(value: Any) -> float | None:
    return float(value) if is_number(value) and finite(float(value)) else None
