"""Reads what the desk would otherwise read on first use: prompts and vocabulary. Called in a thread at start."""

from __future__ import annotations

from bot.language.dialogue.answers import Expecting, parse_answer
from bot.language.options import read_options
from bot.language.parser import parse
from bot.language.taking import read_taking
from bot.language.vocabulary.examples import examples
from bot.phrases import LANGUAGES, say


def warm_up() -> None:
    """Promises that no later turn of the desk reads a file of its own."""
    for text in ("tune lr between 1e-5 and 1e-3", "the weather is nice", "今日はいい天気です"):
        parse(text)  # what means nothing goes through every rule, whole frames of sentences among them
    read_options("no general chat")
    read_taking("export")
    parse_answer("yes", Expecting(kind="yes_no"))
    for language in LANGUAGES:
        say("replies.data.needed", language)
        examples(language)
