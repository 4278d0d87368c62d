"""Settings said without a verb: "lr 1e-5 to 1e-3, 20 trials", 学習率1e-5〜1e-3で. What else stands there must be plain.

A fragment starts a job only when nothing is said about its numbers: not "rank 8 is the default", ランク8は危険.
"""

from __future__ import annotations

import re

from bot.language.clauses.facts import Facts
from bot.language.tokens.tokenizer import Token
from bot.language.vocabulary.small_words import small_words

_CONTENT = ("method:", "pruner:", "metric:", "schedule:", "module:", "unit:", "op:", "again:", "free:", "vague:")
_CHOICES = ("method:", "pruner:", "metric:", "schedule:", "module:")
_PLAIN = frozenset({"want:request", "weak_module:all", "verb:minimise", "verb:set", "yield:words"})
_HEADING = re.compile(r"^[^\w]*([^:]{1,30}?)\s*:")
_LEFT_ALONE = re.compile(r"\bleave (?:the )?[^,;]*\d[^,;]* (?:alone|be|as (?:it is|is|they are))\b")


def is_under_foreign_heading(f: Facts) -> bool:
    """True for "example: tune lr ...", "previous run: ...", 例：…: what follows is shown, not asked for."""
    found = _HEADING.match(f.low)
    return found is not None and found[1].strip() in small_words("foreign_headings")


def drops_values(f: Facts) -> bool:
    """True for "forget lr 1e-5 to 1e-4", "no rank 8 to 32", "please leave lr 1e-4 alone"."""
    if f.is_japanese:
        return False
    if _LEFT_ALONE.search(f.low):
        return True
    return any(
        f.view.text(start).lower() in small_words("dropping")
        and any(f.view.number(i) and i in f.settings.used for i in range(start, end))
        and "request" not in [mood for _, mood in f.spans[k + 1 :]]
        for k, ((start, end), _) in enumerate(f.spans)
    )


def is_plain(f: Facts) -> bool:
    """True when a fragment ends with its settings or with words that say nothing about them."""
    if f.low.rstrip(" .!。…~").endswith(small_words("put_off")):
        return False
    if not f.is_japanese:
        used = f.settings.used
        if any(word in f.low for word in ("see if ", "see whether ")):
            return True
        return not any(
            f.view.text(i).lower() in small_words("telling_verbs") and i not in used
            for i in range(min(used, default=0), f.view.size)
        )
    used = f.settings.used | f.references.used
    last = max((i for i, token in enumerate(f.view.tokens) if i in used or _chooses(token)), default=-1)
    return all(_says_nothing(token) for token in f.view.tokens[last + 1 :])


def _chooses(token: Token) -> bool:
    return any(label.startswith(_CHOICES) for label in token.labels)


def _says_nothing(token: Token) -> bool:
    if token.kind in ("sym", "num", "dur", "clock") or token.labels & _PLAIN:
        return True
    plain = token.text.lower() in small_words("fragment_tails")
    return plain or any(label.startswith(_CONTENT) for label in token.labels)
