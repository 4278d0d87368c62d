"""Which intent a sentence has. Rules from the most certain to the least; a start needs evidence and no sign against it."""

from __future__ import annotations

from collections.abc import Callable

from bot.language import starts
from bot.language.commands import Intent
from bot.language.facts import Facts

_QUIET = frozenset({"refusal", "talk"})  # a question may still be asked in such a sentence, nothing may be done
_DETERMINERS = frozenset({"a", "an", "the", "my", "your", "our", "his", "her", "their", "this"})
_ACTING_FORMS = frozenset({"base", "te", "want", "vol", "noun", "phrase", "plain", "may", "can", "ing", "stem"})


def decide(facts: Facts) -> Intent:
    """The intent; `unknown` when nothing is certain enough."""
    if "injection" in facts.gates or not facts.view.size:
        return "unknown"
    last = _last_verb(facts) if facts.is_japanese else None
    if last is not None and not facts.message and dict(_RULES)[last](facts):
        return last
    for intent, rule in _RULES:
        if rule(facts):
            return intent
    return "unknown"


_LAST_DECIDES: tuple[Intent, ...] = ("export", "stop", "pause", "resume", "compare")


def _last_verb(f: Facts) -> Intent | None:
    """The intent of the last verb when it is a plain order: Japanese puts what is asked last."""
    for token in reversed(f.view.tokens):
        if "form:te" in token.labels or "form:want" in token.labels:
            found = [intent for intent in _LAST_DECIDES if f"verb:{intent}" in token.labels]
            return found[0] if len(found) == 1 else None
    return None


def _content(f: Facts) -> bool:
    return f.values or f.settings.not_a_number


def _job_or_trial(f: Facts) -> bool:
    return f.references.job is not None or f.references.trial is not None or f.references.trials_named > 0


def _target(f: Facts) -> bool:
    """True when the sentence points at a job, a run or a model."""
    return _job_or_trial(f) or f.any("object:training", "object:model", "ref:job", "ref:last_job", "ref:trial")


def _is_settings(f: Facts) -> bool:
    if _content(f) or f.strange > 0 or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.any("tongue:en", "tongue:ja"):
        if f.any("verb:run", "verb:tune", "verb:train") and f.is_japanese and not f.any("verb:set"):
            return False
        small = f.view.size <= 4 and not f.any("subject:words")
        return (f.any("verb:speak", "verb:settings") or small) and not f.any("ask:what", "ask:why", "ask:wh") \
            and not _first_person(f) and (not f.any("object:model", "ref:best_trial") or not f.any("verb:chat"))
    return f.any("verb:settings") and f.mood != "report" and not f.any("verb:tune", "verb:better", "verb:train", "verb:best") \
        and not f.any("ref:best_trial", "super:words")


def _first_person(f: Facts) -> bool:
    return not f.is_japanese and f.view.text(0).lower() in ("i", "we", "my", "he", "she", "they") and not f.any("want:request")


def _is_how_to(f: Facts) -> bool:
    if f.values or f.strange > 2 or f.gates & {"refusal", "people", "talk"} or f.references.job is not None:
        return False
    if "way" in f.forms:
        return True
    if f.any("gate:musing") and f.settings.space and not f.any("verb:tune", "verb:run", "verb:train"):
        return False
    return f.any("verb:help") and not (f.any("verb:best", "verb:status", "ask:why") and f.settings.space)


def _is_help_word(f: Facts) -> bool:
    if f.view.size > 3 and not f.low.startswith(("help", "please help", "can you help", "i need help", "some help")) \
            and not f.is_japanese:
        return False
    return f.any("verb:help_word") and not f.values and f.strange == 0 and not f.gates & {"refusal", "talk", "future"} and f.view.size <= 6


def _is_extend(f: Facts) -> bool:
    s = f.settings
    if _content(f) or f.strange > 2 or f.gates & {"refusal", "talk", "condition"} or f.mood in ("report", "negated", "plan"):
        return False
    if f.asks and f.any("ask:wh", "verb:status") and not f.any("want:request"):
        return False
    amount = s.time_s is not None or s.trials is not None or (f.any("verb:extend") and len(s.orphans) == 1)
    if s.more_trials is not None:
        return not (f.is_japanese and f.any("verb:status") and f.asks)
    if amount and f.any("verb:extend", "unit:more"):
        return not (f.asks and f.any("verb:status"))
    return f.any("verb:extend") and not f.any("verb:data") and f.references.dataset is None and f.strange == 0 \
        and "add" not in f.low


def _named_term(f: Facts) -> bool:
    return bool(f.settings.space) or f.group("word", "term") or f.any("method:grid", "method:random", "method:bayes")


def _is_question(f: Facts) -> bool:
    return f.asks or f.any("ask:wh", "ask:what") or f.low.startswith(
        ("is ", "are ", "does ", "do ", "should ", "was ", "did ", "can ", "will ", "why ", "how ", "what "))


def _is_explain_term(f: Facts) -> bool:
    if not _named_term(f) or (f.any("want:request") and f.values) or f.strange > 4 or f.gates & _QUIET:
        return False
    if _job_or_trial(f) or f.any("ref:last_job", "ref:last", "ref:best_trial", "proof:words"):
        return False
    if f.any("verb:best", "super:words", "verb:history", "verb:find") and not f.any("ask:what"):
        return False
    if f.numbers and f.any("ask:what") and f.mood == "question" and not f.any("verb:tune", "verb:search"):
        return True
    if f.numbers:
        return f.any("ask:what", "ask:term") and f.mood != "request" and not f.any("verb:tune", "verb:search") and (f.asks or f.any("gate:condition"))
    if _looks_back(f) or (f.any("verb:status", "verb:best") and not f.settings.space):
        return False
    if f.any("ask:what") and not f.any("verb:best"):
        return not f.any("ask:why") or f.any("ask:term")
    if f.any("verb:explain") and not f.any("object:result"):
        return True
    if f.asks and f.any("ask:term") and (f.is_japanese or f.low.startswith(("why", "what", "how"))) and not f.any("verb:tune", "verb:search"):
        return True
    if f.any("verb:tune", "verb:search") or f.any("want:request") or f.mood == "request":
        return f.any("ask:term") and f.any("ask:wh") and not f.any("want:request")
    return _is_question(f) and (bool(f.settings.space) or f.any("ask:term") or f.view.size <= 3)


def _looks_back(f: Facts) -> bool:
    """True for a question about what a finished run showed: "did the dropout matter?", どっちが効いた？"""
    if f.is_japanese:
        plain = all(token.text in ("なぜ", "なんで", "どうして", "理由", "原因", "関係") for token in f.view.tokens
                    if "ask:why" in token.labels)
        return f.any("ask:why") and not f.any("ask:what") and (not plain or "past" in f.forms or "report" in f.gates)
    return f.low.startswith(("did ", "was ", "were ", "has ", "have ", "had ", "why did", "why was", "why were")) or \
        (f.any("ask:why") and not f.any("ask:what", "ask:term"))


def _is_explain_result(f: Facts) -> bool:
    if f.numbers or f.settings.not_a_number or f.strange > 4 or f.gates & _QUIET:
        return False
    if f.is_japanese and f.any("ask:why") and f.settings.space and not _looks_back(f) and not _job_or_trial(f):
        return False
    about = _target(f) or f.any("object:result", "ref:last", "verb:tune")
    if f.any("proof:words") and _is_question(f):
        return True
    if f.any("ask:why"):
        return about or bool(f.settings.space) or f.strange == 0
    if f.any("outcome:words", "ask:term") and _is_question(f) and _looks_back(f) and (about or f.settings.space):
        return True
    return f.any("verb:explain") and about and f.strange <= 3


def _is_chat(f: Facts) -> bool:
    if f.values or f.gates & {"refusal", "future", "people"}:
        return False
    target = f.any("object:model", "ref:best_trial", "ref:last_job", "ref:last") or _job_or_trial(f) or any(
        "verb:chat" in t.labels and t.text.lower().endswith(("model", "best", "bot", "one")) for t in f.view.tokens)
    if f.message and (target or f.any("object:training")):
        return f.any("verb:chat") or "say" in f.low or "tell" in f.low or "言" in f.low
    if not f.any("verb:chat"):
        return False
    return target or (f.any("object:training") and f.view.size <= 7 and not f.gates) or (
        f.strange == 0 and f.view.size <= 3 and not f.gates)


def _is_compare(f: Facts) -> bool:
    if not f.any("verb:compare") or f.values or f.strange > 1 or f.gates & _QUIET or f.settings.orphans:
        return False
    return _target(f) or f.any("object:answer", "ref:best_trial", "object:result") or (f.strange == 0 and f.view.size <= 6)


def _is_rate(f: Facts) -> bool:
    if f.any("verb:better") and f.mood == "request":
        return False
    if f.values or f.asks or f.references.job is not None or f.gates & {"talk"} or f.any("ask:why"):
        return False
    judged = f.any("verb:judge_words") and f.any("object:answer") and f.mood != "request"
    return (f.any("verb:rate") or judged) and f.strange <= (1 if f.any("object:answer") else 0)


def _is_export(f: Facts) -> bool:
    wanted = f.any("artifact:words") and f.any("verb:show", "want:request", "verb:set") and not f.any(
        "verb:chat", "verb:compare", "verb:tune", "verb:train", "ask:what", "ask:why", "verb:best")
    if not (f.any("verb:export") or wanted) or f.values or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.mood in ("report", "negated", "plan"):
        return False
    return ((_target(f) or f.any("ref:best_trial", "object:result")) and f.strange <= 2) or f.strange == 0


def _is_data(f: Facts) -> bool:
    if f.values or f.mood in ("negated", "plan") or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.any("verb:data"):
        return f.strange <= 1
    if f.any("object:data") and f.low.startswith(("here's", "here is", "here are", "heres", "this is")):
        return f.strange <= 1
    if f.any("data_word:words") and not _job_or_trial(f) and (f.any("verb:show") or f.asks):
        return f.strange <= 1
    return f.references.dataset is not None and f.strange <= 2 and (
        f.any("verb:show", "ask:wh", "ask:what", "object:data", "verb:set", "ask:yesno") or f.view.size <= 2)


def _is_history(f: Facts) -> bool:
    if _content(f) and not (f.asks and not f.numbers):
        return False
    if f.strange > 1 or f.gates & _QUIET or f.any("ask:why"):
        return False
    return f.any("verb:history") or _asks_what_was_done(f)


def _asks_what_was_done(f: Facts) -> bool:
    """True for "have we ever tried cosine?", "what did the team run in March?", 先週何を回したっけ"""
    verbs = f.any("verb:run", "verb:try", "verb:tune", "verb:train", "verb:search", "verb:redo")
    if f.is_japanese:
        return verbs and f.references.trial is None and "past" in f.forms and f.any("ask:wh") and _is_question(f)
    return verbs and f.low.startswith(("what did we", "what did i", "what have we", "what have i", "have we", "have i", "did we",
                                       "did i", "what all did", "which did we", "what has the team", "what did the team", "had we"))


def _is_best(f: Facts) -> bool:
    if f.values or f.strange > 0 or f.gates & _QUIET or f.any("verb:find") or f.settings.orphans:
        return False
    named = f.any("verb:best", "ref:best_trial") or (f.any("super:words") and (
        f.any("object:result", "object:model", "unit:trials") or f.group("metric") or bool(f.settings.space)))
    shown = f.any("object:result") and not f.any("verb:run", "verb:tune", "verb:set", "verb:better")
    return named and (f.asks or shown or f.any("verb:show", "ask:what", "ask:wh") or f.view.size <= 6)


def _is_queue(f: Facts) -> bool:
    return f.any("verb:queue") and not _content(f) and not f.gates & _QUIET and (f.strange == 0 or (_target(f) and f.strange <= 1))


def _is_status(f: Facts) -> bool:
    if _content(f) or f.gates & _QUIET:
        return False
    if f.is_japanese and f.mood in ("refusal", "negated") and not f.asks:
        return False
    if f.any("verb:status"):
        return f.strange == 0 or (_target(f) and f.strange <= 1)
    asked = f.low.startswith(("what is ", "what's ", "is ", "are ", "did ", "has ", "where ", "how ")) or (f.is_japanese and f.asks) or f.any("verb:show")
    return asked and f.strange == 0 and (f.references.job is not None or f.any("ref:last_job"))


def _is_restart(f: Facts) -> bool:
    """True for "start job 4 again"."""
    return f.any("verb:run") and f.any("again:words") and f.references.job is not None and not f.values and f.mood == "request" \
        and f.strange == 0 and not f.gates & {"refusal", "future", "condition", "people"} and f.any("verb:pause", "verb:stop")


def _acts(verb: str) -> Callable[[Facts], bool]:
    label = f"verb:{verb}"

    def rule(f: Facts) -> bool:
        if not f.requested(label) if not f.is_japanese else label not in f.labels:
            return False
        against = {"talk", "people", "condition", "future"} | (set() if verb == "stop" and not f.is_japanese else {"refusal"})
        if _content(f) or f.gates & against - starts.harmless(f) or (verb == "stop" and (
                f.settings.trials is not None or f.settings.time_s is not None or f.group("pruner")
                or f.any("artifact:words"))):
            return False
        if f.mood in ("report", "negated", "question", "plan", "refusal") and not (f.any("want:request") and f.mood == "question"):
            return False
        if not any(label in t.labels and any(x[5:] in _ACTING_FORMS for x in t.labels if x.startswith("form:"))
                   and not (k and "form:phrase" not in t.labels and f.view.text(k - 1).lower() in _DETERMINERS)
                   for k, t in enumerate(f.view.tokens)) and " be " not in f.low:
            return False
        target = f.any("object:training", "ref:job", "ref:last_job") or f.references.job is not None
        return f.strange == 0 or (target and f.strange <= 2)
    return rule


_RULES: tuple[tuple[Intent, Callable[[Facts], bool]], ...] = (
    ("chat", lambda f: f.message and _is_chat(f)),
    ("settings", _is_settings),
    ("help", _is_how_to),
    ("extend", _is_extend),
    ("history", lambda f: (_asks_what_was_done(f) or f.low.startswith("when did")) and _is_history(f)),
    ("compare", lambda f: f.is_japanese and f.asks and f.any("verb:compare") and "より" in f.low and _is_compare(f)),
    ("best", lambda f: f.any("verb:best") and bool(f.settings.space) and f.any("ask:what", "ask:wh") and _is_best(f)
     and not f.any("ask:term")),
    ("explain_term", _is_explain_term),
    ("best", lambda f: f.any("verb:best") and f.any("verb:show", "ask:what", "ask:wh", "ref:job") and _is_best(f)
     and not f.any("verb:chat", "verb:export", "verb:compare", "verb:find", "verb:queue")),
    ("explain_result", _is_explain_result),
    ("chat", _is_chat),
    ("resume", _is_restart),
    ("rate", _is_rate),
    ("compare", _is_compare),
    ("resume", _acts("resume")),
    ("pause", _acts("pause")),
    ("stop", _acts("stop")),
    ("export", _is_export),
    ("tune", starts.is_start),
    ("data", _is_data),
    ("history", _is_history),
    ("best", _is_best),
    ("queue", _is_queue),
    ("status", _is_status),
    ("help", _is_help_word),
)
