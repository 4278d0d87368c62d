"""Rules for what people want done besides tuning: settings, more trials, chat, ratings, files."""

from __future__ import annotations

from bot.language.clauses.facts import Facts
from bot.language.clauses.telling import (
    compares_last,
    judges_answer,
    names_best_artifact,
    names_way_of,
    rates_no_answer_of_ours,
    says_who,
    takes_in_nothing_of_ours,
)
from bot.language.intents.orders import names_target
from bot.language.intents.questions import asks_no_why, has_content, names_job_or_trial
from bot.language.vocabulary.small_words import small_words

_UNASKED = ("negated", "plan")


def is_settings(f: Facts) -> bool:
    """True for a wish about the bot itself: its language, its notifications, who may start."""
    if has_content(f) or f.strange > _allowed(f) or f.references.job is not None:
        return False
    if f.gates & {"refusal", "talk", "people"}:
        return False
    if f.low.strip(" .!?。、…") in small_words("settings_alone"):
        return True
    if f.any("tongue:en", "tongue:ja"):
        if f.any("verb:run", "verb:tune", "verb:train") and f.is_japanese and not f.any("verb:set"):
            return False
        small = f.view.size <= 4 and not f.any("subject:words")
        return (
            (f.any("verb:speak", "verb:settings") or small or _only_wants(f))
            and not f.any("ask:what", "ask:why", "ask:wh")
            and not _first_person(f)
            and (not f.any("object:model", "ref:best_trial") or not f.any("verb:chat"))
        )
    return (
        f.any("verb:settings")
        and f.mood != "report"
        and (says_who(f) or not f.any("verb:tune", "verb:better", "verb:train", "verb:best"))
        and not f.any("ref:best_trial", "super:words")
    )


def _allowed(f: Facts) -> int:
    """How many unknown words a wish about the bot may have."""
    return 1 if f.is_japanese and f.any("verb:settings") and not f.everyday else 0


def _only_wants(f: Facts) -> bool:
    """True for a wish with a language in it and no model or data: "English please"."""
    return f.any("want:request") and f.view.size <= 12 and not f.any("object:model", "object:data", "verb:chat")


def _first_person(f: Facts) -> bool:
    return (
        not f.is_japanese
        and f.view.text(0).lower() in ("i", "we", "my", "he", "she", "they")
        and not f.any("want:request")
    )


def is_extend(f: Facts) -> bool:
    """True for more trials or more time for a job."""
    s = f.settings
    if (
        has_content(f)
        or f.settings.space
        or f.strange > (2 if names_target(f) or f.is_japanese else 0)  # "add 20 more chairs to the room"
        or f.gates & {"refusal", "talk", "condition"}
        or f.mood in ("report", "negated", "plan")
        or f.everyday
        or ("people" in f.gates and f.references.job is None)
    ):
        return False
    if f.is_japanese and _adds_to_job(f):
        return True
    if _counts_down(f):
        return False
    if f.asks and f.any("ask:wh", "verb:status") and not f.any("want:request"):
        return False
    if f.any("object:data") and f.references.job is None and s.trials is None and s.time_s is None:
        return False  # "extend the table by 2 rows"
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


def _counts_down(f: Facts) -> bool:
    """True for "one more hour until lunch" and お昼まであと1時間: time that passes by itself."""
    if f.any("verb:extend", "verb:run", "verb:resume", "object:model", "unit:trials") or f.references.job is not None:
        return False
    view = f.view
    for i, token in enumerate(view.tokens):
        if token.kind != "dur":
            continue
        k = i + 1 if view.has(i + 1, "unit:more") else i
        after = view.text(k + 1).lower()
        arrives = after == "で" and k + 2 < view.size and not view.has(k + 2, "want:request", "say:words", "verb:stop")
        if arrives and f.is_japanese and view.has(k - 1, "unit:more"):
            return True  # あと10分で着きます
        until = after.startswith(small_words("counts_down")) and (k + 2 < view.size or " " in after)
        if until or any(view.text(n).endswith(small_words("counted_down")) for n in range(max(0, i - 3), i)):
            return True
    return False


def _adds_to_job(f: Facts) -> bool:
    """True for ジョブ4、あと50回 and あと2時間続けて."""
    amount = f.settings.time_s is not None or f.settings.trials is not None or f.settings.more_trials is not None
    known = f.references.job is not None or f.any("verb:resume")
    asks_state = f.any("verb:status") and f.asks
    return amount and known and "あと" in f.low and not f.settings.space and not asks_state


def is_chat(f: Facts) -> bool:
    """True when somebody wants to talk with a model, or has words for it."""
    if f.values or f.gates & {"refusal", "future", "people"}:
        return False
    target = (
        f.any("object:model", "ref:best_trial", "ref:last_job", "ref:last")
        or names_job_or_trial(f)
        or any(
            "verb:chat" in t.labels and t.text.lower().endswith(("model", "best", "bot", "one")) for t in f.view.tokens
        )
    )
    if f.is_japanese and not f.message and compares_last(f):
        return False
    target = target or (f.is_japanese and any(word in f.low for word in small_words("spoken_with")))
    if not f.is_japanese and f.mood in ("negated", "report") and not f.message:
        return False  # "I never asked you to stop job 4"
    if f.message and (target or f.any("object:training")):
        replies = "quote:quote" in f.labels and f.any("object:answer")  # how would it answer "any vegan cake?"
        said = "say" in f.low or "tell" in f.low or "言" in f.low
        return replies or said or f.any("verb:chat", "hands_over:words")
    in_person = f.any("in_person:words") or (not f.is_japanese and f.low.rstrip("?!. ").endswith(" out"))
    if f.any("verb:try", "test_drive:words") and in_person and f.strange == 0:
        return target or f.any("object:training")  # "I'd like to try the new bot myself"
    if not f.any("verb:chat"):
        return False
    gates = f.gates - {"musing"}
    if f.is_japanese and not target and f.low.rstrip("。.!?~ー、 ").endswith(small_words("someones")):
        return False  # お客様の質問
    return (
        target
        or (f.any("object:training") and f.view.size <= 7 and not gates and not f.everyday)
        or (f.strange == 0 and f.view.size <= 3 and not gates)
    )


def is_rate(f: Facts) -> bool:
    """True for a verdict on an answer."""
    if f.any("verb:better") and (f.mood == "request" or (f.is_japanese and f.any("become:words"))):
        return False
    if f.is_japanese and f.mood == "request" and f.any("verb:tune", "verb:train", "change:words", "verb:compare"):
        return False
    asks = f.asks and not (f.is_japanese and f.low.rstrip("。.!~ー、 ").endswith(small_words("musing_ends")))
    if f.values or asks or f.references.job is not None or f.gates & {"talk"} or not asks_no_why(f):
        return False
    if f.any("verb:stop", "verb:pause", "verb:resume") and not f.any("verb:judge_words"):
        return False  # 今のやつキャンセルで
    if f.is_japanese and rates_no_answer_of_ours(f):
        return False
    judged = f.any("verb:judge_words") and f.any("object:answer") and f.mood != "request"
    known = f.any("object:answer") or (f.is_japanese and judges_answer(f))
    return (f.any("verb:rate") or judged) and f.strange <= ((2 if f.is_japanese else 1) if known else 0)


def is_export(f: Facts) -> bool:
    """True when the adapter or its weights shall be handed over."""
    wanted = (
        (f.any("artifact:words") or (f.is_japanese and names_best_artifact(f)))
        and f.any("verb:show", "want:request", "verb:set")
        and not f.any("verb:chat", "verb:compare", "verb:tune", "ask:what", "ask:why", "verb:best")
        and (not f.any("verb:train") or "past" in f.forms)
    )
    if not (f.any("verb:export") or wanted) or f.values or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.mood in ("report", "negated", "plan"):
        return False
    if f.is_japanese and names_way_of(f, "verb:export"):
        return False
    return ((names_target(f) or f.any("object:result")) and f.strange <= 2) or f.strange == 0


def is_data(f: Facts) -> bool:
    """True when data is handed over or asked about; no span of time is: "add two hours to my timesheet"."""
    if f.values or f.settings.time_s is not None or f.mood in _UNASKED or f.gates & {"refusal", "talk", "people"}:
        return False
    if f.any("verb:queue") and f.references.dataset is None and not f.any("object:data"):
        return False
    if f.any("verb:data"):
        return f.strange <= (0 if f.is_japanese and takes_in_nothing_of_ours(f) else 1)
    if f.any("object:data") and f.low.startswith(("here's", "here is", "here are", "heres", "this is")):
        return f.strange <= 1
    if f.any("data_word:words") and not names_job_or_trial(f) and (f.any("verb:show") or f.asks):
        return f.strange <= 1
    return (
        f.references.dataset is not None
        and f.strange <= 2
        and (
            f.any("verb:show", "ask:wh", "ask:what", "object:data", "verb:set", "ask:yesno")
            or f.view.size <= 2
            or (f.is_japanese and f.asks)
        )
    )
