"""The sample data that ships with Onsa, asked for in words: alone, or inside a wish to tune."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator
from functools import cache

from bot.desk import data, tuning
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.phrases import LANGUAGES, say
from bot.replies import Reply
from tuner.store.records import DataSet

_OWN = frozenset({"sample", "sample data", "サンプル", "サンプルデータ"})
"""A team's file of such a name, without its ending, is meant instead."""


async def asked(turn: Turn, command: Command) -> AsyncIterator[Reply] | None:
    """Promises the replies to words that ask for the sample data, alone or for a new plan; None for all others."""
    if not turn.services.samples:
        return None
    plain = _plain(turn.utterance.text)
    if _whole().fullmatch(plain):
        return _offered(turn)
    is_named = command.intent == "tune" and command.dataset is None and _in_wish().search(plain) is not None
    return _tuned(turn, command) if is_named else None


async def _tuned(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    yield data.report_card(turn, await _taken(turn), goes_on=True)
    async for reply in tuning.tune(turn, command):
        yield reply


async def _offered(turn: Turn) -> AsyncIterator[Reply]:
    """The report card, and the plan that waited for data, else one with the usual settings."""
    dataset = await _taken(turn)
    goes_on = await tuning.waits_for(turn, dataset)
    yield data.report_card(turn, dataset, goes_on=True)
    replies = tuning.with_data(turn, dataset) if goes_on else tuning.tune(turn, Command(intent="tune", space={}))
    async for reply in replies:
        yield reply


async def _taken(turn: Turn) -> DataSet:
    for known in await turn.store.datasets(turn.team):
        if known.name.rpartition(".")[0].casefold() in _OWN:
            return await data.choose(turn, known.name) or known
    return await data.take_sample(turn)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("’", "'").casefold().split()).rstrip(".!?。")


@cache
def _whole() -> re.Pattern[str]:
    return re.compile("|".join(_lines("sample_whole")))


@cache
def _in_wish() -> re.Pattern[str]:
    return re.compile("|".join(_lines("sample_in_wish")))


def _lines(key: str) -> list[str]:
    """The patterns of both languages."""
    return [
        line.replace("<sample>", f"(?:{say('replies.data.sample_words', language)})")
        for language in LANGUAGES
        for line in say(f"replies.data.{key}", language).splitlines()
    ]
