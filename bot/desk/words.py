"""Words about words: help, settings, the glossary."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot import explain, glossary, results
from bot.desk import costs, jobs
from bot.desk.context import Turn
from bot.language.commands import Command
from bot.language.vocabulary.examples import examples
from bot.manage import names, team_model, tidying
from bot.replies import Card, Reply, Text
from tuner.plan import models
from tuner.plan.knobs import KNOBS


async def help_(turn: Turn, _: Command) -> AsyncIterator[Reply]:
    """What can be said, by example, from the parser's own vocabulary."""
    shown: dict[str, list[str]] = {}
    for intent, sentence in examples(turn.language):
        shown.setdefault(intent, []).append(sentence)
    fields = tuple(
        (turn.say(f"replies.words.help_{intent}"), turn.say("replies.words.help_examples", {"sentences": said}))
        for intent, said in shown.items()
        if intent != "unknown"
    )
    knobs = turn.say("replies.words.help_knobs", {"names": list(KNOBS)})
    lines = (knobs, turn.say("replies.words.help_order"))
    yield Card(title=turn.say("replies.words.help_title"), fields=fields, lines=lines)


def lost(turn: Turn) -> Text:
    """One friendly line with two examples of what can be said."""
    by_intent: dict[str, str] = {}
    for intent, sentence in examples(turn.language):
        by_intent.setdefault(intent, sentence)
    return Text(text=turn.say("replies.words.lost", {"first": by_intent["tune"], "second": by_intent["status"]}))


async def settings(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """The language of replies, for this person; asked without one, what holds here."""
    if command.language is None:
        lines = (
            turn.say("replies.words.settings", {"language": turn.language}),
            await team_model.line(turn.store, turn.team, turn.language),
            await tidying.line(turn.store, turn.team, turn.language),
        )
        yield Text(text="\n".join(lines))
        return
    await turn.store.prefer(turn.team, turn.utterance.person, "language", command.language)
    turn.state["language"] = command.language
    from bot.phrases import say

    yield Text(text=say("replies.words.language_set", command.language))


async def explain_term(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """An entry of the glossary."""
    term = command.term or ""
    card = models.find(turn.services.model) or models.embedded()
    try:
        entry = glossary.define(term, turn.language, default=card.defaults.get(term))
    except KeyError:
        yield Text(text=turn.say("replies.words.no_such_term"))
        return
    parts = (entry.meaning, entry.everyday, entry.too_high, entry.too_low, entry.in_onsa)
    lines = (*parts, await _in_last_job(turn, term))
    yield Card(title=entry.title, lines=tuple(line for line in lines if line))


async def _in_last_job(turn: Turn, term: str) -> str:
    """What the word meant in the newest job that has a report; empty where there is none."""
    for job in await turn.store.jobs(turn.team, limit=5):
        report = await costs.report_of(turn, job)
        if report is not None:
            return explain.explain_term(report, term, turn.language)
    return ""


async def details(turn: Turn, job_number: int) -> AsyncIterator[Reply]:
    """The numbers behind a report: every try with its settings, and the detail sentences."""
    job = await turn.store.job(turn.team, job_number)
    report = await costs.report_of(turn, job) if job is not None else None
    if job is None or report is None:
        yield (
            jobs.not_found(turn, job_number)
            if job is None
            else Text(text=turn.say("replies.words.no_report_yet", await jobs.facts_of(turn, job)))
        )
        return
    yield results.trials_table(report, turn.language, await names.names_of(turn.store, turn.team, job.number))
    yield Text(text="\n".join(explain.explain(report, turn.language).details))
