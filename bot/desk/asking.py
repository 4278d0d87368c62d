"""Questions about results: why a job, a try or a setting came out as it did, whether it is better, what to try next."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot import drawing, explain, results
from bot.desk import costs, jobs, words
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.judging import blind
from bot.language.commands import Command
from bot.manage import names
from bot.replies import Reply, Text
from bot.tally import tally_of
from tuner.events import Report
from tuner.plan.knobs import KNOBS
from tuner.store.records import Job

_VAGUE = ("help", "unknown", "compare", "explain_term")
"""What the command language makes of everyday words that ask about a result."""


async def explain_result(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """Answers what was asked: about a try, a setting or a part of the report; without any of them, the whole report."""
    job = await jobs.find(turn, command.job)
    if job is None:
        yield jobs.not_found(turn, command.job)
        return
    report = await costs.report_now(turn, job)
    asked = explain.asked(turn.utterance.text)
    number = command.trial if isinstance(command.trial, int) else asked.trial
    if number is not None and (early := await _before_report(turn, job, report, number)) is not None:
        yield early
        return
    if report is None:
        yield Text(text=turn.say("replies.words.no_report_yet", await jobs.facts_of(turn, job)))
        return
    if number is None and command.trial == "best":
        number = await _best_number(turn, job)
    knob = command.term if command.term in KNOBS else asked.knob
    if number is not None:
        async for reply in _about_trial(turn, job, report, number, asked):
            yield reply
    elif asked.overfit and (told := explain.explain_term(report, "overfitting", turn.language)):
        yield Text(text=told)
    elif knob is not None:
        yield Text(text="\n".join(explain.explain_knob(report, knob, turn.language)))
    elif asked.part == "cost" and (refusal := turn.refusal("costs")) is not None:
        yield refusal
    elif asked.part:
        yield _about_part(turn, job, report, asked.part)
    else:
        called = await names.names_of(turn.store, turn.team, job.number)
        async for reply in results.report_replies(report, job, turn.language, turn.services.home, pictures=False,
                                                  names=called):
            yield reply


async def explain_term(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """What a word means; asked what it did, also what a job under way shows of it, or that the job cannot tell."""
    async for reply in words.explain_term(turn, command):
        yield reply
    term = command.term or ""
    if not explain.asked(turn.utterance.text).past:
        return
    job = await jobs.find(turn, command.job)
    if job is None:
        return
    is_under_way = job.state in ("running", "paused")
    report = await (costs.report_now(turn, job) if is_under_way else costs.report_of(turn, job))
    told = ""
    if report is not None and term in KNOBS and term not in report.searched:
        told = "\n".join(explain.explain_knob(report, term, turn.language))
    elif report is not None and is_under_way:
        told = explain.explain_term(report, term, turn.language)
    if told:
        yield Text(text=told)


async def status(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """How far the job is; asked how one try went, or what a setting did, that."""
    asked = explain.asked(turn.utterance.text)
    about_result = isinstance(command.trial, int) or (asked.knob is not None and asked.past)
    async for reply in explain_result(turn, command) if about_result else jobs.status(turn, command):
        yield reply


async def best(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """The best try; where another one was asked for by its number, that one beside it."""
    replies = explain_result(turn, command) if isinstance(command.trial, int) else jobs.best(turn, command)
    async for reply in replies:
        yield reply


async def compare(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """A comparison of answers; who wants to see a try beside the best one gets their figures, and a button for that."""
    figures = is_about_figures(turn, command)
    async for reply in explain_result(turn, command) if figures else blind.command(turn, command):
        yield reply


async def means_result(turn: Turn, command: Command) -> bool:
    """True for everyday words about the result of a job that there is ("now what?", "is the tuned model better?")."""
    if command.intent not in _VAGUE or command.prompt is not None:
        return False
    return explain.asked(turn.utterance.text).plain and await jobs.find(turn, command.job) is not None


def is_about_figures(turn: Turn, command: Command) -> bool:
    """True for "show try 5 against the best": to see how they did, not to judge their answers."""
    if command.intent != "compare" or command.prompt is not None:
        return False
    asked = explain.asked(turn.utterance.text)
    return asked.shown and (isinstance(command.trial, int) or asked.trial is not None)


async def _before_report(turn: Turn, job: Job, report: Report | None, number: int) -> Text | None:
    """What is known of a try that the report does not tell of yet: that it runs, or has not begun; None for others."""
    is_told = report is not None and any(trial.number == number for trial in report.trials)
    if is_told or job.is_over:
        return None
    tally = await tally_of(turn.store, job)
    row = next((trial for trial in await turn.store.trials(job.id) if trial.number == number), None)
    if row is None:
        facts = {**await jobs.facts_of(turn, job, tally), "trial": number}
        return Text(text=turn.say("replies.words.try_not_begun", facts)) if number < job.plan.trials else None
    if row.state != "running" or job.state != "running":
        return None
    settings = [turn.say("replies.plan.kept", {"name": name, "value": row.settings[name]}) for name in job.plan.space]
    key = "waiting" if number in tally.waiting else "running"
    return Text(text=turn.say(f"report.trial.{key}", {"number": number, "settings": settings}))


async def _about_trial(
    turn: Turn, job: Job, report: Report, number: int, asked: explain.Asked
) -> AsyncIterator[Reply]:
    """How one try went, and a picture of it beside the best where that is to be seen."""
    trial = next((trial for trial in report.trials if trial.number == number), None)
    if trial is None:
        yield Text(text=turn.say("replies.words.no_such_trial", {"job": job.number, "trial": number}))
        return
    can_answer = trial.state == "complete" and report.test
    buttons = (button("compare", str(job.number), turn.language),) if can_answer else ()
    waits = job.state == "running" and number in (await tally_of(turn.store, job)).waiting
    said = explain.explain_trial(report, number, turn.language, failed=asked.failed, waits=waits)
    yield Text(text="\n".join(said), buttons=buttons)
    folder = turn.services.home / "charts" / job.team / f"job-{job.number}"
    drawn = asked.shown and turn.services.draws
    if drawn and (picture := await drawing.versus(report, number, turn.language, folder)) is not None:
        yield picture


def _about_part(turn: Turn, job: Job, report: Report, part: explain.Part) -> Text:
    said = explain.explain_part(report, part, turn.language)
    buttons = results.report_card(report, job, turn.language).buttons
    chosen = {"next": "try", "better": "compare"}.get(part, "details")
    return Text(text="\n".join(said), buttons=tuple(each for each in buttons if each.action.startswith(f"{chosen}:")))


async def _best_number(turn: Turn, job: Job) -> int | None:
    found = await turn.store.best_checkpoint(turn.team, job.number)
    return found.trial if found else None
