"""Words alone: an answer to the open question, a change of the pending plan, a command; what they can be first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from bot.desk import asking, columns, data, drafts, jobs, orders, plans, sample, starting, taking, talk, tuning, words
from bot.desk.context import Turn
from bot.desk.questions import Question
from bot.judging import door as judging
from bot.judging.wish import Wish
from bot.language.commands import Command
from bot.language.dialogue.answers import Expecting, parse_answer
from bot.language.dialogue.followups import parse_followup
from bot.language.dialogue.joining import is_new
from bot.language.starting import start_asked
from bot.manage import door as managing
from bot.manage import history
from bot.manage.wish import Wish as ManageWish
from bot.replies import Reply, Text
from tuner.store.records import DataSet

Handler = Callable[[Turn, Command], AsyncIterator[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What was said, and what it is asked several times."""

    turn: Turn
    command: Command
    wish: Wish | None
    """Of judging."""
    pending: drafts.Saved | None
    """The plan that waits."""


Hearing = Callable[[_Heard], Awaitable[AsyncIterator[Reply] | None]]


async def hear(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """Promises the replies to words; none where Onsa was not spoken to and the words mean nothing to it."""
    kept = await managing.listens(turn, command)
    if kept is not None:
        async for reply in managing.answer(turn, kept):
            yield reply
        return
    no_verdict = asking.is_about_figures(turn, command) or await asking.means_result(turn, command)
    heard = _Heard(
        turn=turn,
        command=command,
        wish=None if no_verdict else judging.listens(turn, command),
        pending=await drafts.load(turn, turn.state.get("draft")),
    )
    for hearing in _IN_TURN:
        replies = await hearing(heard)
        if replies is not None:
            async for reply in replies:
                yield reply
            return


async def arrived(turn: Turn, dataset: DataSet | None) -> AsyncIterator[Reply]:
    """The report card of a data set that just arrived, and the plan that waited for it."""
    if dataset is None:
        yield Text(text=turn.say("replies.desk.button_too_old"))
        return
    yield data.report_card(turn, dataset, goes_on=await tuning.waits_for(turn, dataset))
    async for reply in tuning.with_data(turn, dataset):
        yield reply


async def _columns_named(heard: _Heard) -> AsyncIterator[Reply] | None:
    turn = heard.turn
    mapping = columns.said(turn.utterance.text)
    if not mapping and heard.command.intent in ("unknown", "data"):
        mapping = columns.chosen(turn, turn.utterance.text)
    dataset = await data.take_with_columns(turn, mapping) if mapping else None
    return arrived(turn, dataset) if dataset is not None else None


async def _sample(heard: _Heard) -> AsyncIterator[Reply] | None:
    return await sample.asked(heard.turn, heard.command)


async def _plain_judging(heard: _Heard) -> AsyncIterator[Reply] | None:
    wish = heard.wish
    return judging.answer(heard.turn, wish) if wish is not None and wish.kind in judging.ALWAYS else None


async def _open_question(heard: _Heard) -> AsyncIterator[Reply] | None:
    turn = heard.turn
    if "question" not in turn.state:
        return None
    question = Question.from_json(turn.state["question"])
    answered = tuning.understood_answer(turn.utterance.text, question, turn.language)
    return tuning.answer(turn, question, *answered) if answered is not None else None


async def _yes_or_no(heard: _Heard) -> AsyncIterator[Reply] | None:
    """To the plan on the card that answered last, and to no other."""
    turn, pending = heard.turn, heard.pending
    if pending is None or pending.id != turn.state.get("shown"):
        return None
    said = parse_answer(turn.utterance.text, Expecting(kind="yes_no"))
    if said is None or said.yes is None:
        return None
    return plans.start(turn, pending.id) if said.yes else plans.cancel(turn, pending.id)


async def _verdict(heard: _Heard) -> AsyncIterator[Reply] | None:
    wish = heard.wish
    if wish is None or (wish.kind != "vote" and wish.verdict is None):
        return None
    return judging.answer(heard.turn, wish)


async def _change(heard: _Heard) -> AsyncIterator[Reply] | None:
    turn, command, pending = heard.turn, heard.command, heard.pending
    if pending is None and not turn.state.get("job"):
        return None
    change = parse_followup(turn.utterance.text)
    if change is None or _turns_elsewhere(turn, pending, command):
        return None
    if is_new(turn.utterance.text, command, change, pending=pending is not None):
        return None
    return tuning.follow_up(turn, change)


def _turns_elsewhere(turn: Turn, pending: drafts.Saved | None, command: Command) -> bool:
    """True when the plan that waits cannot run, and the new wish names none of its settings: a plan of its own."""
    if pending is None or turn.state.get("complete", True) or "question" in turn.state:
        return False
    named = set(command.space or ())
    return command.intent == "tune" and bool(named) and named.isdisjoint(pending.request.space)


async def _result_asked(heard: _Heard) -> AsyncIterator[Reply] | None:
    turn, command = heard.turn, heard.command
    if not turn.utterance.addressed or not await asking.means_result(turn, command):
        return None
    return asking.explain_result(turn, command)


async def _start_asked(heard: _Heard) -> AsyncIterator[Reply] | None:
    asked = start_asked(heard.turn.utterance.text) if heard.command.intent in ("queue", "status") else None
    return starting.answer(heard.turn, asked) if asked is not None else None


async def _command(heard: _Heard) -> AsyncIterator[Reply] | None:
    handler = _HANDLERS.get(heard.command.intent)
    if handler is not None:
        return handler(heard.turn, heard.command)
    return _lost(heard.turn) if heard.turn.utterance.addressed else None


async def _lost(turn: Turn) -> AsyncIterator[Reply]:
    yield words.lost(turn)


async def _data(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """`data` without a file: one by name becomes the current one; else what there is."""
    replies = data.listing(turn)
    if command.dataset is not None:
        replies = arrived(turn, await data.choose(turn, command.dataset))
    async for reply in replies:
        yield reply


_IN_TURN: tuple[Hearing, ...] = (
    _columns_named,
    _sample,
    _plain_judging,
    _open_question,
    _yes_or_no,
    _verdict,
    _change,
    _result_asked,
    _start_asked,
    _command,
)

_HANDLERS: dict[str, Handler] = {
    "tune": tuning.tune,
    "status": asking.status,
    "queue": jobs.queue,
    "resume": orders.resume,
    "extend": orders.extend,
    "stop": lambda turn, command: orders.stop(turn, command.job),
    "pause": lambda turn, command: orders.pause(turn, command.job),
    "explain_result": judging.with_opinions(asking.explain_result),
    "explain_term": asking.explain_term,
    "chat": talk.chat,
    "compare": asking.compare,
    "best": judging.with_opinions(asking.best),
    "history": lambda turn, _: history.search(turn, ManageWish(kind="search")),
    "data": _data,
    "rate": lambda turn, _: judging.answer(turn, Wish(kind="rate")),
    "export": taking.export,
    "settings": words.settings,
    "help": words.help_,
}
