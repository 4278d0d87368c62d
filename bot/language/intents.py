"""Which intent a sentence has. Rules from the most certain to the least; a start needs evidence and no sign against it."""

from __future__ import annotations

from collections.abc import Callable

from bot.language.commands import Intent
from bot.language.facts import Facts

_STOPPERS = frozenset({"refusal", "future", "condition", "musing", "report", "talk"})


def decide(facts: Facts) -> Intent:
    """The intent; `unknown` when nothing is certain enough."""
    if "injection" in facts.gates:
        return "unknown"
    for intent, rule in _RULES:
        if rule(facts):
            return intent
    return "unknown"


def _is_settings(f: Facts) -> bool:
    if f.any("tongue:en", "tongue:ja") and f.any("verb:speak") and not f.values and f.foreign == 0:
        return True
    return f.any("verb:settings") and not f.values and f.foreign == 0


def _is_extend(f: Facts) -> bool:
    s = f.settings
    if s.more_trials is not None or (f.any("verb:extend", "unit:more") and (s.time_s is not None or s.trials is not None)):
        return not f.values and f.foreign <= 1
    return f.any("verb:extend") and not f.values and f.foreign == 0 and not f.any("verb:data")


def _is_explain_term(f: Facts) -> bool:
    named = bool(f.settings.space) or any(x.startswith(("word:", "method:", "term:")) for x in f.labels)
    if not named or (f.any("want:request") and f.values):
        return False
    if f.any("ask:what") and not f.values:
        return True
    return f.any("ask:term") and (f.is_question or f.any("ask:what", "ask:wh")) and not f.any("verb:tune") and f.foreign <= 1


def _is_explain_result(f: Facts) -> bool:
    if f.values:
        return False
    if f.any("ask:why") and f.foreign <= 2:
        return True
    return f.any("verb:explain") and f.any("object:result", "ref:trial", "ref:job", "ref:last_job", "ref:last")


def _is_help(f: Facts) -> bool:
    return f.any("verb:help") and not f.values and f.foreign <= 1


def _is_chat(f: Facts) -> bool:
    return f.any("verb:chat") and f.any("object:model", "ref:best_trial", "ref:job", "ref:trial", "ref:last") and f.foreign <= 3


def _is_compare(f: Facts) -> bool:
    return f.any("verb:compare") and not f.values and f.foreign == 0


def _is_rate(f: Facts) -> bool:
    return f.any("verb:rate") and f.any("verb:judge_words", "verb:rate") and f.foreign == 0 and not f.values


def _is_export(f: Facts) -> bool:
    return f.any("verb:export") and not f.values and f.foreign <= 1


def _is_data(f: Facts) -> bool:
    if f.values or f.moods("tune") - {"noun"}:
        return False
    return (f.any("verb:data") or f.references.dataset is not None and f.any("verb:show", "ask:wh")) and f.foreign <= 1


def _is_history(f: Facts) -> bool:
    return f.any("verb:history") and not f.values and f.foreign == 0


def _is_best(f: Facts) -> bool:
    return f.any("verb:best", "ref:best_trial") and not f.values and f.foreign == 0 \
        and (f.is_question or f.any("verb:show", "ask:what", "ask:wh"))


def _is_queue(f: Facts) -> bool:
    return f.any("verb:queue") and not f.values and f.foreign == 0


def _is_status(f: Facts) -> bool:
    return f.any("verb:status") and not f.values and f.foreign == 0


def _acts(verb: str) -> Callable[[Facts], bool]:
    def rule(f: Facts) -> bool:
        return f.any(f"verb:{verb}") and not f.values and f.foreign == 0 and not f.gates & {"refusal", "talk"}
    return rule


def _is_tune(f: Facts) -> bool:
    s = f.settings
    if f.gates & _STOPPERS or "injection" in f.gates:
        return False
    strong = f.values or s.not_a_number
    verbs = f.any("verb:tune", "verb:search", "verb:try", "verb:run", "verb:set")
    if strong:
        return f.foreign <= (2 if verbs else 0)
    if f.any("ask:what", "ask:why"):
        return False
    if s.space or s.unknown_knobs:
        return verbs and f.foreign <= 1
    said = any(x.startswith(("method:", "pruner:", "metric:")) for x in f.labels)
    if f.any("verb:tune") or f.any("verb:better"):
        return f.foreign <= 1
    return (said or s.trials is not None) and verbs and f.foreign == 0


_RULES: tuple[tuple[Intent, Callable[[Facts], bool]], ...] = (
    ("settings", _is_settings),
    ("extend", _is_extend),
    ("explain_term", _is_explain_term),
    ("explain_result", _is_explain_result),
    ("pause", _acts("pause")),
    ("resume", _acts("resume")),
    ("stop", _acts("stop")),
    ("export", _is_export),
    ("chat", _is_chat),
    ("rate", _is_rate),
    ("compare", _is_compare),
    ("help", _is_help),
    ("tune", _is_tune),
    ("data", _is_data),
    ("history", _is_history),
    ("best", _is_best),
    ("queue", _is_queue),
    ("status", _is_status),
)
