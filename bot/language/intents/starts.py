"""When a sentence starts a tuning job. A wrong start is the worst error: it needs a request and no sign against."""

from __future__ import annotations

import re

from bot.language.clauses.facts import Facts, seeks_within_budget
from bot.language.clauses.matters import (
    is_about_days,
    is_daily,
    is_ours,
    is_quoted,
    names_bot,
    somebody,
    trains_model,
)
from bot.language.clauses.moods import Mood
from bot.language.clauses.telling import only_asks_to_see
from bot.language.intents.fragments import drops_values, is_plain, is_under_foreign_heading
from bot.language.vocabulary.closed import words
from bot.language.vocabulary.small_words import small_words

_AGAINST = frozenset({"refusal", "future", "condition", "talk", "injection"})


def is_start(f: Facts) -> bool:
    """True when the sentence asks for a tuning job, now, of this bot."""
    if _is_barred(f):
        return False
    mood = f.mood if f.is_japanese else _english_mood(f)
    if mood not in ("request", "fragment") or _stops_doing(f):
        return False
    asked = mood == "request"
    if f.values or f.settings.not_a_number:
        if drops_values(f) or (not asked and not is_plain(f)):
            return False
        if not asked and ("?" in f.low or _ranks(f) or _judges(f) or _states(f)):
            return False  # "rank 8 to 32?", "rank 8 to 32 works best"
        limit = (4 if asked else 1) if f.strong_knob or _sure(f) else (1 if asked else 0)
        return f.strange <= limit
    if f.any("ask:what", "ask:why", "verb:help") and not (asked and f.requested("verb:tune")):
        return False
    if (set(f.settings.space) == {"lr_schedule"} and is_about_days(f)) or is_daily(f):
        return False
    if f.settings.space or f.settings.unknown_knobs:
        sized = f.group("method") or f.settings.trials is not None
        sized = sized or (f.settings.time_s is not None and len(f.settings.space) > 1)
        listed = f.strong_knob and sized and "?" not in f.low and f.strange == 0  # "2 hours, bayes, lr"
        near = f.strange <= (1 if f.settings.space else 0)
        return (asked and near and _searches(f)) or (listed and not _states(f) and not _ranks(f))
    if asked and f.any("verb:better") and (_ANSWERS.search(f.low) or names_bot(f)):
        return f.strange <= 3  # "better at answering refund questions", "make the bot stop inventing prices"
    if f.is_japanese and _judges(f) and _only_talks_of_tuning(f):
        return False  # このtune、サビがいいね
    if _names_defaults(f):
        return True
    if f.any("verb:tune", "verb:better"):
        return (
            asked and f.strange <= (1 if f.any("object:model", "ref:trial", "word:lora") else 0) and is_ours(f)
        ) or (f.group("method", "pruner", "metric") and f.strange == 0)
    trained = asked and f.references.dataset is not None and not f.everyday and trains_model(f)
    return f.strange <= (2 if trained else 0) and _asks_without_knobs(f, asked)


_ON_DATA = re.compile(r"\b(?:on|with|using|over) (?:the |my |our )?[\w.-]+\.(?:csv|tsv|xlsx?|jsonl?|txt|parquet|ods)\b")
_ANSWERS = re.compile("答え|案内|応対|受け答え|接客|回答|返事|返答|応答|answer|repl(?:y|ies)|respon[ds]")
_STATING = words(
    "covered reached spanned "
    "is was are were sounds looks seems feels failed crashed diverged worked works gives gave ran did does"
)


def _is_barred(f: Facts) -> bool:
    """True when something in the sentence shows that nothing is asked of this bot, whatever else it says."""
    if f.gates & _AGAINST - harmless(f) or is_under_foreign_heading(f):
        return True
    if not f.is_japanese and (is_quoted(f) or _is_warned(f) or _lists_for_others(f)):
        return True
    if not f.is_japanese and _shows_tuned(f):
        return True
    if f.is_japanese and (only_asks_to_see(f) or _asks_for_kindness(f)):
        return True
    told = somebody(f) if "people" in f.gates else "past" in f.gates and f.mood != "request"
    return f.is_japanese and told


def _is_warned(f: Facts) -> bool:
    """True when a clause that refuses leads to what follows its colon: "do not run this: lr 1 to 10"."""
    return any(
        mood == "negated" and f.view.text(end) == ":" and _acts(f, (start, end)) for (start, end), mood in f.spans
    )


def _ranks(f: Facts) -> bool:
    """True for a fragment that says what was best, outside the bounds of a range (最高1e-4)."""
    return any("verb:best" in token.labels and i not in f.settings.used for i, token in enumerate(f.view.tokens))


def _states(f: Facts) -> bool:
    """True for a fragment that says how something is: "lr 1e-5 to 1e-3 sounds too wide"."""
    reasons = {i for span, mood in f.spans if mood == "report" and _only_wish(f, span) for i in range(*span)}
    return not f.is_japanese and any(
        token.text.lower() in _STATING and i not in f.settings.used and i not in reasons
        for i, token in enumerate(f.view.tokens)
    )


def _lists_for_others(f: Facts) -> bool:
    """True for "Table 2 lists the search space: lr 1e-5 to 1e-3": a report that leads to bare settings."""
    moods = [mood for _, mood in f.spans]
    return any(
        mood == "report" and f.view.text(end) == ":" and "request" not in moods[k + 1 :]
        for k, ((_, end), mood) in enumerate(f.spans)
    )


def _shows_tuned(f: Facts) -> bool:
    """True for "show me the base answers next to the tuned ones": nothing is to be tuned."""
    acts = [t.labels for t in f.view.tokens if t.labels & {"verb:tune", "verb:train", "verb:better"}]
    return bool(acts) and f.any("verb:show", "verb:compare") and all("form:past" in labels for labels in acts)


def _names_defaults(f: Facts) -> bool:
    """True for "one run with defaults on menu-qa" and データはfaq、初期設定で."""
    named = f.references.dataset is not None and any(word in f.low for word in small_words("defaults"))
    return named and f.mood == "fragment" and f.strange == 0 and not f.asks


def _asks_for_kindness(f: Facts) -> bool:
    """True for もっと優しくして: said to people as well, and no answer is named."""
    better = [token.text for token in f.view.tokens if "verb:better" in token.labels]
    ours = ("object:answer", "object:model", "trait:words", "verb:tune", "verb:train", "object:data", "object:topic")
    return bool(better) and all(text.startswith(small_words("kindness")) for text in better) and not f.any(*ours)


def _judges(f: Facts) -> bool:
    """True for a fragment that praises or blames: 学習率1e-5〜1e-3はひどかった."""
    return any(
        "verb:judge_words" in token.labels
        and not token.labels & {"say:words", "common:words"}
        and i not in f.settings.used
        for i, token in enumerate(f.view.tokens)
    )


def _stops_doing(f: Facts) -> bool:
    """True for "stop tuning lr ..." and 学習率…の調整をやめて."""
    if f.is_japanese and f.settings.time_s is None:  # 今夜中に調整終わらせて is no stop
        forms = {"form:te", "form:want", "form:noun"}
        acts = [t.labels for t in f.view.tokens if t.labels & forms and "verb:show" not in t.labels]
        return bool(acts) and "verb:stop" in acts[-1] and "verb:tune" not in acts[-1]
    return any(
        f.view.has(i, "verb:stop")
        and f.view.has(i + 1, "form:ing")
        and f.view.has(i + 1, "verb:tune", "verb:train", "verb:search")
        for i in range(f.view.size)
    )


def _only_talks_of_tuning(f: Facts) -> bool:
    """True when tuning is named as a thing and nobody asks for it."""
    acting = any(
        "form:noun" not in token.labels and token.labels & {"verb:tune", "verb:better"} for token in f.view.tokens
    )
    return not acting and not f.any("want:request")


def _searches(f: Facts) -> bool:
    """True when a knob without values is to be searched, not only spoken of."""
    if f.any("verb:tune", "verb:search", "verb:try", "verb:find", "verb:train") or f.settings.trials is not None:
        return True
    return f.is_japanese and f.any("verb:run", "verb:set", "verb:better")


def _asks_without_knobs(f: Facts, asked: bool) -> bool:
    """True for "train!", "random search, 20 trials", "2 hours with TPE", 学習を開始して."""
    s = f.settings
    best = f.any("super:words", "object:result", "verb:best", "ref:best_trial")
    if f.any("verb:train") or (f.any("verb:find") and best):
        return asked
    if f.references.job is not None and (f.any("verb:redo") or (f.any("verb:run") and f.any("again:words"))):
        return asked or (f.any("verb:redo") and f.mood == "fragment")  # ジョブ8をもう一回
    if asked and f.any("verb:run") and any(word in f.low for word in small_words("defaults")):
        return True  # すべてデフォルトでOK、始めちゃってください
    counts, timed = s.trials is not None, s.time_s is not None
    if timed and asked and f.any("budget:words"):
        return True  # "spend the night on it"
    if seeks_within_budget(f) or (asked and counts and f.any("want:request")):
        return True
    runs = f.any("verb:search", "verb:run", "verb:try") and (
        f.is_japanese or f.any("object:training", "verb:search", "verb:try") or counts
    )
    if f.group("method") and f.group("metric") and any(word in f.low for word in small_words("optimises")):
        return not f.asks
    if f.group("method", "pruner", "metric") or (runs and (counts or timed or f.references.dataset is not None)):
        return (asked or counts or timed or s.parallel is not None) and not f.any("verb:show")
    sized = s.parallel is not None or timed or f.any("unit:total") or f.references.dataset is not None
    if counts and sized and not f.any("unit:more") and f.references.job is None:
        return asked or ("?" not in f.low and not _states(f))
    if asked and f.any("verb:run") and f.references.dataset is not None and _ON_DATA.search(f.low):
        return True  # "start something sensible on notes.txt"
    return f.any("verb:run") and asked and _launches(f)


def _launches(f: Facts) -> bool:
    if not any(token.text.lower() in small_words("launched") for token in f.view.tokens):
        return False
    return f.references.job is None and not f.any("verb:status", "verb:queue", "verb:history")


def _sure(f: Facts) -> bool:
    return f.any("verb:tune", "verb:search") or f.settings.trials is not None or f.group("method", "pruner")


def harmless(f: Facts) -> frozenset[str]:
    """In Japanese an early refusal does not count when the last predicate asks: 枝刈りはやめて…調整して."""
    if not f.is_japanese or f.mood != "request":
        return frozenset()
    last = max((i for i, token in enumerate(f.view.tokens) if "gate:refusal" in token.labels), default=-1)
    behind = f.view.tokens[last + 1 :]
    parted = any(token.text in small_words("parting") for token in behind[:-1])
    return frozenset({"refusal"}) if parted else frozenset()


def _english_mood(f: Facts) -> Mood:
    spans = [
        (span, mood)
        for span, mood in f.spans
        if not (mood == "report" and _only_wish(f, span)) and not (mood == "negated" and _only_names(f, span))
    ]
    last_request = max((k for k, (span, mood) in enumerate(spans) if mood == "request" and _acts(f, span)), default=-1)
    content = [mood for k, (span, mood) in enumerate(spans) if _holds_content(f, span) and k >= last_request]
    every = [mood for _, mood in spans]
    if "report" in content or "question" in content:
        return "report"
    if "request" in every:
        return "request" if "negated" not in content or "request" in content else "negated"
    if "negated" in content or "report" in every or "question" in every:
        return "report"
    named = "=" in f.low and (f.references.dataset or f.references.model)
    return "fragment" if content or named else "none"


def _only_wish(f: Facts, span: tuple[int, int]) -> bool:
    """True for a reason given first: "My boss wants better answers, ..."."""
    return not any(
        (i in f.settings.used and f.view.tokens[i].kind != "dur")
        or f.view.tokens[i].labels & {"verb:tune", "verb:train", "verb:search"}
        for i in range(*span)
    )


def _only_names(f: Facts, span: tuple[int, int]) -> bool:
    """True for "no warmup", "I don't want dropout": a knob is left out, nothing is refused."""
    return not any(
        f.view.tokens[i].labels & {"verb:tune", "verb:train", "verb:run", "verb:search", "verb:try"}
        for i in range(*span)
    )


def _acts(f: Facts, span: tuple[int, int]) -> bool:
    return any(
        f.view.text(i).lower() in small_words("runs_it")
        or f.view.tokens[i].labels
        & {"verb:tune", "verb:train", "verb:run", "verb:search", "verb:try", "verb:set", "verb:find"}
        for i in range(*span)
    )


def _holds_content(f: Facts, span: tuple[int, int]) -> bool:
    return any(
        (i in f.settings.used and f.view.tokens[i].kind != "dur")
        or f.view.tokens[i].labels & {"verb:tune", "verb:better", "verb:search", "verb:train"}
        for i in range(*span)
    )
