"""Takes wishes about the plan that no command holds out of what was said: "…, no general chat". Spends nothing."""

from __future__ import annotations

from dataclasses import replace

from bot.desk import drafts
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.language.dialogue.followups import Change, parse_followup
from bot.language.options import read_options
from bot.language.parser import parse

_ABOUT_OTHER_THINGS = frozenset({"chat", "compare", "rate", "explain_result", "explain_term", "help", "status"})


async def heard(turn: Turn) -> Turn:
    """Promises the turn with its options noted and its words without them, where the rest asks for a plan or changes
    one (or nothing is left, and a plan waits); else the turn as it is."""
    utterance = turn.utterance
    options, rest = read_options(utterance.text)
    if utterance.command is not None or options.is_empty or parse(utterance.text).intent in _ABOUT_OTHER_THINGS:
        return turn
    pending = await drafts.load(turn, turn.state.get("draft"))
    if rest:
        is_ours = parse(rest).intent == "tune" or (
            (pending is not None or bool(turn.state.get("job"))) and parse_followup(rest) is not None
        )
    else:
        is_ours = pending is not None
    return replace(turn, utterance=replace(utterance, text=rest), options=options) if is_ours else turn


def only(turn: Turn) -> Change | None:
    """Promises the change of the waiting plan, where nothing but options was said."""
    if turn.options.is_empty or turn.utterance.text or turn.utterance.attachments:
        return None
    return Change(adds=Command(intent="tune", space={}))
