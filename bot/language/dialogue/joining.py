"""Whether a sentence that sets knobs goes on with the plan before it, or asks for a new one."""

from __future__ import annotations

import re
from functools import cache

from bot.language.commands import Command
from bot.language.dialogue.answers import answer_words
from bot.language.dialogue.followups import Change
from bot.language.parser import read_facts
from bot.language.tokens.characters import clean, lower


def is_new(text: str, command: Command, change: Change, *, pending: bool) -> bool:
    """True when `text` asks for a plan of its own although it could be read as a change.

    While a plan waits, a sentence that names tuning and its settings or data is a new one unless a word joins it to the
    plan; when none waits, only such a word (or "same again", "without …", "longer") starts from the last job's plan.
    A wish for a numbered job is about that job.
    """
    if command.intent != "tune":
        return command.intent != "unknown" and isinstance(command.job, int)
    if change.again or change.removes or change.budget_factor is not None or _joins(text):
        return False
    if not pending:
        return True
    facts, _ = read_facts(text)
    return facts.any("verb:tune", "verb:train", "verb:better") and bool(command.space or command.dataset)


def _joins(text: str) -> bool:
    return _pattern().search(lower(clean(text))[:300]) is not None


@cache
def _pattern() -> re.Pattern[str]:
    words = sorted(answer_words()["joining"])
    parts = [rf"(?<![a-z]){re.escape(word)}(?![a-z])" if word.isascii() else re.escape(word) for word in words]
    return re.compile("|".join(parts))
