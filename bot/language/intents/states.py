"""Rules for what people ask of jobs and trials: which leads, who waits, how far one is."""

from __future__ import annotations

from bot.language.clauses.facts import Facts, seeks_within_budget
from bot.language.clauses.telling import only_tells, tells_of_people
from bot.language.intents.questions import QUIET, asks_how_it_ended, has_content, has_target, is_question
from bot.language.vocabulary.small_words import small_words


def _seeks(f: Facts) -> bool:
    """True when something is still to be found: not "the best lr we found"."""
    return any("verb:find" in token.labels and "form:past" not in token.labels for token in f.view.tokens)


def is_best(f: Facts) -> bool:
    """True for a question which trial or setting leads."""
    if f.values or f.strange > 0 or f.gates & QUIET or _seeks(f) or f.settings.orphans or f.references.dataset:
        return False
    if seeks_within_budget(f) or (f.is_japanese and only_tells(f)):
        return False
    named = f.any("verb:best", "ref:best_trial") or (
        f.any("super:words")
        and (f.any("object:result", "object:model", "unit:trials") or f.group("metric") or bool(f.settings.space))
    )
    shown = f.any("object:result") and not f.any("verb:run", "verb:tune", "verb:set", "verb:better")
    return named and (f.asks or shown or f.any("verb:show", "ask:what", "ask:wh") or f.view.size <= 6)


def is_queue(f: Facts) -> bool:
    """True for a question who waits and who is next."""
    return (
        f.any("verb:queue")
        and not isinstance(f.references.trial, int)
        and not has_content(f)
        and not (f.gates & QUIET and not (f.gates & QUIET == {"talk"} and "gpu" in f.low and is_question(f)))
        and not (f.is_japanese and tells_of_people(f))
        and not (f.is_japanese and f.any("verb:tune", "verb:train") and f.mood == "request")
        and (f.strange == 0 or ((has_target(f) or f.is_japanese) and not f.everyday and f.strange <= 1))
    )


def _says_it_ended(f: Facts) -> bool:
    """True for "great, the run finished": said with joy, not asked."""
    if f.is_japanese or f.asks or f.references.job is not None or f.any("want:request", "verb:show", "ask:wh"):
        return False
    ended = f.low.rstrip("!. )").endswith(small_words("ended"))
    return ended and any(f.view.text(start).lower() in small_words("ours_opening") for (start, _), _ in f.spans)


def asks_only_whether(f: Facts) -> bool:
    """True for 落ちた？ and 止まった？: the state of what runs, and no reason."""
    return f.is_japanese and f.asks and f.any("verb:status") and f.view.size <= 3 and "past" in f.forms


def is_status(f: Facts) -> bool:
    """True for a question how far a job is."""
    if has_content(f) or f.gates & QUIET:
        return False
    if f.is_japanese and f.mood in ("refusal", "negated", "report") and not f.asks and not f.any("verb:show"):
        return False
    if (f.is_japanese and tells_of_people(f)) or _says_it_ended(f):
        return False
    if f.any("verb:status") or (not f.is_japanese and asks_how_it_ended(f)):
        return f.strange == 0 or ((has_target(f) or (f.is_japanese and f.asks)) and not f.everyday and f.strange <= 1)
    asked = (
        f.low.startswith(("what is ", "what's ", "is ", "are ", "did ", "has ", "where ", "how "))
        or (f.is_japanese and f.asks)
        or f.any("verb:show")
    )
    of_trial = isinstance(f.references.trial, int) and f.any("verb:queue")  # 試行2は待っているの？
    return asked and f.strange == 0 and (f.references.job is not None or f.any("ref:last_job") or of_trial)
