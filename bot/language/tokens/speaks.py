"""Which language a text is written in."""

from __future__ import annotations

import re

from bot.language.commands import Language

_JAPANESE = re.compile("[ぁ-ゖァ-ヺｦ-ﾟ一-鿿々]")


def language_of(text: str) -> Language:
    """ "ja" as soon as Japanese letters carry the sentence (even around English words), "en" otherwise."""
    return "ja" if _JAPANESE.search(text) else "en"
