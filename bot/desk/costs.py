"""What a plan or a job costs, for those who may see it. A team may keep that for some; the shared cards then leave it
out, and who may presses Costs and is answered alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot import explain, live_report, results
from bot.desk import drafts, plans
from bot.desk.context import Turn
from bot.plan_card import cost_line
from bot.replies import Reply, Text
from tuner.events import Report
from tuner.store.records import Job


async def costs(turn: Turn, argument: str) -> AsyncIterator[Reply]:
    """The Costs button of a plan (`plan:<draft>`) or of a report (`job:<number>`)."""
    refusal = turn.refusal("costs")
    if refusal is not None:
        yield refusal
        return
    kind, _, which = argument.partition(":")
    yield await (_of_plan(turn, which) if kind == "plan" else _of_job(turn, which))


async def _of_plan(turn: Turn, draft_id: str) -> Text:
    saved = await drafts.load(turn, draft_id)
    dataset = await turn.store.dataset(turn.team, saved.dataset) if saved is not None and saved.dataset else None
    if saved is None or dataset is None:
        return Text(text=turn.say("replies.plan.too_old"))
    draft = await plans.draft_of(turn, saved.request, dataset, is_patient=False)
    ahead = await turn.store.ahead_of_new(turn.team, turn.utterance.person)
    return Text(text=cost_line(draft, ahead, turn.language))


async def _of_job(turn: Turn, number: str) -> Text:
    job = await turn.store.job(turn.team, int(number)) if number.isdigit() else None
    if job is None:
        return Text(text=turn.say("replies.jobs.none_such", {"job": int(number) if number.isdigit() else None}))
    report = await results.stored_report(turn.store, job)
    lines = [turn.say("replies.jobs.took", {"job": job.number, "seconds": job.ran_s})]
    if report is not None:
        lines += explain.explain_costs(report, turn.language)
    return Text(text="\n".join(lines))


async def report_of(turn: Turn, job: Job) -> Report | None:
    """Promises the job's newest report as this answer may show it, or None before there is one."""
    report = await results.stored_report(turn.store, job)
    return report if report is None or turn.shows_costs else results.without_costs(report)


async def report_now(turn: Turn, job: Job) -> Report | None:
    """The same for a job as it stands, also while it runs; None before its first try has ended."""
    report = await live_report.report_now(turn.store, job)
    return report if report is None or turn.shows_costs else results.without_costs(report)
