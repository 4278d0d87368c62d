"""Rules for what people ask about: terms, results, comparisons, how to use this bot."""

from __future__ import annotations

from bot.language.clauses.facts import Facts
from bot.language.clauses.telling import tells_of_term
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

QUIET = frozenset({"refusal", "talk"})  # a question may still be asked in such a sentence, nothing may be done


def has_content(f: Facts) -> bool:
    """True when a known knob has values, good or bad."""
    return f.values or f.settings.not_a_number


def names_job_or_trial(f: Facts) -> bool:
    """True when a job or a trial is named by number or by its place."""
    return f.references.job is not None or f.references.trial is not None or f.references.trials_named > 0


def has_target(f: Facts) -> bool:
    """True when the sentence points at a job, a run or a model."""
    return names_job_or_trial(f) or f.any("object:training", "object:model", "ref:job", "ref:last_job", "ref:trial")


def is_how_to(f: Facts) -> bool:
    """True for a question how something is done with this bot."""
    if f.values or f.strange > 2 or f.gates & {"refusal", "people", "talk"} or f.references.job is not None:
        return False
    if f.is_japanese and (f.everyday or _helps_nobody(f)):
        return False
    if f.references.dataset is not None and f.any("verb:show") and not f.asks:
        return False  # "show me a few examples from hotel-faq"
    if "way" in f.forms:
        return not f.group("word") or f.any("verb:tune", "verb:run", "verb:train", "verb:search")
    if f.group("word") and f.any("ask:what") and not f.settings.space and not f.any("verb:tune", "verb:run"):
        return False
    if f.any("gate:musing") and f.settings.space and not f.any("verb:tune", "verb:run", "verb:train"):
        return False
    return f.any("verb:help") and not (f.any("verb:best", "verb:status", "ask:why") and f.settings.space)


def _helps_nobody(f: Facts) -> bool:
    """True for a manual that is quoted or explained later, and for a beginner who asks for something else."""
    if f.any("quote:quote") or ("future" in f.gates and not f.asks):
        return True
    if f.mood == "fragment" and f.group("method") and not f.asks and not f.any("ask:wh"):
        return True  # 時間は1時間、方法はベイズ
    signs = [token.text for token in f.view.tokens if "verb:help" in token.labels]
    else_asked = f.any("ask:what", "verb:tune", "verb:better", "verb:train")
    return bool(signs) and else_asked and all(text in small_words("newcomers") for text in signs)


def is_cry_for_help(f: Facts) -> bool:
    """True for "help" and its like, standing nearly alone."""
    if (
        f.view.size > 3
        and not f.low.startswith(("help", "please help", "can you help", "i need help", "some help"))
        and not f.is_japanese
    ):
        return False
    return (
        f.any("verb:help_word")
        and not f.values
        and f.strange == 0
        and not f.gates & {"refusal", "talk", "future"}
        and f.view.size <= 6
    )


def _named_term(f: Facts) -> bool:
    return bool(f.settings.space) or f.group("word", "term") or f.any("method:grid", "method:random", "method:bayes")


def is_question(f: Facts) -> bool:
    """True when something is asked, by a question mark, a question word or the order of the words."""
    if f.asks or f.any("ask:wh", "ask:what"):
        return True
    opened = f.low.startswith(
        ("is ", "are ", "does ", "do ", "should ", "was ", "did ", "can ", "will ", "why ", "how ", "what ")
    )
    return opened and not f.low.startswith("do not ")  # "do NOT touch the batch size"


def is_explain_term(f: Facts) -> bool:
    """True for a question what something is, or what it does."""
    if not _named_term(f) or (f.any("want:request") and f.values) or f.strange > 4 or f.gates & QUIET:
        return False
    if names_job_or_trial(f) or f.any("ref:last_job", "ref:last", "ref:best_trial", "proof:words"):
        return False
    if asks_why_it_won(f):
        return False
    if not f.settings.space and f.any("super:words") and f.group("metric"):
        return False  # "what got the lowest loss?"
    if f.any("verb:best", "super:words", "verb:history", "verb:find") and not f.any("ask:what"):
        return False
    acts = f.any("verb:tune", "verb:search", "verb:train", "verb:try", "object:result")
    if not f.is_japanese and f.any("verb:explain") and not acts:
        return True  # "explain learning rate like I'm 12"
    if f.numbers and f.any("ask:what") and f.mood == "question" and not f.any("verb:tune", "verb:search"):
        return True
    if f.numbers:
        return _asks_of_numbers(f)
    if _looks_back(f) or (f.any("verb:status", "verb:best") and not f.settings.space):
        return False
    if _tells_terms_apart(f):
        return True
    if f.any("ask:what") and not f.any("verb:best"):
        return not f.any("ask:why") or f.any("ask:term")
    if f.any("verb:explain") and not f.any("object:result"):
        return True
    if f.is_japanese and tells_of_term(f):
        return True
    opened = f.is_japanese or f.low.startswith(("why", "what", "how"))
    if f.asks and opened and f.any("ask:term") and not f.any("verb:tune", "verb:search"):
        return True
    if f.any("verb:tune", "verb:search") or f.any("want:request") or f.mood == "request":
        return f.any("ask:term") and f.any("ask:wh") and not f.any("want:request")
    return is_question(f) and (bool(f.settings.space) or f.any("ask:term") or f.view.size <= 3)


def _asks_of_numbers(f: Facts) -> bool:
    """True for "what if the rank is 64?": a question about numbers, and no request."""
    if not f.any("ask:what", "ask:term") or f.mood == "request" or f.any("verb:tune", "verb:search"):
        return False
    return f.asks or f.any("gate:condition") or f.low.startswith(("is ", "are ", "will ", "does "))


_ENDS = words("crash crashed die died fail failed")


def opening(f: Facts) -> str:
    """The sentence without the small word that joins it to what was said before: "so did ...", "and was ..."."""
    return f.low.removeprefix("so ").removeprefix("and ").removeprefix("but ").removeprefix("ok ").removeprefix(", ")


def _looks_back(f: Facts) -> bool:
    """True for a question about what a finished run showed: "did the dropout matter?", どっちが効いた？"""
    if f.is_japanese:
        plain = all(
            token.text in small_words("plain_why")
            for token in f.view.tokens
            if "ask:why" in token.labels
        )
        return f.any("ask:why") and not f.any("ask:what") and (not plain or "past" in f.forms or "report" in f.gates)
    past = ("did ", "was ", "were ", "has ", "have ", "had ", "why did", "why was", "why were")
    return opening(f).startswith(past) or (f.any("ask:why") and not f.any("ask:what", "ask:term"))


def asks_how_it_ended(f: Facts) -> bool:
    """True for "did my job crash?": the state of a job, no reason."""
    why = {token.text.lower() for token in f.view.tokens if "ask:why" in token.labels}
    job = f.references.job is not None or f.any("ref:job")
    yes_or_no = opening(f).startswith(("did ", "has ", "is "))
    return bool(why) and why <= _ENDS and yes_or_no and job and not f.settings.space


def _no_question_of_ours(f: Facts) -> bool:
    """True for レポートの締め切りを延長して and for a verdict with its reason: 評価: 回答Bが良い、理由: 簡潔."""
    if ("future" in f.gates and not f.asks) or (f.any("verb:compare") and f.any("verb:show") and f.mood == "request"):
        return True
    progress = any("verb:status" in t.labels and t.text.startswith(small_words("progress")) for t in f.view.tokens)
    seen = f.any("verb:history") and f.any("verb:show") and f.mood == "request"
    if (progress or seen) and not f.any("ask:why"):
        return True
    said = f.any("verb:rate") or (f.any("object:answer") and asks_no_why(f))
    verdict = said and f.any("verb:judge_words") and not f.asks and f.mood != "request"
    return verdict or (f.everyday > 0 and not names_job_or_trial(f) and "結果" not in f.low)


def asks_why_it_won(f: Facts) -> bool:
    """True for "why did rank 16 win?" and なんでランク16が勝ったの？"""
    why = f.low.startswith("why ") or any(token.text in small_words("plain_why") for token in f.view.tokens)
    ended = any(word in f.low for word in small_words("won"))
    return why and ended and f.numbers and f.asks and f.mood == "question" and not f.any("verb:tune", "ask:what")


def asks_no_why(f: Facts) -> bool:
    """True when every sign of a why is a verdict: ダメだった."""
    return all("verb:judge_words" in token.labels for token in f.view.tokens if "ask:why" in token.labels)


def is_explain_result(f: Facts) -> bool:
    """True for a question what a job showed and why."""
    if f.settings.not_a_number or f.strange > 4 or f.gates & QUIET:
        return False
    if f.numbers:
        return asks_why_it_won(f)
    if not f.is_japanese and f.low.startswith(("if ", "once ", "as soon as ")) and not f.asks:
        return False  # "if job 9 fails, cancel it"
    if not f.is_japanese and f.everyday and not f.group("ref", "knob", "metric"):
        return False  # "when's the deadline for the report?"
    if not f.is_japanese and f.mood == "request" and f.requested("verb:tune") and not f.group("ref"):
        return False  # "our answers are rude, can you tune the model so they get better?"
    if f.is_japanese and f.any("ask:why") and f.settings.space and not _looks_back(f) and not names_job_or_trial(f):
        return False
    if f.is_japanese and _no_question_of_ours(f):
        return False
    about = has_target(f) or f.any("object:result", "ref:last", "verb:tune") or "結果" in f.low
    about = about or (f.is_japanese and f.group("metric"))
    if f.is_japanese and f.any("object:result") and f.any("ask:what") and f.asks and not _named_term(f):
        return True  # このグラフは何を意味してる？
    if f.settings.space and not f.is_japanese and f.asks and _looks_back(f) and not f.any("verb:tune", "verb:search"):
        return True
    if f.any("proof:words") and is_question(f):
        return True
    if not f.is_japanese and asks_how_it_ended(f):
        return False
    if f.any("ask:why"):
        return about or bool(f.settings.space) or f.strange == 0
    if f.any("outcome:words", "ask:term") and is_question(f) and _looks_back(f) and (about or f.settings.space):
        return True
    return f.any("verb:explain") and about and f.strange <= 3


def is_compare(f: Facts) -> bool:
    """True when two answers or models shall be seen side by side."""
    if f.values or f.strange > 1 or f.gates & QUIET:
        return False
    if f.settings.orphans and not (f.is_japanese and f.any("object:model", "object:answer", "verb:rate")):
        return False
    if f.is_japanese and f.mood == "report" and not f.asks and not f.any("verb:show"):
        return False
    if f.is_japanese and f.any("verb:history") and not (has_target(f) or f.any("object:answer")):
        return False
    if names_job_or_trial(f) and " against " in f.low and f.mood == "request":
        return True  # "put job 3 against job 5"
    if not f.any("verb:compare") or _tells_terms_apart(f):
        return False
    return (
        has_target(f)
        or f.any("object:answer", "ref:best_trial", "object:result", "verb:rate")
        or (f.strange == 0 and f.view.size <= (16 if f.is_japanese else 6))
    )


def _sets_terms_against(f: Facts) -> bool:
    """True for "random search vs grid search?"."""
    terms = [token for token in f.view.tokens if any(x.startswith(("method:", "word:")) for x in token.labels)]
    return f.asks and f.any("verb:compare") and len(terms) == 2 and f.view.size <= 7


def _tells_terms_apart(f: Facts) -> bool:
    """True for "the difference between grid and random search": terms, no models."""
    tried = f.mood == "request" and f.any("verb:try", "verb:search", "verb:run", "verb:tune")  # どっちがいいか試して
    apart = (f.any("differ:words") or _sets_terms_against(f)) and _named_term(f) and not tried
    if f.is_japanese and f.mood == "request" and f.any("verb:try", "verb:tune", "verb:search"):
        return False  # 線形とコサインどっちがいいか試して
    return apart and not (names_job_or_trial(f) or f.any("object:model", "ref:best_trial", "object:answer"))
