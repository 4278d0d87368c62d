"""Buttons: what each action does, also on old messages. An action is `verb:argument`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

from bot import explain, results
from bot.desk import costs, data, orders, plans, taking, talk, tuning, words
from bot.desk.context import Turn
from bot.desk.hearing import arrived, hear
from bot.desk.questions import Question
from bot.judging import blind
from bot.judging import door as judging
from bot.language.commands import Command
from bot.language.parser import parse
from bot.manage import door as managing
from bot.replies import Reply, Text

ABOUT_A_PLAN: Mapping[str, Callable[[Turn, str], AsyncIterator[Reply]]] = {
    "start": plans.start,
    "cancel": plans.cancel,
    "change": plans.how_to_change,
    "costs": costs.costs,
}
"""Verbs whose functions read the argument themselves."""
ABOUT_A_JOB: Mapping[str, Callable[[Turn, int], AsyncIterator[Reply]]] = {
    "stop": orders.stop,
    "pause": orders.pause,
    "chat": talk.open_with,
    "details": words.details,
    "resume": lambda turn, number: orders.resume(turn, Command(intent="resume", job=number)),
    "compare": lambda turn, number: blind.command(turn, Command(intent="compare", job=number)),
    "export": lambda turn, number: taking.export(turn, Command(intent="export", job=number)),
}
"""Verbs whose argument is a job's number."""


async def press(turn: Turn, action: str) -> AsyncIterator[Reply]:
    """A button: `verb:argument`. An action that nobody knows any more is answered kindly."""
    verb, _, argument = action.partition(":")
    replies: AsyncIterator[Reply]
    match verb:
        case verb if verb in ABOUT_A_PLAN:
            replies = ABOUT_A_PLAN[verb](turn, argument)
        case verb if verb in ABOUT_A_JOB:
            replies = ABOUT_A_JOB[verb](turn, int(argument))
        case "sample":
            replies = arrived(turn, await data.take_sample(turn))
        case "columns" if int(argument) < len(turn.state.get("columns") or ()):
            replies = arrived(turn, await data.take_with_columns(turn, turn.state["columns"][int(argument)]))
        case "answer" if "question" in turn.state:
            question = Question.from_json(turn.state["question"])
            replies = tuning.answer(turn, question, *question.offers[int(argument)])
        case "extend":
            number, trials, seconds, *before = argument.split(":")
            replies = orders.extend_now(turn, int(number), int(trials), int(seconds), *before[:1])
        case "try":
            replies = _try_next(turn, argument)
        case verb if verb in judging.VERBS:
            replies = judging.press(turn, verb, argument)
        case verb if verb in managing.VERBS:
            replies = managing.press(turn, verb, argument)
        case _:
            yield Text(text=turn.say("replies.desk.button_too_old"))
            return
    async for reply in replies:
        yield reply


async def _try_next(turn: Turn, argument: str) -> AsyncIterator[Reply]:
    """A suggestion of a report is a sentence of the command language: it is read like any other."""
    number, _, index = argument.partition(":")
    job = await turn.store.job(turn.team, int(number))
    report = await results.stored_report(turn.store, job) if job is not None else None
    suggestions = explain.explain(report, turn.language).next if report is not None else ()
    if job is None or not int(index) < len(suggestions):
        yield Text(text=turn.say("replies.desk.button_too_old"))
        return
    turn.state["job"] = job.number
    async for reply in hear(turn, parse(suggestions[int(index)].command_text)):
        yield reply
