"""Which intent a sentence has. Rules from the most certain to the least; a start needs evidence and no sign against it."""

from __future__ import annotations

from collections.abc import Callable

from bot.language import starts
from bot.language.commands import Intent
from bot.language.facts import Facts

_QUIET = frozenset({"refusal", "talk"})  # a question may still be asked in such a sentence, nothing may be done


def decide(facts: Facts) -> Intent:
    """The intent; `unknown` when nothing is certain enough."""
    if "injection" in facts.gates or not facts.view.size:
        return "unknown"
    for intent, rule in _RULES:
        if rule(facts):
            return intent
    return "unknown"


def _content(f: Facts) -> bool:
    return f.values or f.settings.not_a_number


def _job_or_trial(f: Facts) -> bool:
    return f.references.job is not None or f.references.trial is not None or f.references.trials_named > 0


def _is_settings(f: Facts) -> bool:
    if _content(f) or f.strange > 0 or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.any("tongue:en", "tongue:ja"):
        if f.any("verb:run", "verb:tune") and f.is_japanese and not f.any("verb:set"):
            return False
        small = f.view.size <= 4 and not f.any("subject:words")
        return (f.any("verb:speak", "verb:settings") or small) and not f.any("ask:what", "ask:why", "verb:chat", "ask:wh") \
            and not _first_person(f)
    return f.any("verb:settings") and f.mood != "report" and not f.any("verb:tune", "verb:better", "verb:train", "verb:best")


def _first_person(f: Facts) -> bool:
    return not f.is_japanese and f.view.text(0).lower() in ("i", "we", "my", "he", "she", "they") and not f.any("want:request")


def _is_how_to(f: Facts) -> bool:
    if f.values or f.strange > 2 or f.gates & {"refusal", "people", "talk"} or f.references.job is not None:
        return False
    if "way" in f.forms:
        return True
    return f.any("verb:help") and not (f.any("verb:best", "verb:status", "ask:why") and f.settings.space)


def _is_help_word(f: Facts) -> bool:
    return f.any("verb:help_word") and not f.values and f.strange == 0 and not f.gates & _QUIET and f.view.size <= 6


def _is_extend(f: Facts) -> bool:
    s = f.settings
    if _content(f) or f.strange > 2 or f.gates & {"refusal", "talk", "condition"} or f.mood in ("report", "negated", "plan"):
        return False
    if f.asks and f.any("ask:wh", "verb:status") and not f.any("want:request"):
        return False
    amount = s.time_s is not None or s.trials is not None
    if s.more_trials is not None:
        return not (f.is_japanese and f.any("verb:status") and f.asks)
    if amount and f.any("verb:extend", "unit:more"):
        return not (f.asks and f.any("verb:status"))
    return f.any("verb:extend") and not f.any("verb:data") and f.references.dataset is None and f.strange == 0 \
        and "add" not in f.low


def _named_term(f: Facts) -> bool:
    return bool(f.settings.space) or f.group("word", "term") or f.any("method:grid", "method:random", "method:bayes")


def _is_explain_term(f: Facts) -> bool:
    if not _named_term(f) or (f.any("want:request") and f.values) or f.strange > 4:
        return False
    if _job_or_trial(f) or f.any("ref:last_job", "ref:last") or (f.any("verb:best", "super:words") and not f.any("ask:term")):
        return False
    if f.values:
        return f.any("ask:what", "ask:term") and f.mood != "request" and (f.asks or f.any("gate:condition"))
    if f.any("verb:status") and not f.settings.space:
        return False
    if f.any("ask:what"):
        return not f.any("ask:why") or f.any("ask:term")
    if f.any("verb:explain") and not f.any("object:result"):
        return True
    return f.any("ask:term") and (f.asks or f.any("ask:wh") or f.mood == "question") and not f.any("verb:tune")


def _is_explain_result(f: Facts) -> bool:
    if _content(f) or f.strange > 4 or f.gates & _QUIET:
        return False
    about = _job_or_trial(f) or f.any("object:result", "object:training", "object:model", "ref:last_job", "ref:last",
                                      "verb:tune", "ref:trial", "ref:job")
    if f.any("ask:why"):
        return about or bool(f.settings.space) or f.strange == 0
    if f.any("outcome:words") and f.asks and about and f.low.startswith(("did", "was", "has", "have", "is it any", "were")):
        return True
    return f.any("verb:explain") and about and f.strange <= 3


def _is_chat(f: Facts) -> bool:
    if f.values or f.gates & {"refusal", "future", "people"}:
        return False
    target = f.any("object:model", "ref:best_trial", "ref:last_job", "ref:last") or _job_or_trial(f)
    if f.message and (target or f.any("object:training")):
        return f.any("verb:chat") or "say" in f.low or "tell" in f.low or "言" in f.low
    if not f.any("verb:chat"):
        return False
    return target or (f.strange == 0 and f.view.size <= 3 and not f.gates)


def _is_compare(f: Facts) -> bool:
    if not f.any("verb:compare") or f.values or f.strange > 1 or f.gates & _QUIET:
        return False
    target = f.any("object:model", "object:answer", "ref:trial", "ref:best_trial", "ref:job", "object:training", "object:result") \
        or _job_or_trial(f)
    return target or (f.strange == 0 and f.view.size <= 6)


def _is_rate(f: Facts) -> bool:
    return f.any("verb:rate") and f.strange <= 1 and not f.values and not f.gates & {"talk"} and not f.any("ask:why") \
        and f.references.job is None and not f.asks


def _is_export(f: Facts) -> bool:
    if not f.any("verb:export") or f.values or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.mood in ("report", "negated", "plan"):
        return False
    target = f.any("object:model", "ref:trial", "ref:best_trial", "ref:job", "ref:last_job", "object:training", "object:result") \
        or _job_or_trial(f)
    return (target and f.strange <= 2) or f.strange == 0


def _is_data(f: Facts) -> bool:
    if f.values or f.mood in ("negated", "plan") or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.any("verb:data"):
        return f.strange <= 1
    if f.any("object:data") and f.low.startswith(("here's", "here is", "here are", "heres", "this is")):
        return f.strange <= 1
    return f.references.dataset is not None and f.strange <= 2 and (
        f.any("verb:show", "ask:wh", "object:data", "verb:set", "ask:yesno") or f.view.size <= 2)


def _is_history(f: Facts) -> bool:
    return f.any("verb:history") and not _content(f) and f.strange <= 1 and not f.gates & _QUIET


def _is_best(f: Facts) -> bool:
    if f.values or f.strange > 0 or f.gates & _QUIET:
        return False
    named = f.any("verb:best", "ref:best_trial") or (f.any("super:words") and (
        f.any("object:result", "object:model", "unit:trials") or f.group("metric") or bool(f.settings.space)))
    return named and (f.asks or f.any("verb:show", "ask:what", "ask:wh") or f.view.size <= 6)


def _is_queue(f: Facts) -> bool:
    return f.any("verb:queue") and not _content(f) and f.strange <= 1 and not f.gates & _QUIET


def _is_status(f: Facts) -> bool:
    if not f.any("verb:status") or _content(f) or f.gates & _QUIET:
        return False
    target = f.any("object:training", "ref:job", "object:model", "ref:last_job") or f.references.job is not None
    return f.strange == 0 or (target and f.strange <= 1)


def _acts(verb: str) -> Callable[[Facts], bool]:
    label = f"verb:{verb}"

    def rule(f: Facts) -> bool:
        if label not in f.labels or _content(f) or f.gates & {"refusal", "talk", "people", "condition", "future"}:
            return False
        if f.mood in ("report", "negated", "question", "plan", "refusal") and not (f.any("want:request") and f.mood == "question"):
            return False
        target = f.any("object:training", "ref:job", "ref:last_job") or f.references.job is not None
        return f.strange == 0 or (target and f.strange <= 2 and f.everyday == 0)
    return rule


_RULES: tuple[tuple[Intent, Callable[[Facts], bool]], ...] = (
    ("chat", lambda f: f.message and _is_chat(f)),
    ("settings", _is_settings),
    ("help", _is_how_to),
    ("extend", _is_extend),
    ("explain_term", _is_explain_term),
    ("best", lambda f: f.any("verb:best") and f.any("verb:show", "ask:what", "ask:wh", "ref:job") and _is_best(f)
     and not f.any("verb:chat", "verb:export", "verb:compare", "verb:find")),
    ("explain_result", _is_explain_result),
    ("chat", _is_chat),
    ("pause", _acts("pause")),
    ("resume", _acts("resume")),
    ("stop", _acts("stop")),
    ("export", _is_export),
    ("rate", _is_rate),
    ("compare", _is_compare),
    ("tune", starts.is_start),
    ("data", _is_data),
    ("history", _is_history),
    ("best", _is_best),
    ("queue", _is_queue),
    ("status", _is_status),
    ("help", _is_help_word),
)
