"""Which intent a sentence has. Rules from the most certain to the least; the first that holds decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.language.clauses.facts import Facts
from bot.language.commands import Intent
from bot.language.intents import actions, orders, starts
from bot.language.intents.evidence import asked_about
from bot.language.intents.frames import intent_of_frame
from bot.language.intents.histories import asks_what_was_done, is_history
from bot.language.intents.likeness import most_like
from bot.language.intents.questions import (
    is_compare,
    is_cry_for_help,
    is_explain_result,
    is_explain_term,
    is_how_to,
)
from bot.language.intents.states import asks_only_whether, is_best, is_queue, is_status
from bot.language.vocabulary.small_words import small_words

_ACTING = frozenset({"tune", "stop", "pause", "resume", "extend", "export", "data"})
_AGAINST = frozenset({"refusal", "talk", "injection"})


def decide(facts: Facts) -> Intent:
    """The intent; `unknown` when nothing is certain enough."""
    if "injection" in facts.gates or not facts.view.size:
        return "unknown"
    framed = intent_of_frame(facts)
    if framed is not None and (framed not in _ACTING or facts.references.job is not None or not facts.gates & _AGAINST):
        return framed
    last = _last_verb(facts) if facts.is_japanese else None
    if last == "resume" and actions.is_extend(facts):
        return "extend"
    if last == "stop" and any({"verb:pause", "form:phrase"} <= token.labels for token in facts.view.tokens):
        last = "pause"  # ちょっとタイム、学習止めといて
    if last is not None and not facts.message and dict(_RULES)[last](facts):
        return last
    for intent, rule in _RULES:
        if rule(facts):
            return intent
    return asked_about(facts) if facts.is_japanese else _asked_of_ours(facts)


_STRANGE = 2  # words that nobody knows, in a question about what is ours
_SEEN: tuple[Intent, ...] = ("explain_result", "compare", "best", "history", "queue", "status")
_NOT_NOW = frozenset({"refusal", "talk", "people", "injection", "condition", "future", "negation"})


def _asked_of_ours(f: Facts) -> Intent:
    """The intent of a question about a job, a model or results with a word or two that nobody knows."""
    ours = f.references.job is not None or f.any("ref:job", "ref:trial", "ref:best_trial", "object:result")
    asking = f.asks or f.any("ask:what", "ask:wh", "verb:show")
    if f.everyday or f.gates & _NOT_NOW or not (ours and asking) or not 0 < f.foreign <= _STRANGE:
        return most_like(f)
    plain = replace(f, foreign=0)
    return next((intent for intent, rule in _RULES if intent in _SEEN and rule(plain)), most_like(f))


_LAST_DECIDES: tuple[Intent, ...] = ("export", "stop", "pause", "resume", "compare")


def _last_verb(f: Facts) -> Intent | None:
    """The intent of the last verb when it is a plain order: Japanese puts what is asked last."""
    for token in reversed(f.view.tokens):
        if "form:te" in token.labels or "form:want" in token.labels:
            found = [intent for intent in _LAST_DECIDES if f"verb:{intent}" in token.labels]
            return found[0] if len(found) == 1 else None
    return None


def _sets_against(f: Facts) -> bool:
    """True for a question about before and after, tuned and untuned."""
    if f.is_japanese and not f.any("verb:compare"):
        return False
    if f.is_japanese:
        than = f.asks and "より" in f.low and not f.any("ask:why")
        return than or any(word in f.low for word in small_words("before_and_after"))
    doubts = ("noise", "luck", "signific", "chance", "why", "statist")
    return (
        f.low.startswith(("is ", "are ", "does ", "do "))
        and "better than the " in f.low
        and f.any("object:model")
        and not any(word in f.low for word in doubts)
    )


_RULES: tuple[tuple[Intent, Callable[[Facts], bool]], ...] = (
    ("chat", lambda f: f.message and actions.is_chat(f)),
    ("settings", actions.is_settings),
    ("help", is_how_to),
    ("extend", actions.is_extend),
    ("history", lambda f: (asks_what_was_done(f) or f.low.startswith("when did")) and is_history(f)),
    ("compare", lambda f: _sets_against(f) and not f.values and f.strange == 0 and not f.gates & {"refusal", "talk"}),
    (
        "best",
        lambda f: (
            f.any("verb:best")
            and bool(f.settings.space)
            and f.any("ask:what", "ask:wh")
            and is_best(f)
            and not f.any("ask:term")
        ),
    ),
    ("explain_term", is_explain_term),
    (
        "best",
        lambda f: (
            f.any("verb:best")
            and (f.any("verb:show", "ask:what", "ask:wh", "ref:job") or (f.asks and f.any("verb:history")))
            and is_best(f)
            and not f.any("verb:chat", "verb:export", "verb:compare", "verb:find", "verb:queue")
        ),
    ),
    ("status", lambda f: asks_only_whether(f) and is_status(f)),
    ("explain_result", is_explain_result),
    ("chat", actions.is_chat),
    ("resume", orders.is_restart),
    ("rate", actions.is_rate),
    ("compare", is_compare),
    ("resume", orders.is_order("resume")),
    ("pause", orders.is_order("pause")),
    ("stop", orders.is_order("stop")),
    ("export", actions.is_export),
    ("tune", starts.is_start),
    ("data", actions.is_data),
    ("history", is_history),
    ("best", is_best),
    ("queue", is_queue),
    ("status", is_status),
    ("help", is_cry_for_help),
)
