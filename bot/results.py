"""A stored report as replies: the answer first, then what mattered, what went wrong, what next, and pictures."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from bot import charts, explain
from bot.desk.buttons import button, numbered
from bot.phrases import Language, say
from bot.replies import Button, Card, Reply, Table
from bot.wording import number, plain
from tuner.events import Report, StudyFinished, event_from_json
from tuner.store import Store
from tuner.store.records import Job

Names = Mapping[int | None, str]
"""What people call the job (None) and its tries, by number."""
NO_NAMES: Names = {}


async def stored_report(store: Store, job: Job) -> Report | None:
    """Promises the newest report of a job, or None before there is one."""
    stored = await store.last_event(job.id, "StudyFinished")
    if stored is None:
        return None
    event = event_from_json(stored.body)
    return event.report if isinstance(event, StudyFinished) else None


def without_costs(report: Report) -> Report:
    """Promises the same report without what it says about time spent, saved or needed."""
    findings = [
        dataclasses.replace(each, facts={**each.facts, "cost_s": None}) if each.kind == "next" else each
        for each in report.findings
        if each.kind != "cost"
    ]
    return dataclasses.replace(report, findings=tuple(findings))


async def report_replies(
    report: Report, job: Job, language: Language, home: Path, *, pictures: bool = True, names: Names = NO_NAMES
) -> AsyncIterator[Reply]:
    """Promises the report card with its buttons, then the pictures with their alt texts."""
    yield report_card(report, job, language, names)
    if pictures:
        folder = home / "charts" / job.team / f"job-{job.number}"
        for picture in await asyncio.to_thread(charts.draw, report, language, folder):
            yield picture


def report_card(report: Report, job: Job, language: Language, names: Names = NO_NAMES) -> Card:
    """Promises the report in words: two sentences first; details stay behind a button."""
    said = explain.explain(report, language)
    lines = [said.headline, *named_tries(names, language)]
    for title, sentences in (("mattered", said.what_mattered), ("wrong", said.what_went_wrong)):
        if sentences:
            lines += ["", say(f"replies.report.title_{title}", language), *sentences]
    if said.next:
        lines += ["", say("replies.report.title_next", language)]
        lines += [f"{index}. {suggestion.sentence}" for index, suggestion in enumerate(said.next, 1)]
    return Card(
        title=say("replies.report.title", language, {"job": job.number, "name": names.get(None)}),
        lines=tuple(lines),
        buttons=_buttons(job, language, [suggestion.label for suggestion in said.next]),
    )


def named_tries(names: Names, language: Language) -> list[str]:
    """Promises the line that says which tries have names; none where none has."""
    tries = [{"trial": trial, "name": name} for trial, name in sorted(names.items(), key=str) if trial is not None]
    return [say("replies.report.named", language, {"tries": tries})] if tries else []


def _buttons(job: Job, language: Language, labels: list[str]) -> tuple[Button, ...]:
    argument = str(job.number)
    tries = tuple(
        numbered("try", f"{job.number}:{index}", index + 1, label) for index, label in enumerate(labels)
    )
    return (
        button("chat", argument, language, "primary"),
        button("compare", argument, language),
        button("details", argument, language),
        *tries,
    )


def trials_table(report: Report, language: Language, names: Names = NO_NAMES) -> Table:
    """Promises one row a try: its settings, how it ended, its score."""
    header = (
        say("replies.report.column_try", language),
        *(say("replies.report.column_knob", language, {"name": name}) for name in report.searched),
        say("replies.report.column_state", language),
        say("replies.report.column_value", language, {"metric": report.metric}),
    )
    rows = tuple(
        (
            say("replies.report.try", language, {"trial": trial.number, "name": names.get(trial.number)}),
            *(_setting(trial.settings[name]) for name in report.searched),
            say(f"replies.report.state_{trial.state}", language),
            "" if trial.value is None else number(trial.value),
        )
        for trial in report.trials
    )
    return Table(title=say("replies.report.trials_title", language), header=header, rows=rows)


def _setting(value: object) -> str:
    return plain(float(f"{value:.3g}")) if isinstance(value, float) else str(value)
