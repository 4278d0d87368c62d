"""What a Japanese sentence only tells, only asks to see, or asks to have told."""

from __future__ import annotations

from bot.language.clauses.facts import Facts
from bot.language.tokens.view import View
from bot.language.vocabulary.small_words import small_words

_SMALL = frozenset({"common:words", "say:words", "op:or", "op:and", "form:stem", "verb:better", "form:phrase"})
_TERM_GROUPS = ("knob:", "word:", "method:")
_DONE = ("verb:tune", "verb:search", "verb:train", "verb:run")
_SEEN = ("verb:history", "verb:status", "verb:queue", "verb:best", "verb:export", "artifact:words")


def only_asks_to_see(f: Facts) -> bool:
    """True when the last order is to show or to hand over: 今までにやった学習を見せて, 学習したモデルをください."""
    if not f.values and f.settings.trials is None and f.any("verb:show", "verb:explain") and _orders_no_work(f):
        return True  # ベイズ最適化をやさしく教えて
    if f.values or f.group("method", "pruner"):
        return False
    if f.any("verb:data") and f.any("object:data") and not f.any(*_DONE):
        return True  # 質問を100件まとめたのでお渡しします
    if _hands_over(f) or _orders_no_work(f):
        return True
    if f.settings.trials is not None:
        return False
    if not f.any(*_SEEN) and not (f.any("object:model", "object:result") and "past" in f.forms):
        return False
    for token in reversed(f.view.tokens):
        if token.labels & {"form:te", "form:want", "form:plain"} or "verb:show" in token.labels:
            return "verb:show" in token.labels and not token.labels & {"verb:tune", "verb:train", "verb:try"}
    return False


_WORK = frozenset(f"verb:{name}" for name in ("tune", "train", "search", "run", "better", "find", "redo", "set", "try"))
_OTHER = frozenset(
    f"verb:{name}"
    for name in ("show", "explain", "compare", "chat", "stop", "pause", "resume", "export", "status", "queue", "speak")
)
_ORDERS = frozenset({"form:te", "form:want", "form:vol"})


def _orders_no_work(f: Facts) -> bool:
    """True when all that is ordered is something else than tuning: 学習の進捗についてご報告いただけますか."""
    if f.any("become:words") or (f.settings.time_s is not None and f.any("verb:stop")):
        return False  # 今夜中に調整終わらせて
    ordered = [token.labels for token in f.view.tokens if token.labels & _ORDERS and token.labels & (_WORK | _OTHER)]
    return bool(ordered) and not any(labels & _WORK for labels in ordered)


def _hands_over(f: Facts) -> bool:
    """True when the last order is to take data in: このエクセルを学習用データに加えて."""
    for token in reversed(f.view.tokens):
        if token.labels & {"form:te", "form:want"}:
            return "verb:data" in token.labels and "verb:set" not in token.labels and f.any("object:data")
    return False


def tells_of_term(f: Facts) -> bool:
    """True for a term and 教えて with nothing between: 勾配クリッピングを教えて, ベイズ最適化について教えて."""
    view = f.view
    for i in range(view.size):
        if not (view.has(i, "verb:show") and view.text(i).startswith(("教え", "おしえ"))):
            continue
        k = i - 1
        while k > 0 and (view.tokens[k].kind == "kana" or _is_small(view, k) or view.has(k, "ask:term")):
            k -= 1
        if k >= 0 and any(x.startswith(_TERM_GROUPS) for x in view.tokens[k].labels):
            return not f.any("verb:status", "verb:best", "object:result", "ask:why")
    return False


def _is_small(view: View, i: int) -> bool:
    """True for padding, particles and adverbs: やさしく, 簡単に."""
    return view.text(i) in small_words("told_about") or (view.labels(i) <= _SMALL and not view.number(i))


def only_tells(f: Facts) -> bool:
    """True for a Japanese sentence that tells something and asks nothing: 今日は最高の一日だった."""
    return f.mood in ("report", "plan", "negated", "refusal") and not f.asks and not f.any("verb:show", "ask:wh")


def tells_of_people(f: Facts) -> bool:
    """True for a Japanese sentence about somebody else that asks nothing."""
    return f.mood in ("report", "plan") and "people" in f.gates and not f.asks


def compares_last(f: Facts) -> bool:
    """True when comparing is what is asked for last: 同じ質問への答えを左右に並べて."""
    last = next((t.labels for t in reversed(f.view.tokens) if t.labels & {"verb:chat", "verb:compare"}), frozenset())
    return "verb:compare" in last and "verb:chat" not in last


def says_who(f: Facts) -> bool:
    """True for 誰でも学習を始められるように: who may start, not a start."""
    return any("verb:settings" in t.labels and t.text.startswith(("誰", "だれ")) for t in f.view.tokens)


def judges_answer(f: Facts) -> bool:
    """True when the words that rate name an answer: さっきの回答, 今の返し."""
    return any("verb:rate" in t.labels and any(x in t.text for x in small_words("answers")) for t in f.view.tokens)


def names_way_of(f: Facts, label: str) -> bool:
    """True when a verb only says of what a way, a time or a case is: ダウンロードする方法は…"""
    view = f.view
    return any(
        view.has(i, label) and view.has(i, "form:plain") and view.text(i + 1).startswith(small_words("ways"))
        for i in range(view.size)
    )


def takes_in_nothing_of_ours(f: Facts) -> bool:
    """True for 書類を登録してください: something is to be entered, and no data is named."""
    named = f.references.dataset is not None or f.any("object:data", "data_word:words", "verb:train")
    return not named and not any({"verb:data", "form:phrase"} <= token.labels for token in f.view.tokens)


def rates_no_answer_of_ours(f: Facts) -> bool:
    """True for 彼の返事が遅い and アンケートの回答をお願いします."""
    view = f.view
    for i, token in enumerate(view.tokens):
        behind = view.has(i + 1, "verb:rate") or (view.text(i + 1) == "の" and view.has(i + 2, "verb:rate"))
        if "gate:people" in token.labels and behind:
            return True
    rated = [token.text for token in view.tokens if "verb:rate" in token.labels]
    return bool(rated) and all(text in ("の回答", "の返答") for text in rated) and not f.any("verb:judge_words")


def stops_nothing_of_ours(f: Facts) -> bool:
    """True for 通知を切って and モデルを手元に落として."""
    if f.references.job is not None and not f.any("verb:export"):
        return False
    model = f.any("object:model", "artifact:words", "ref:best_trial")
    return f.any("verb:settings") or (f.any("verb:export") and model)


def names_best_artifact(f: Facts) -> bool:
    """True for 一番いいアダプター, which is one word of the vocabulary."""
    return any("ref:best_trial" in t.labels and t.text.endswith(small_words("artifacts")) for t in f.view.tokens)
