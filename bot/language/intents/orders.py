"""Rules for plain orders: stop, pause, resume. An order must stand as one, with nothing in the sentence against it."""

from __future__ import annotations

from collections.abc import Callable

from bot.language.clauses import matters
from bot.language.clauses.facts import Facts
from bot.language.clauses.telling import stops_nothing_of_ours
from bot.language.intents import starts
from bot.language.intents.questions import has_content, has_target
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

_DETERMINERS = words("a an the my your our his her their this")
_POINTERS = words("it that this everything them all one ones thing stuff ai")
_ACTING_FORMS = words("base te want vol noun phrase plain may can ing stem")


def is_restart(f: Facts) -> bool:
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


def is_order(verb: str) -> Callable[[Facts], bool]:
    """The rule for a plain order to stop, pause or resume."""
    label = f"verb:{verb}"

    def rule(f: Facts) -> bool:
        if verb in ("pause", "stop") and _stops_for_a_while(f):
            return verb == "pause"
        if not f.requested(label) if not f.is_japanese else label not in f.labels:
            return False
        if _speaks_against(f, verb) or not _stands_as_order(f, label):
            return False
        named = has_target(f) if verb == "pause" else names_target(f)  # "pause it for lunch", "stop it with the jokes"
        return f.strange == 0 or (named and f.strange <= 2)

    return rule


def _stops_for_a_while(f: Facts) -> bool:
    """True for 昼休みの間だけ止めて and 少しの間止めて: a pause, whatever the verb."""
    if not (f.is_japanese and "verb:stop" in f.labels and f.mood == "request") or has_content(f) or f.strange:
        return False
    short = any(word in f.low for word in small_words("for_a_while"))
    return short and not f.gates & {"talk", "people", "condition", "refusal", "injection"}


def names_target(f: Facts) -> bool:
    """True when a job or a run is named by more than "it" or "all"."""
    return (
        f.references.job is not None
        or f.any("ref:job", "ref:last_job", "ref:best_trial")
        or any(
            token.labels & {"object:training", "object:model"} and token.text.lower() not in _POINTERS
            and token.text not in small_words("pointers")
            for token in f.view.tokens
        )
    )


def _speaks_against(f: Facts, verb: str) -> bool:
    """True when something in the sentence shows that nothing is ordered now."""
    against = {"talk", "people", "condition", "future"}
    if verb != "stop" or f.is_japanese:
        against.add("refusal")
    gates = f.gates & against - starts.harmless(f)
    if gates == {"refusal"} and verb in ("stop", "pause") and _only_mistaken(f):
        gates = frozenset()  # ジョブ12止めて、データ間違えた
    if gates == {"future"} and verb == "pause" and _picks_up_later(f):
        gates = frozenset()  # "can you pause it for a while, I'll want it back later"
    if has_content(f) or f.settings.unknown_knobs or matters.is_foreign_matter(f) or gates:
        return True
    if verb == "stop" and _needs_no_stop(f):
        return True
    if f.is_japanese and verb == "stop" and stops_nothing_of_ours(f):
        return True
    if not f.is_japanese and matters.is_quoted(f):
        return True  # "he said: stop job 4"
    if f.low.rstrip(" .!").endswith(small_words("taken_back")):
        return True  # "resume job 3? no"
    if f.references.job is None and f.low.startswith(small_words("on_second_thought")):
        return True  # やっぱり調整やめて: a changed mind
    counts = f.settings.trials is not None or f.settings.time_s is not None
    if verb == "stop" and (counts or f.group("pruner") or f.any("artifact:words")):
        return True
    asked = f.any("want:request") and f.mood == "question"
    return f.mood in ("report", "negated", "question", "plan", "refusal") and not asked


def _needs_no_stop(f: Facts) -> bool:
    """True for "no need to stop job 3"."""
    view = f.view
    return any(
        view.has(i, "verb:stop") and view.has(i - 1, "gate:refusal") and view.text(i - 1).endswith(" to")
        for i in range(1, view.size)
    )


def _only_mistaken(f: Facts) -> bool:
    return all("mistake:words" in t.labels for t in f.view.tokens if "gate:refusal" in t.labels)


def _picks_up_later(f: Facts) -> bool:
    """True when all that is put off is to go on: "pause job 3, I'll resume it tomorrow"."""
    put_off = [span for span, _ in f.spans if any(f.view.has(i, "gate:future") for i in range(*span))]
    said = [f.low[f.view.tokens[start].start : f.view.tokens[end - 1].end] for start, end in put_off]
    pauses = any(f.view.has(i, "verb:pause") for span in put_off for i in range(*span))
    return bool(said) and not pauses and all(any(word in text for word in small_words("picks_up")) for text in said)


def _is_doing(f: Facts, i: int) -> bool:
    """True for a word in -ing that is nothing of ours: "stop worrying", "stop making things up"."""
    if i >= f.view.size or not f.view.text(i).lower().endswith("ing"):
        return False
    ours = f.view.has(i, "verb:tune", "verb:train", "verb:search", "verb:run", "verb:try")
    return f.view.tokens[i].kind == "word" or (f.view.has(i, "form:ing") and not ours)


def _stands_as_order(f: Facts, label: str) -> bool:
    """True when the verb stands in a form that orders, and not as a thing ("the stop") or of something else."""
    if any(label in t.labels and _is_doing(f, k + 1) for k, t in enumerate(f.view.tokens)):
        return False  # "stop worrying"
    wished = f.any("want:request") and f.mood == "request"
    if wished and any({label, "form:past"} <= t.labels for t in f.view.tokens):
        return True  # "I'd like job 8 cancelled"
    return " be " in f.low or any(
        label in t.labels
        and any(x[5:] in _ACTING_FORMS for x in t.labels if x.startswith("form:"))
        and not (k and "form:phrase" not in t.labels and f.view.text(k - 1).lower() in _DETERMINERS)
        for k, t in enumerate(f.view.tokens)
    )
