"""Buttons: what each action does, also on old messages. An action is `verb:argument`."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot import explain, results
from bot.desk import costs, data, jobs, plans, taking, talk, tuning, words
from bot.desk.context import Turn
from bot.desk.hearing import arrived, hear
from bot.desk.questions import Question
from bot.judging import blind
from bot.judging import door as judging
from bot.language.commands import Command
from bot.language.parser import parse
from bot.manage import door as managing
from bot.replies import Reply, Text


async def press(turn: Turn, action: str) -> AsyncIterator[Reply]:
    """A button: `verb:argument`. An action that nobody knows any more is answered kindly."""
    verb, _, argument = action.partition(":")
    replies: AsyncIterator[Reply]
    match verb:
        case "start":
            replies = plans.start(turn, argument)
        case "cancel":
            replies = plans.cancel(turn, argument)
        case "change":
            replies = plans.how_to_change(turn, argument)
        case "sample":
            replies = arrived(turn, await data.take_sample(turn))
        case "columns" if int(argument) < len(turn.state.get("columns") or ()):
            replies = arrived(turn, await data.take_with_columns(turn, turn.state["columns"][int(argument)]))
        case "answer" if "question" in turn.state:
            question = Question.from_json(turn.state["question"])
            replies = tuning.answer(turn, question, *question.offers[int(argument)])
        case "stop":
            replies = jobs.stop(turn, int(argument))
        case "pause":
            replies = jobs.pause(turn, int(argument))
        case "resume":
            replies = jobs.resume(turn, Command(intent="resume", job=int(argument)))
        case "costs":
            replies = costs.costs(turn, argument)
        case "extend":
            number, trials, seconds, *before = argument.split(":")
            replies = jobs.extend_now(turn, int(number), int(trials), int(seconds), *before[:1])
        case "chat":
            replies = talk.open_with(turn, int(argument))
        case "compare":
            replies = blind.command(turn, Command(intent="compare", job=int(argument)))
        case "export":
            replies = taking.export(turn, Command(intent="export", job=int(argument)))
        case "details":
            replies = words.details(turn, int(argument))
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
