"""The message inside a chat request: what stands in quotation marks, or what follows "ask the model"."""

from __future__ import annotations

import re

_QUOTES = (("「", "」"), ("『", "』"), ('"', '"'))
_SINGLE_QUOTED = re.compile(r"(?:^|[\s:,])'([^'\n]{2,400}(?:'[a-z][^'\n]{0,200}){0,5})'(?![a-z])")
_TARGET = (
    r"(?:(?:the |this |that |my |our )?(?:best |latest |last |tuned |new |winning |current |base )*"
    r"(?:model|bot|one|checkpoint|adapter|winner|chatbot|assistant|it|trial|job|run|version)\b"
    r"(?: (?:from |of |in )?(?:the )?(?:last |best )?(?:job|trial|run)?\s?#?\d*)?"
    r"|it|(?:trial|job) ?#?\d+(?:'s)?(?: (?:best )?model)?|#\d+|him|her|them)"
)
_ASK = re.compile(
    rf"\b(?:ask|tell|query|prompt)\s+{_TARGET}\s*(?:[:,]\s*|\s+)"
    r"(?:(?:this|the following|a question|something)\s*[:,]\s*|about\s+(?=\S)|)(.+)$",
    re.IGNORECASE | re.DOTALL,
)
_SAY = re.compile(rf"\b(?:say|send|put|type|give)\s+(.+?)\s+to\s+{_TARGET}\s*[.!]?$", re.IGNORECASE | re.DOTALL)
_LAZY = 600  # characters that a pattern may search for its end
_COLON = re.compile(r"[:：]\s*(\S.*)$", re.DOTALL)
_JAPANESE = re.compile(
    r"(?:モデル|ボット|やつ|試行\d*|ジョブ\d*|#\d+|チェックポイント|アダプター?|それ|最良|ベスト)に[、,]?\s*(.+?)(?:って|と|を)?"
    r"(?:聞いて|きいて|訊いて|尋ねて|質問して|言って|話しかけて|聞きたい|聞いてみ|投げて|送って)",
    re.DOTALL,
)


def message_for_model(text: str, is_japanese: bool) -> str | None:
    """The words meant for the model, or None when there are none. Only called for chat requests."""
    for opening, closing in _QUOTES:
        start, end = text.find(opening), text.rfind(closing)
        if 0 <= start < end - 1:
            return text[start + 1 : end].strip()
    single = _SINGLE_QUOTED.search(text[:_LAZY])
    if single:
        return single[1].strip()
    if is_japanese:
        found = _JAPANESE.search(text[:_LAZY])
        if found:
            return found[1].strip("、, ") or None
        after = _COLON.search(text)
        return after[1].strip() if after else None
    asked = _ASK.search(text) or _SAY.search(text[:_LAZY])
    if asked:
        message = asked[1].strip()
        return message if len(message.split()) > 1 or len(message) > 3 else None
    after = _COLON.search(text)
    return after[1].strip() if after else None
