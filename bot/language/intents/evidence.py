"""What a Japanese question is about when a few of its words are unknown. Nothing here starts or stops anything."""

from __future__ import annotations

from bot.language.clauses.facts import Facts
from bot.language.clauses.matters import is_daily
from bot.language.commands import Intent

_UNKNOWN_WORDS = 3
_ABOUT: tuple[tuple[Intent, frozenset[str]], ...] = (
    ("compare", frozenset({"verb:compare"})),
    ("history", frozenset({"verb:history"})),
    ("best", frozenset({"verb:best", "super:words"})),
    ("queue", frozenset({"verb:queue"})),
    ("status", frozenset({"verb:status"})),
    ("explain_result", frozenset({"ask:why", "verb:explain"})),
    ("help", frozenset({"verb:help"})),
)
_TERM = ("word:", "term:")
_TERM_METHODS = frozenset({"method:grid", "method:random", "method:bayes"})
_WANTS_TERM = ("ask:what", "ask:term", "verb:explain", "ask:why", "ask:wh")


def asked_about(f: Facts) -> Intent:
    """The intent that the signs of a question speak for; `unknown` when there are none or something speaks against."""
    if not f.is_japanese or f.strange > _UNKNOWN_WORDS or f.everyday or f.values or f.settings.not_a_number:
        return "unknown"
    if is_daily(f) and f.any("verb:tune"):
        return "unknown"  # scheduleの調整、WedかThuでどうですか
    if f.gates & {"refusal", "talk", "people", "injection", "future", "condition"} or not _asks(f):
        return "unknown"
    if _named_term(f) and f.any(*_WANTS_TERM) and not f.any("object:result", "verb:best", "super:words", "verb:run"):
        return "explain_term"
    return next((intent for intent, signs in _ABOUT if not signs.isdisjoint(f.labels)), "unknown")


def _named_term(f: Facts) -> bool:
    return bool(f.settings.space) or f.group(*(name.rstrip(":") for name in _TERM)) or f.any(*_TERM_METHODS)


def _asks(f: Facts) -> bool:
    """True for a question and for an order to show, tell or explain."""
    if f.asks:
        return True
    for token in reversed(f.view.tokens):
        if token.labels & {"form:te", "form:want", "form:vol"}:
            return bool(token.labels & {"verb:show", "verb:explain", "verb:compare"})
        if "want:request" in token.labels and not token.labels & {"say:words"}:
            return f.any("verb:show", "verb:explain", "ask:term")
    return False
