"""The message inside a chat request: what stands in quotation marks, or what follows "ask the model"."""

from __future__ import annotations

import re

_QUOTED = (re.compile(r"「(.{1,4000})」", re.DOTALL), re.compile(r"『(.{1,4000})』", re.DOTALL),
           re.compile(r"\"([^\"]{1,4000})\"", re.DOTALL), re.compile(r"(?:^|[\s:,])'(.{2,4000})'(?![a-z])", re.DOTALL))
_TARGET = (r"(?:(?:the |this |that |my |our )?(?:best |latest |last |tuned |new |winning |current |base )*"
           r"(?:model|bot|one|checkpoint|adapter|winner|chatbot|assistant|it|trial|job|run|version)\b"
           r"(?: (?:from |of |in )?(?:the )?(?:last |best )?(?:job|trial|run)?\s?#?\d*)?|it|(?:trial|job) ?#?\d+(?:'s)?(?: (?:best )?model)?|#\d+|him|her|them)")
_ASK = re.compile(
    rf"\b(?:ask|tell|query|prompt)\s+{_TARGET}\s*(?:[:,]\s*|\s+)(?:(?:this|the following|a question|something)\s*[:,]\s*|about\s+(?=\S)|)(.+)$",
    re.IGNORECASE | re.DOTALL)
_SAY = re.compile(rf"\b(?:say|send|put|type|give)\s+(.+?)\s+to\s+{_TARGET}\s*[.!]?$", re.IGNORECASE | re.DOTALL)
_COLON = re.compile(r"[:：]\s*(\S.*)$", re.DOTALL)
_JAPANESE = re.compile(r"(?:モデル|ボット|やつ|試行\d*|ジョブ\d*|#\d+|チェックポイント|アダプター?|それ|最良|ベスト)に[、,]?\s*(.+?)(?:って|と|を)?"
                       r"(?:聞いて|きいて|訊いて|尋ねて|質問して|言って|話しかけて|聞きたい|聞いてみ|投げて|送って)", re.DOTALL)


def message_for_model(text: str, is_japanese: bool) -> str | None:
    """The words meant for the model, or None when there are none. Only called for chat requests."""
    for pattern in _QUOTED:
        match = pattern.search(text)
        if match:
            return match[1].strip()
    if is_japanese:
        found = _JAPANESE.search(text)
        if found:
            return found[1].strip("、, ") or None
        after = _COLON.search(text)
        return after[1].strip() if after else None
    asked = _ASK.search(text) or _SAY.search(text)
    if asked:
        message = asked[1].strip()
        return message if len(message.split()) > 1 or len(message) > 3 else None
    after = _COLON.search(text)
    return after[1].strip() if after else None
