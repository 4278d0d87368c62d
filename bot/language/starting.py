"""Whether words that ask about jobs ask when one that waits will start, and of which job.

Read from words that were understood as `queue` or `status`; it never makes a sentence one. The words stand in
prompts/<language>/vocabulary/starting.toml. Pure.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache

from bot.language.tokens.characters import clean, lower
from bot.language.vocabulary.lexicon import FOLDER, LANGUAGES

LONGEST = 200
"""Characters that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAsked:
    """A question when a job will start."""

    job: int | None
    """The number that was said; None: the one that waits here."""
    own: bool
    """Whoever asks means the next job of their own ("when is it my turn?"), not the one spoken of last."""


def start_asked(text: str) -> StartAsked | None:
    """Promises the question when a job starts; None where the words ask for something else. Never raises."""
    low = lower(clean(text))[:LONGEST].replace("’", "'")
    if _found("not").search(low) or not _found("asks").search(low):
        return None
    named = _found("job").search(low)
    job = int(next(filter(None, named.groups()))) if named else None
    return StartAsked(job=job, own=bool(_found("own").search(low)))


@cache
def _found(name: str) -> re.Pattern[str]:
    lines = (line for language in LANGUAGES for line in _table(language)[name].splitlines() if line)
    return re.compile("|".join(f"(?:{line})" for line in lines))


@cache
def _table(language: str) -> dict[str, str]:
    table: dict[str, str] = tomllib.loads((FOLDER / language / "vocabulary" / "starting.toml").read_text("utf-8"))
    return table
