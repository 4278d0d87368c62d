"""Japanese, read from its last predicate: a request, a report, a plan, a refusal?"""

from __future__ import annotations

from bot.language.clauses.moods import Mood
from bot.language.tokens.view import View
from bot.language.vocabulary.small_words import small_words

_STATES = frozenset({"verb:status", "verb:queue"})


def japanese_mood(view: View) -> Mood:
    """The mood of the last predicate that is not subordinate; "fragment" when there is none."""
    i = view.size - 1
    asks = False
    while i >= 0:
        token = view.tokens[i]
        asking = "ask:yesno" in token.labels or token.text in ("か", "かな", "の", "のか")
        if token.text == "?" or (asking and _ends(view, i)):
            asks = True
        else:
            mood = _japanese_token_mood(view, i, asks)
            if mood is not None and not (mood == "report" and _is_subordinate(view, i)):
                return mood
        i -= 1
    return "question" if asks else "fragment"


def _ends(view: View, i: int) -> bool:
    return all(view.tokens[k].kind == "sym" or view.text(k) in ("...", "..") for k in range(i + 1, view.size))


def _is_subordinate(view: View, i: int) -> bool:
    """True when the predicate at i only gives a reason or a contrast: 発散したので、… 失敗したけど、…"""
    text = ""
    for k in range(i + 1, min(i + 4, view.size)):
        text += view.tokens[k].text
    if not any(view.tokens[k].kind != "sym" for k in range(i + 1, view.size)):
        return False
    joined = view.tokens[i].text
    return text.startswith(small_words("subordinate")) or joined.endswith(small_words("reason_ends"))


def _japanese_token_mood(view: View, i: int, asks: bool) -> Mood | None:
    token = view.tokens[i]
    labels = token.labels
    if "benign:words" in labels:
        return None
    if "become:words" in labels and token.text.endswith(small_words("wish_ends")):
        return "request"  # 回答を短くして
    if token.text == "た" and _ends_in_past(view, i):
        return "question" if asks else "report"
    if "become:words" in labels and token.text.endswith(small_words("wishing")):
        return "request"
    if token.text in small_words("hearsay") and view.has(i - 1, "form:plain", "form:past"):
        return "question" if asks else "report"  # 学習率1e-4で回すみたい
    if "mistake:words" in labels:
        return None  # ジョブ12止めて、データ間違えた: a reason
    if "ask:why" in labels and token.text.endswith("た") and _ends_telling(view, i + 1):
        return "question" if asks else "report"  # 1e-3だと発散したよ
    if "gate:refusal" in labels:
        return "refusal"
    if labels & {"gate:future", "gate:musing"} and not is_deadline(view, i):
        return "plan"
    if "verb:settings" in labels and "form:phrase" in labels:
        return "question" if asks else "request"
    if "gate:report" in labels and "want:request" not in labels:
        return "question" if asks else "report"
    if "gate:negation" in labels:
        return "question" if asks else "negated"
    forms = {label[5:] for label in labels if label.startswith("form:")}
    if token.text.isascii():
        forms -= {"past", "s", "ing"}  # 0.01 fixed、GPで: an English word is no predicate here
    if forms - {"phrase"} and any(x.startswith("verb:") for x in labels):
        return _form_mood(view, i, forms, asks)
    if "want:request" in labels and view.has(i - 1, "form:not"):
        return "refusal" if view.text(i - 1).endswith(small_words("negative_requests")) else "request"
    if "want:request" in labels:
        return "question" if asks and token.text.startswith(("で", "が")) else "request"  # 1e-3で大丈夫？
    return None


def _ends_in_past(view: View, i: int) -> bool:
    """True for the た of a verb that nobody here knows, where it ends what is told: OOMさせたのは自分です."""
    before = view.tokens[i - 1] if i else None
    if before is None or before.end != view.tokens[i].start or not _is_kana(before.text[-1]):
        return False
    after = view.text(i + 1)
    return i + 1 >= view.size or view.tokens[i + 1].kind == "sym" or after.startswith(small_words("after_past"))


def is_deadline(view: View, i: int) -> bool:
    """True for 明日のデモまでに: until then, not only then."""
    for k in range(i + 1, min(i + 5, view.size)):
        if view.tokens[k].kind == "sym":
            return False
        if view.text(k).endswith(small_words("by_then")):
            return True
    return False


def _ends_telling(view: View, k: int) -> bool:
    """True when nothing but a particle that tells follows: よ, ね, わ, けど."""
    k += view.text(k) in small_words("after_past")
    return k >= view.size or view.tokens[k].kind == "sym"


def _describes(view: View, i: int) -> bool:
    """True when the verb only says something about what follows: 回す案, 回すのが普通, 回すように言われた."""
    k = i + 1
    if k >= view.size or view.tokens[k].kind == "sym":
        return False
    after = view.text(k)
    if after.startswith("ように"):
        return k + 1 < view.size and not view.has(k + 1, "want:request", "verb:set", "verb:tune", "become:words")
    if after.startswith(small_words("after_order")) or any(view.number(n) for n in range(k, view.size)):
        return False
    if after == "の":
        return k + 1 < view.size and view.text(k + 1) in ("が", "は", "も", "に", "を")
    return view.tokens[k].kind == "jword" or view.has(k, "say:words", "object:topic", "unit:total", "object:result")


def _goes_on(view: View, i: int) -> bool:
    """True when a wish is only about something (回したい人), or unknown endings follow the verb (回して|あげました)."""
    text, after = view.text(i), view.text(i + 1)
    if text.endswith(small_words("helping")):
        return after.startswith(small_words("after_wish")) and not after.startswith("方向")
    k = i + 1
    while k < view.size and view.tokens[k].start == view.tokens[k - 1].end and view.tokens[k].kind == "kana":
        k += 1
    return k - i > 2 and not view.has(k, "want:request")


def _is_kana(c: str) -> bool:
    return "ぁ" <= c <= "ゖ"


def _ends_elided(view: View, i: int) -> bool:
    """True for a noun of doing that ends the sentence, its verb left out: 調整で。, 再開を、お願い."""
    after = view.text(i + 1)
    if i == view.size - 1 or view.tokens[i + 1].kind == "sym" or after in ("で", "、", "。", "!"):
        return True
    rest = view.tokens[i + 2 : i + 4]
    return after == "を" and all(t.kind == "sym" or t.labels & {"want:request", "op:and", "say:words"} for t in rest)


def _form_mood(view: View, i: int, forms: set[str], asks: bool) -> Mood | None:
    after = view.text(i + 1)
    if forms & {"te", "want", "vol"}:
        allowed = after == "も" and view.text(i + 2).startswith(small_words("permitting"))
        if _goes_on(view, i):
            return "plan"  # 回したい人いる？ 回して|くれてありがとう
        if after in ("から", "は", "も") and i + 2 < view.size and not allowed:
            return None
        return "request"
    if "not" in forms:
        return "question" if asks else "negated"
    if "past" in forms:
        return "question" if asks else "report"
    if "now" in forms:
        return "question" if asks else "report"
    if "musing" in forms or "cond" in forms:
        return "plan"
    if "may" in forms:
        if view.text(i).endswith("も") and not after.startswith(small_words("permitting")):
            return "plan"  # 調整しても無駄
        if view.text(i).endswith(("方が", "ほうが")) or (after.startswith("のか") and i + 2 < view.size):
            return "question" if asks else "plan"
        return "question" if asks else "request"
    if "can" in forms:
        asked = asks or (view.text(i).endswith("か") and not view.has(i, "verb:tune", "verb:train"))
        return "request" if asked else "plan"
    if forms & {"plain", "stem"}:
        return _plain_mood(view, i, forms, asks)
    if "noun" in forms:
        if _ends_elided(view, i):
            return "question" if asks else "request"
        return None
    return None


def _plain_mood(view: View, i: int, forms: set[str], asks: bool) -> Mood | None:
    """The mood of a verb in its plain form or its stem: 回す, 回し."""
    after = view.text(i + 1)
    if view.text(i).endswith("のは") and not any(view.number(k) for k in range(i + 1, view.size)):
        return "plan"  # 回すのは怖い
    if "plain" in forms and _describes(view, i):
        return "plan"  # 回す予算がありません
    if {x for x in view.labels(i) if x.startswith("verb:")} <= _STATES:
        return "question" if asks else "report"
    if after.startswith(small_words("explaining")) and not asks:
        return "report"
    if after in small_words("after_noun_form") or "stem" in forms:
        return None
    return "question" if asks else "request"
