"""`onsa backup` and `onsa restore`: a home as one file, and back into an empty one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bot.console.screen import open_screen
from bot.phrases import Language, problem_sentences, say
from bot.replies import Text
from bot.settings import BotSettings
from tuner.problems import ProblemError
from tuner.store import Store, StoreUnavailable
from tuner.store.backup import forget, settle, unpack, write_backup


async def backup(settings: BotSettings, file: Path) -> int:
    """Writes the whole home to one file. Promises 0, or 1 when that could not be done, with the reason."""
    language: Language = settings.language or "en"
    try:
        made = await asyncio.to_thread(write_backup, _home(settings), file, time.time())
    except ProblemError as error:
        return await _refused(error, language)
    facts = {"file": str(file), "files": made.files, "bytes": made.bytes, "missing": list(made.missing)[:5]}
    await open_screen(as_json=False).show(Text(text=say("console.backed_up", language, facts)))
    return 0


async def restore(settings: BotSettings, file: Path) -> int:
    """Brings a backup into an empty home, of an older version too. Promises 0, or 1 and an empty home."""
    language: Language = settings.language or "en"
    home = _home(settings)
    try:
        unpacked = await asyncio.to_thread(unpack, file, home)
    except ProblemError as error:
        return await _refused(error, language)
    try:
        async with await Store.open(unpacked):
            pass  # an older one is brought to this version's shape before it counts
        made = await asyncio.to_thread(settle, unpacked)
    except StoreUnavailable as error:
        await asyncio.to_thread(forget, unpacked)
        return await _refused(ProblemError([error.problem]), language)
    facts = {"file": str(file), "home": str(home), "files": made.files, "bytes": made.bytes}
    await open_screen(as_json=False).show(Text(text=say("console.restored", language, facts)))
    return 0


def _home(settings: BotSettings) -> Path:
    return settings.home.expanduser().resolve()


async def _refused(error: ProblemError, language: Language) -> int:
    await open_screen(as_json=False).show(Text(text="\n".join(problem_sentences(error.problems, language))))
    return 1
