"""Words that ask for a search: a new plan, a change of the pending one, the same again, an answer to a question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from bot.desk import data, drafts, plans, questions
from bot.desk.context import Turn
from bot.desk.requests import changed, doubts_of, request_of, request_of_plan
from bot.language.commands import Command
from bot.language.dialogue.answers import Expecting, parse_answer, place_in
from bot.language.dialogue.followups import Change
from bot.phrases import Language, say
from bot.replies import Reply, Text
from tuner.plan.request import Request
from tuner.plan.space import Range, Spec
from tuner.store.records import DataSet


async def tune(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """A new plan from a `tune` command; "redo job 12 but with …" starts from that job's plan."""
    drafts.forget(turn)  # whatever comes of the new wish, no “yes” and no “start” means the old one
    if command.job is not None:
        async for reply in _redo(turn, command):
            yield reply
        return
    dataset = await data.wanted(turn, command.dataset)
    question = questions.of_command(command, turn)
    if question is None and {"ambiguous", "missing_range"} & set(command.problems) and not command.space:
        question = _bare_numbers(turn)
    open_knobs = questions.unsettled(command)
    request = request_of(command, open_knobs, turn.options)
    async for reply in plans.propose(turn, request, dataset=dataset, doubts=doubts_of(command, turn.utterance.text),
                                     question=question):
        yield reply


def _bare_numbers(turn: Turn) -> questions.Question | None:
    answer_ = parse_answer(turn.utterance.text, Expecting(kind="values", knob="batch_size"))
    return questions.which_knob(answer_.spec) if answer_ is not None and isinstance(answer_.spec, Range) else None


async def _redo(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    job = await turn.store.job(turn.team, "last" if command.job is None else command.job)
    if job is None:
        yield Text(text=turn.say("replies.jobs.none_such", {"job": command.job}))
        return
    request, said = changed(request_of_plan(job.plan), Change(adds=replace(command, job=None)), turn.language,
                            turn.options)
    dataset = await turn.store.dataset(turn.team, job.plan.dataset)
    async for reply in plans.propose(turn, request, dataset=dataset, changes=said, from_job=job.number):
        yield reply


async def follow_up(turn: Turn, change: Change) -> AsyncIterator[Reply]:
    """Changes the pending plan, or starts from the last job's plan when none is pending."""
    saved = await drafts.load(turn, turn.state.get("draft"))
    if change.again and await turn.store.job(turn.team, turn.state.get("job") or "last") is not None:
        saved = None  # “the same again” means what was run; before the first job, the plan that waits
    question, shown = turn.state.get("question"), turn.state.get("shown")
    change, asked = _open_parts(turn, change)
    doubts = doubts_of(change.adds, turn.utterance.text)
    if saved is not None:
        request, said = changed(saved.request, change, turn.language, turn.options)
        dataset = await _dataset(turn, saved.dataset, change)
        async for reply in plans.propose(turn, request, dataset=dataset, changes=said, doubts=doubts, question=asked,
                                         from_job=saved.from_job):
            yield reply
        if asked is not None:
            return
        if not turn.state.get("complete"):
            # What cannot run changes nothing: the plan before it still waits, and so does its question.
            turn.state["draft"] = saved.id
            if question is not None:
                turn.state["question"] = question
            if shown == saved.id:
                turn.state["shown"] = shown
                yield Text(text=turn.say("replies.plan.unchanged"))
        return
    job = await turn.store.job(turn.team, turn.state.get("job") or "last")
    if job is None:
        yield Text(text=turn.say("replies.plan.nothing_to_change"))
        return
    request, said = changed(request_of_plan(job.plan), change, turn.language, turn.options)
    dataset = await _dataset(turn, job.plan.dataset, change)
    async for reply in plans.propose(turn, request, dataset=dataset, changes=said, doubts=doubts, question=asked,
                                     from_job=job.number):
        yield reply


def _open_parts(turn: Turn, change: Change) -> tuple[Change, questions.Question | None]:
    """The change without the knobs that still lack values, and the question for those."""
    names = questions.unsettled(change.adds)
    if not names:
        return change, None
    space = {name: spec for name, spec in (change.adds.space or {}).items() if name not in names}
    return replace(change, adds=replace(change.adds, space=space)), questions.missing_range(names, turn)


async def _dataset(turn: Turn, before: str | None, change: Change) -> DataSet | None:
    """The data set that the change names, else the one before it. Raises ProblemError for an unknown name."""
    if change.adds.dataset is not None:
        return await data.wanted(turn, change.adds.dataset)
    return await turn.store.dataset(turn.team, before) if before else None


async def waits_for(turn: Turn, dataset: DataSet) -> bool:
    """True when a plan waits for a file, or for another one: then `with_data` goes on with it."""
    saved = await drafts.load(turn, turn.state.get("draft"))
    return saved is not None and saved.dataset != dataset.id


async def with_data(turn: Turn, dataset: DataSet) -> AsyncIterator[Reply]:
    """A file arrived while a plan waited, for one or on another one: the plan goes on with it."""
    saved = await drafts.load(turn, turn.state.get("draft"))
    if saved is None or saved.dataset == dataset.id:
        return
    question = questions.Question.from_json(turn.state["question"]) if "question" in turn.state else None
    changes = () if saved.dataset is None else (turn.say("replies.plan.change_dataset", {"value": dataset.name}),)
    async for reply in plans.propose(
        turn, saved.request, dataset=dataset, changes=changes, from_job=saved.from_job, question=question
    ):
        yield reply


async def answer(turn: Turn, question: questions.Question, name: str, spec: Spec) -> AsyncIterator[Reply]:
    """Fills the answer into the pending request and goes on: the next question, or the card."""
    turn.state.pop("question", None)
    saved = await drafts.load(turn, turn.state.get("draft"))
    request = saved.request if saved is not None else Request()
    dataset = await turn.store.dataset(turn.team, saved.dataset) if saved is not None and saved.dataset else None
    async for reply in plans.propose(
        turn,
        questions.settled(request, question, name, spec),
        dataset=dataset,
        question=questions.following(question, turn),
        from_job=saved.from_job if saved else None,
    ):
        yield reply


def understood_answer(text: str, question: questions.Question, language: Language) -> tuple[str, Spec] | None:
    """Promises the (knob, spec) that `text` answers, by number or by values; None when it answers nothing."""
    stripped = text.strip()
    if stripped.isascii() and stripped.isdigit() and 1 <= int(stripped) <= len(question.offers):
        return question.offers[int(stripped) - 1]
    place = place_in(stripped, len(question.offers))
    if place is not None:
        return question.offers[place]
    if question.kind == "which_knob":
        names = tuple(say(f"knobs.{name}", language) for name, _ in question.offers)
        chosen = parse_answer(stripped, Expecting(kind="choice", options=names))
        return question.offers[chosen.choice] if chosen is not None and chosen.choice is not None else None
    values = parse_answer(stripped, Expecting(kind="values", knob=question.knob))
    if values is None:
        return None
    if values.default:
        return question.offers[0]
    return (question.knob, values.spec) if values.spec is not None else None
