"""From a request to the plan card: builds the plan, says it in words, queues it on Start and never before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from bot.desk import columns, drafts, questions
from bot.desk.buttons import button
from bot.desk.context import Turn
from bot.manage import people
from bot.phrases import problem_sentences
from bot.plan_card import plan_card
from bot.planning import facts_of, speed_of
from bot.replies import Reply, Text
from tuner.plan import build as plan_build
from tuner.plan import models
from tuner.plan.request import Draft, Request, Speed
from tuner.problems import Problem, ProblemError
from tuner.store.records import DataSet, NewJob


async def propose(
    turn: Turn,
    request: Request,
    *,
    dataset: DataSet | None,
    doubts: Sequence[Problem] = (),
    changes: Sequence[str] = (),
    from_job: int | None = None,
    question: questions.Question | None = None,
) -> AsyncIterator[Reply]:
    """Promises a plan card with buttons, or what is still needed before there can be one. Spends nothing.

    Leaves `state["complete"]` False when the request cannot run as it is, and `state["shown"]` only where a card was
    shown: no “yes” can mean an earlier one.
    """
    turn.state.pop("question", None)
    turn.state.pop("shown", None)
    turn.state["complete"] = True
    saved = drafts.Saved(id=drafts.new_id(), team=turn.team, channel=turn.utterance.channel, language=turn.language,
                         request=request, dataset=dataset.id if dataset else None, from_job=from_job)
    if question is not None:
        turn.state["question"] = question.to_json()
    if dataset is None or question is not None:
        await drafts.keep(turn, saved)
        yield questions.as_reply(question, turn) if question and dataset else ask_for_file(turn)
        return
    if await _is_being_measured(turn, request):
        yield Text(text=turn.say("replies.plan.measuring"))
    draft = await draft_of(turn, request, dataset)
    await drafts.keep(turn, saved)
    if not draft.can_start:
        turn.state["complete"] = False
        worst_first = sorted((*doubts, *draft.problems), key=lambda problem: problem.severity != "error")
        yield Text(text="\n".join(problem_sentences(worst_first, turn.language)))
        return
    turn.state["shown"] = saved.id
    ahead = await turn.store.ahead_of_new(turn.team, turn.utterance.person)
    yield plan_card(draft, dataset, turn.language, draft_id=saved.id, ahead=ahead, changes=changes,
                    doubts=tuple(doubts), shows_costs=turn.shows_costs)


def ask_for_file(turn: Turn) -> Text:
    """Promises the sentence that asks for a file, with the sample data as a way out; or the open question about one."""
    return columns.again(turn) or Text(
        text=turn.say("replies.data.needed"), buttons=(button("sample", turn.language, turn.language, "primary"),)
    )


async def draft_of(turn: Turn, request: Request, dataset: DataSet, *, is_patient: bool = True) -> Draft:
    """Promises the draft that `build` makes of the request for this data set on this machine.

    `is_patient`: may wait for a worker that is just measuring the machine, so that the estimate is there.
    """
    name = request.model or turn.services.model
    card = models.find(name)
    if card is None:
        names = [known.name for known in models.catalogue()]
        raise ProblemError([Problem(key="plan.unknown_model", facts={"model": name, "models": names})])
    return plan_build.build(request, card, facts_of(dataset), await _speed(turn, card, is_patient))


async def _is_being_measured(turn: Turn, request: Request) -> bool:
    """True when the estimate has to wait for a worker that is just measuring this machine."""
    card = models.find(request.model or turn.services.model)
    if card is None or card.origin != "embedded" or not turn.services.measuring_s or "waited" in turn.state:
        return False
    return (await speed_of(turn.store, card.name)).seconds_per_token is None


async def _speed(turn: Turn, card: models.ModelCard, is_patient: bool) -> Speed:
    """What was measured for the model; a worker that starts on a new machine measures the embedded one at once."""
    is_patient = is_patient and card.origin == "embedded" and "waited" not in turn.state
    patience_s = turn.services.measuring_s if is_patient else 0.0
    while (speed := await speed_of(turn.store, card.name)).seconds_per_token is None and patience_s > 0:
        await asyncio.sleep(0.25)
        patience_s -= 0.25
    if is_patient and speed.seconds_per_token is None:
        turn.state["waited"] = True  # once in vain is enough: the next plan comes at once
    return speed


async def start(turn: Turn, draft_id: str) -> AsyncIterator[Reply]:
    """Queues the draft. Pressing Start twice, or a message that comes twice, queues one job."""
    saved = await drafts.load(turn, draft_id)
    if saved is None or saved.dataset is None:
        yield Text(text=turn.say("replies.plan.too_old"))
        return
    dataset = await turn.store.dataset(turn.team, saved.dataset)
    if dataset is None:
        yield ask_for_file(turn)
        return
    refusal = turn.refusal("start", "minutes")
    if refusal is not None:
        yield refusal
        return
    draft = await draft_of(turn, saved.request, dataset, is_patient=False)
    if not draft.can_start or draft.plan is None:
        yield Text(text="\n".join(problem_sentences(draft.problems, turn.language)))
        return
    expected_s = draft.estimate.seconds if draft.estimate is not None else None
    refusal = turn.too_long(expected_s) if saved.job is None else None
    if refusal is not None:
        yield refusal
        return
    job, is_new = await turn.store.submit(
        NewJob(
            team=turn.team,
            person=turn.utterance.person,
            channel=turn.utterance.channel,
            message_id=f"draft:{saved.id}",
            language=saved.language,
            plan=draft.plan,
            expected_s=expected_s or 0.0,
        )
    )
    await people.remember(turn)
    drafts.forget(turn)
    await drafts.mark_started(turn, saved, job.number)
    turn.state["job"] = job.number
    ahead = await turn.store.ahead(job.id)
    key = "replies.plan.queued" if is_new else "replies.plan.already_queued"
    yield Text(
        text=turn.say(key, {"job": job.number, "ahead": ahead, "trials": draft.plan.trials}),
        buttons=(button("stop", str(job.number), turn.language, "danger"),),
    )


async def cancel(turn: Turn, draft_id: str) -> AsyncIterator[Reply]:
    """Lets the plan go: nothing starts it any more. A job that was already queued from it is not touched."""
    saved = await drafts.load(turn, draft_id)
    if turn.state.get("draft") == draft_id:
        drafts.forget(turn)
    if saved is not None and saved.job is not None:
        yield Text(
            text=turn.say("replies.plan.already_queued", {"job": saved.job}),
            buttons=(button("stop", str(saved.job), turn.language, "danger"),),
        )
        return
    await drafts.drop(turn, draft_id)
    yield Text(text=turn.say("replies.plan.cancelled"))


async def how_to_change(turn: Turn, draft_id: str) -> AsyncIterator[Reply]:
    """Makes the card's plan the one that the next words change, and says how."""
    saved = await drafts.load(turn, draft_id)
    if saved is None:
        yield Text(text=turn.say("replies.plan.too_old"))
        return
    turn.state["draft"] = saved.id
    yield Text(text=turn.say("replies.plan.how_to_change"))
