"""Whose matter a sentence is: this product's, daily life's, or between other people."""

from __future__ import annotations

from bot.language.clauses.facts import Facts
from bot.language.vocabulary.small_words import small_words

_OURS = frozenset(
    {
        "object:model",
        "object:training",
        "object:result",
        "object:answer",
        "object:data",
        "ref:job",
        "ref:trial",
        "ref:best_trial",
        "verb:better",
        "word:lora",
        "ref:last",
        "ref:last_job",
    }
)


def is_about_days(f: Facts) -> bool:
    """True for a schedule of days and hours: スケジュールの調整、3日から5日の間で."""
    day = 86_400
    return any(
        token.kind == "clock" or (token.kind == "dur" and ((token.value or 0) >= day or is_span(f, i)))
        for i, token in enumerate(f.view.tokens)
    )


def is_span(f: Facts, i: int) -> bool:
    """True where one length of time leads to another: 1時間から2時間."""
    return f.view.has(i + 1, "op:to") and i + 2 < f.view.size and f.view.tokens[i + 2].kind == "dur"


def is_daily(f: Facts) -> bool:
    """True when the only thing to adjust is a word of every day: スケジュールを調整して, "adjust my schedule"."""
    named = [t for t in f.view.tokens if any(x.startswith("knob:") for x in t.labels)]
    if not named or any("daily_knob:words" not in t.labels for t in named) or f.settings.unknown_knobs:
        return False
    if f.settings.trials is not None or f.group("method", "pruner", "schedule", "module") or f.any("word:lora"):
        return False
    return f.is_japanese or not any("verb:tune" in t.labels and "tun" in t.text.lower() for t in f.view.tokens)


def names_bot(f: Facts) -> bool:
    """True when a chatbot is named by a word that means little else."""
    return any(token.text.lower().split(" ")[-1] in small_words("our_things") for token in f.view.tokens)


def trains_model(f: Facts) -> bool:
    """True for "train on faq.csv" and "train the parking bot on it", not for "train the new staff on it"."""
    view = f.view
    for i in range(view.size):
        if not view.has(i, "verb:train"):
            continue
        if view.text(i).lower().split(" ")[-1] in ("it", "bot", "model"):
            return True
        k = i + 1
        while view.has(k, "noun_before:words", "say:words") and k < i + 4:
            k += 1
        strangers = k < view.size and view.tokens[k].kind == "word" and k not in f.references.used
        if f.is_japanese or not strangers or view.has(k + 1, "object:model"):
            return True
    return False


def is_ours(f: Facts) -> bool:
    """True when what is to be tuned is a model or its settings: not 予算を調整, "tune the engine"."""
    view = f.view
    for i in range(view.size):
        if f.is_japanese and view.has(i, "verb:tune") and view.text(i - 1) in ("を", "の") and i > 1:
            ours = any(x in _OURS or x.startswith(("knob:", "metric:", "method:")) for x in view.tokens[i - 2].labels)
            named = i - 2 in f.references.used or view.tokens[i - 2].kind == "file"
            return ours or named or view.tokens[i - 2].text in small_words("nominal")
        if not f.is_japanese and view.has(i, "verb:tune") and view.has(i + 1, "noun_before:words"):
            thing = view.tokens[i + 2].labels if i + 2 < view.size else frozenset()
            if thing & {"unit:total", "object:topic"} and not any(
                view.has(k, "object:model") for k in range(i + 3, i + 5)
            ):
                return False
    return True


def is_foreign_matter(f: Facts) -> bool:
    """True when what is adjusted or learnt is named and is nothing of ours: 予算の調整, 日程を調整."""
    view = f.view
    return f.is_japanese and any(
        view.has(i, "verb:tune", "verb:train")
        and view.text(i - 1) in ("を", "の")
        and i > 1
        and (view.tokens[i - 2].kind in ("word", "jword") or view.has(i - 2, "unit:total"))
        and i - 2 not in f.references.used
        for i in range(view.size)
    )


def somebody(f: Facts) -> bool:
    """True when a person is the subject or is spoken to: 田中さん、… 部長が… ゆきさんのジョブは…"""
    view = f.view
    for i, token in enumerate(view.tokens):
        if "gate:people" not in token.labels:
            continue
        if view.text(i + 1) == "の":
            subject = view.has(i + 2, "ref:job", "object:training", "object:model") and view.text(i + 3) in (
                "は",
                "が",
                "も",
            )
            theirs = view.text(i + 2) in small_words("their_work") and view.text(i + 3) in small_words("after_person")
            if subject or theirs or view.has(i + 2, "verb:train", "verb:tune"):
                return True
        elif view.text(i + 1) in small_words("after_person") or i + 1 == view.size:
            return True
        elif token.text.endswith("の") and view.text(i + 2) in small_words("after_person"):
            return True  # 隣の研究室は
        elif view.has(i + 1, "gate:report") or view.has(i + 1, "verb:train"):
            return True  # boss said
    return False


def is_quoted(f: Facts) -> bool:
    """True when a clause ends in a verb of saying: "My boss emailed. Please tune ...", "tune lr, it said"."""
    return any(
        mood == "report"
        and (end - start >= 2 or " " in f.view.text(start))
        and f.view.text(end - 1).lower().split(" ")[-1] in small_words("saying")
        for (start, end), mood in f.spans
    )
