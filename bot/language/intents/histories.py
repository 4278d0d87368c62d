"""Questions what was run before."""

from __future__ import annotations

from bot.language.clauses.facts import Facts
from bot.language.intents.questions import QUIET, has_content, is_question
from bot.language.vocabulary.small_words import small_words

_ANYBODY = ("has anyone ", "has anybody ", "has someone ", "did anyone ", "did anybody ", "did someone ")


def is_history(f: Facts) -> bool:
    """True for a question what was run before."""
    if has_content(f) and not (f.asks and not f.numbers) and not asks_what_was_done(f):
        return False
    everybody = {"talk"} if f.low.startswith(_ANYBODY) else set()
    if f.strange > 1 or f.gates & QUIET - everybody or f.any("ask:why"):
        return False
    return f.any("verb:history") or asks_what_was_done(f) or _names_past_jobs(f)


def _names_past_jobs(f: Facts) -> bool:
    """True for 先週のruns and 過去のjob: jobs of a time gone by."""
    view = f.view
    return any(
        view.text(i) in small_words("past_times")
        and view.text(i + 1) == "の"
        and view.has(i + 2, "ref:job", "unit:trials", "verb:tune", "verb:train", "verb:search")
        for i in range(view.size)
    )


def asks_what_was_done(f: Facts) -> bool:
    """True for "have we ever tried cosine?", "what did the team run in March?", 先週何を回したっけ"""
    told = any(t.text.lower() in ("we tuned", "we ran", "we tried", "i ran", "i tuned") for t in f.view.tokens)
    verbs = told or (f.is_japanese and f.any("verb:set"))
    verbs = verbs or f.any("verb:run", "verb:try", "verb:tune", "verb:train", "verb:search", "verb:redo")
    if f.is_japanese:
        asked = f.any("ask:wh") or any(word in f.low for word in small_words("ever"))
        recalls = any(word in f.low for word in small_words("recalling")) and "people" not in f.gates
        asked = asked or (recalls and any(word in f.low for word in small_words("recall_times")))
        return verbs and f.references.trial is None and "past" in f.forms and asked and is_question(f)
    return verbs and f.low.startswith(
        (
            "what did we",
            "what did i",
            "what have we",
            "what have i",
            "have we ",
            "have i ",
            "did we ",
            "did i ",
            "what all did",
            "which did we",
            "what has the team",
            "what did the team",
            "had we",
            "how many jobs have",
            "how many runs have",
            "how many jobs did",
            "how many runs did",
            "how often have we",
            "how often did we",
            "what have you",
            *_ANYBODY,
        )
    )
