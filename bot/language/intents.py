"""Which intent a sentence has. Rules from the most certain to the least; the first that holds decides."""

from __future__ import annotations

from collections.abc import Callable

from bot.language import starts
from bot.language.closed import words
from bot.language.commands import Intent
from bot.language.facts import Facts
from bot.language.questions import (
    asks_what_was_done,
    has_content,
    has_target,
    is_best,
    is_compare,
    is_cry_for_help,
    is_explain_result,
    is_explain_term,
    is_history,
    is_how_to,
    is_queue,
    is_status,
    names_job_or_trial,
)

_DETERMINERS = words("a an the my your our his her their this")
_ACTING_FORMS = words("base te want vol noun phrase plain may can ing stem")


def decide(facts: Facts) -> Intent:
    """The intent; `unknown` when nothing is certain enough."""
    if "injection" in facts.gates or not facts.view.size:
        return "unknown"
    last = _last_verb(facts) if facts.is_japanese else None
    if last == "resume" and _is_extend(facts):
        return "extend"
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


def _is_settings(f: Facts) -> bool:
    if has_content(f) or f.strange > 0 or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.any("tongue:en", "tongue:ja"):
        if f.any("verb:run", "verb:tune", "verb:train") and f.is_japanese and not f.any("verb:set"):
            return False
        small = f.view.size <= 4 and not f.any("subject:words")
        return (
            (f.any("verb:speak", "verb:settings") or small)
            and not f.any("ask:what", "ask:why", "ask:wh")
            and not _first_person(f)
            and (not f.any("object:model", "ref:best_trial") or not f.any("verb:chat"))
        )
    return (
        f.any("verb:settings")
        and f.mood != "report"
        and not f.any("verb:tune", "verb:better", "verb:train", "verb:best")
        and not f.any("ref:best_trial", "super:words")
    )


def _first_person(f: Facts) -> bool:
    return (
        not f.is_japanese
        and f.view.text(0).lower() in ("i", "we", "my", "he", "she", "they")
        and not f.any("want:request")
    )


def _is_extend(f: Facts) -> bool:
    s = f.settings
    if (
        has_content(f)
        or f.strange > 2
        or f.gates & {"refusal", "talk", "condition"}
        or f.mood in ("report", "negated", "plan")
        or f.everyday
        or ("people" in f.gates and f.references.job is None)
    ):
        return False
    if f.is_japanese and _adds_to_job(f):
        return True
    if f.asks and f.any("ask:wh", "verb:status") and not f.any("want:request"):
        return False
    amount = s.time_s is not None or s.trials is not None or (f.any("verb:extend") and len(s.orphans) == 1)
    if s.more_trials is not None:
        return not (f.is_japanese and f.any("verb:status") and f.asks)
    if amount and f.any("verb:extend", "unit:more"):
        return not (f.asks and f.any("verb:status"))
    return (
        f.any("verb:extend")
        and not f.any("verb:data")
        and f.references.dataset is None
        and f.strange == 0
        and "add" not in f.low
    )


def _adds_to_job(f: Facts) -> bool:
    """True for ジョブ4、あと50回 and あと2時間続けて."""
    amount = f.settings.time_s is not None or f.settings.trials is not None or f.settings.more_trials is not None
    known = f.references.job is not None or f.any("verb:resume")
    asks_state = f.any("verb:status") and f.asks
    return amount and known and "あと" in f.low and not f.settings.space and not asks_state


def _is_chat(f: Facts) -> bool:
    if f.values or f.gates & {"refusal", "future", "people"}:
        return False
    target = (
        f.any("object:model", "ref:best_trial", "ref:last_job", "ref:last")
        or names_job_or_trial(f)
        or any(
            "verb:chat" in t.labels and t.text.lower().endswith(("model", "best", "bot", "one")) for t in f.view.tokens
        )
    )
    if f.message and (target or f.any("object:training")):
        return f.any("verb:chat") or "say" in f.low or "tell" in f.low or "言" in f.low
    if not f.any("verb:chat"):
        return False
    return (
        target
        or (f.any("object:training") and f.view.size <= 7 and not f.gates)
        or (f.strange == 0 and f.view.size <= 3 and not f.gates)
    )


def _is_rate(f: Facts) -> bool:
    if f.any("verb:better") and f.mood == "request":
        return False
    if f.values or f.asks or f.references.job is not None or f.gates & {"talk"} or f.any("ask:why"):
        return False
    judged = f.any("verb:judge_words") and f.any("object:answer") and f.mood != "request"
    return (f.any("verb:rate") or judged) and f.strange <= (1 if f.any("object:answer") else 0)


def _is_export(f: Facts) -> bool:
    wanted = (
        f.any("artifact:words")
        and f.any("verb:show", "want:request", "verb:set")
        and not f.any("verb:chat", "verb:compare", "verb:tune", "verb:train", "ask:what", "ask:why", "verb:best")
    )
    if not (f.any("verb:export") or wanted) or f.values or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.mood in ("report", "negated", "plan"):
        return False
    return ((has_target(f) or f.any("ref:best_trial", "object:result")) and f.strange <= 2) or f.strange == 0


def _is_data(f: Facts) -> bool:
    if f.values or f.mood in ("negated", "plan") or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.any("verb:queue") and f.references.dataset is None and not f.any("object:data"):
        return False
    if f.any("verb:data"):
        return f.strange <= 1
    if f.any("object:data") and f.low.startswith(("here's", "here is", "here are", "heres", "this is")):
        return f.strange <= 1
    if f.any("data_word:words") and not names_job_or_trial(f) and (f.any("verb:show") or f.asks):
        return f.strange <= 1
    return (
        f.references.dataset is not None
        and f.strange <= 2
        and (f.any("verb:show", "ask:wh", "ask:what", "object:data", "verb:set", "ask:yesno") or f.view.size <= 2)
    )


def _is_restart(f: Facts) -> bool:
    """True for "start job 4 again"."""
    return (
        f.any("verb:run")
        and f.any("again:words")
        and f.references.job is not None
        and not f.values
        and f.mood == "request"
        and f.strange == 0
        and not f.gates & {"refusal", "future", "condition", "people"}
        and f.any("verb:pause", "verb:stop")
    )


def _acts(verb: str) -> Callable[[Facts], bool]:
    label = f"verb:{verb}"

    def rule(f: Facts) -> bool:
        if not f.requested(label) if not f.is_japanese else label not in f.labels:
            return False
        against = {"talk", "people", "condition", "future"} | (
            set() if verb == "stop" and not f.is_japanese else {"refusal"}
        )
        if (
            has_content(f)
            or starts.is_foreign_matter(f)
            or f.gates & against - starts.harmless(f)
            or (
                verb == "stop"
                and (
                    f.settings.trials is not None
                    or f.settings.time_s is not None
                    or f.group("pruner")
                    or f.any("artifact:words")
                )
            )
        ):
            return False
        if f.mood in ("report", "negated", "question", "plan", "refusal") and not (
            f.any("want:request") and f.mood == "question"
        ):
            return False
        if (
            not any(
                label in t.labels
                and any(x[5:] in _ACTING_FORMS for x in t.labels if x.startswith("form:"))
                and not (k and "form:phrase" not in t.labels and f.view.text(k - 1).lower() in _DETERMINERS)
                for k, t in enumerate(f.view.tokens)
            )
            and " be " not in f.low
        ):
            return False
        target = f.any("object:training", "ref:job", "ref:last_job") or f.references.job is not None
        return f.strange == 0 or (target and f.strange <= 2)

    return rule


def _sets_against(f: Facts) -> bool:
    """True for a question about before and after, tuned and untuned."""
    if f.is_japanese and not f.any("verb:compare"):
        return False
    if f.is_japanese:
        return (f.asks and "より" in f.low) or "前とした後" in f.low or "後と前" in f.low
    doubts = ("noise", "luck", "signific", "chance", "why", "statist")
    return (
        f.low.startswith(("is ", "are ", "does ", "do "))
        and "better than the " in f.low
        and f.any("object:model")
        and not any(word in f.low for word in doubts)
    )


_RULES: tuple[tuple[Intent, Callable[[Facts], bool]], ...] = (
    ("chat", lambda f: f.message and _is_chat(f)),
    ("settings", _is_settings),
    ("help", is_how_to),
    ("extend", _is_extend),
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
            and f.any("verb:show", "ask:what", "ask:wh", "ref:job")
            and is_best(f)
            and not f.any("verb:chat", "verb:export", "verb:compare", "verb:find", "verb:queue")
        ),
    ),
    ("explain_result", is_explain_result),
    ("chat", _is_chat),
    ("resume", _is_restart),
    ("rate", _is_rate),
    ("compare", is_compare),
    ("resume", _acts("resume")),
    ("pause", _acts("pause")),
    ("stop", _acts("stop")),
    ("export", _is_export),
    ("tune", starts.is_start),
    ("data", _is_data),
    ("history", is_history),
    ("best", is_best),
    ("queue", is_queue),
    ("status", is_status),
    ("help", is_cry_for_help),
)
