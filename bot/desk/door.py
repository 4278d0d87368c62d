"""Desk.answer: finds out what an utterance means in this dialogue and hands it to the part that answers it."""

from __future__ import annotations

import errno
import logging
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from bot.desk import asking, columns, costs, data, drafts, jobs, plans, talk, tuning, wishes, words
from bot.desk.context import Services, Turn
from bot.desk.questions import Question
from bot.judging import blind
from bot.judging import door as judging
from bot.judging.wish import Wish
from bot.language.commands import Command
from bot.language.dialogue.answers import Expecting, parse_answer
from bot.language.dialogue.followups import parse_followup
from bot.language.dialogue.joining import is_new
from bot.language.parser import parse
from bot.phrases import Language, problem_sentences
from bot.replies import Reply, Text
from bot.utterance import Utterance
from tuner.chat.client import ChatUnavailable
from tuner.problems import ProblemError
from tuner.store import StoreUnavailable
from tuner.store.faults import problem_of_os
from tuner.store.records import DataSet

_LOG = logging.getLogger("onsa.desk")
_NUMBERS = re.compile(r"\d[\d.,]*(?:[eE][-+]?\d+)?")  # 1e-5 is no word of any language
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})

Handler = Callable[[Turn, Command], AsyncIterator[Reply]]

_HANDLERS: dict[str, Handler] = {
    "tune": tuning.tune,
    "status": jobs.status,
    "queue": jobs.queue,
    "resume": jobs.resume,
    "extend": jobs.extend,
    "stop": lambda turn, command: jobs.stop(turn, command.job),
    "pause": lambda turn, command: jobs.pause(turn, command.job),
    "explain_result": judging.with_opinions(asking.explain_result),
    "explain_term": asking.explain_term,
    "chat": talk.chat,
    "compare": asking.compare,
    "best": judging.with_opinions(asking.best),
    "history": jobs.history,
    "data": lambda turn, command: _data(turn, command),
    "rate": lambda turn, _: judging.answer(turn, Wish(kind="rate")),
    "export": words.export,
    "settings": words.settings,
    "help": words.help_,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """What a person's next words are about, for a front where buttons are typed."""

    draft: str | None
    """The plan that the next words change; None: no plan waits."""
    shown: str | None
    """The plan whose card answered the last wish; None: that wish has no plan yet."""
    is_chatting: bool
    language: Language


class Desk:
    """One desk serves every front. Holds no state of its own: everything lives in the store."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, utterance: Utterance) -> AsyncGenerator[Reply, None]:
        """Promises the replies in order. A Stream must be read to its end, or closed, before the next reply.

        Raises nothing: what goes wrong becomes a sentence, with a reference number when it is our mistake.
        """
        turn = Turn(utterance=utterance, language=utterance.language or "en", services=self._services, state={})
        try:
            turn = await self._turn(utterance)
            async with aclosing(_route(turn)) as replies:
                async for reply in replies:
                    yield reply
            await self._keep(turn)
        except ProblemError as error:
            yield columns.question(turn, error.problems)
            await self._keep(turn)
        except (StoreUnavailable, ChatUnavailable) as error:
            yield Text(text="\n".join(problem_sentences([error.problem], turn.language)))
        except Exception as error:
            yield self._failed(error, turn)

    def _failed(self, error: Exception, turn: Turn) -> Text:
        if isinstance(error, OSError) and error.errno in _DISK:
            problem = problem_of_os(error, self._services.home)
            return Text(text="\n".join(problem_sentences([problem], turn.language)))
        reference = uuid.uuid4().hex[:8]
        _LOG.error("answering failed, reference %s", reference, exc_info=error)
        return Text(text=turn.say("replies.desk.our_mistake", {"reference": reference}))

    async def dialogue(self, team: str, person: str, channel: str) -> Dialogue:
        """Promises what this person's next words in this channel are about."""
        state = await self._services.store.dialogue(person, f"{team}/{channel}") or {}
        return Dialogue(
            draft=state.get("draft"),
            shown=state.get("shown"),
            is_chatting=bool(state.get("chat")),
            language="ja" if state.get("language") == "ja" else "en",
        )

    async def _turn(self, utterance: Utterance) -> Turn:
        state = await self._services.store.dialogue(_speaker(utterance), _place(utterance)) or {}
        language = await self._language(utterance, state.get("language"))
        state["language"] = language
        return Turn(utterance=utterance, language=language, services=self._services, state=state)

    async def _keep(self, turn: Turn) -> None:
        await self._services.store.keep_dialogue(
            _speaker(turn.utterance), _place(turn.utterance), turn.state, drafts.DIALOGUE_LIVES_S
        )

    async def _language(self, utterance: Utterance, last: Language | None) -> Language:
        """The person's choice, the team's, the front's, else that of the words; a press keeps the one before."""
        store = self._services.store
        chosen = (
            await store.preference(utterance.team, utterance.person, "language")
            or await store.preference(utterance.team, None, "language")
            or utterance.language
        )
        if chosen in ("en", "ja"):
            return "ja" if chosen == "ja" else "en"
        if utterance.pressed or not any(character.isalpha() for character in _NUMBERS.sub("", utterance.text)):
            return last or "en"
        return parse(utterance.text).utterance_language


def _speaker(utterance: Utterance) -> str:
    return utterance.dialogue or utterance.person


def _place(utterance: Utterance) -> str:
    return f"{utterance.team}/{utterance.channel}"


async def _route(turn: Turn) -> AsyncGenerator[Reply, None]:
    utterance = turn.utterance
    if utterance.pressed:
        async for reply in _press(turn, utterance.pressed):
            yield reply
        return
    if utterance.change is not None:
        async for reply in tuning.follow_up(turn, utterance.change):
            yield reply
        return
    between = judging.interrupts(turn) if not utterance.attachments and utterance.command is None else None
    if between is not None:
        async for reply in between:
            yield reply
        return
    if turn.state.get("chat") and not utterance.attachments and utterance.command is None:
        async for reply in talk.continue_chat(turn):
            yield reply
        return
    turn = await wishes.heard(turn)
    optional = wishes.only(turn)
    if optional is not None:
        async for reply in tuning.follow_up(turn, optional):
            yield reply
        return
    command = utterance.command or parse(turn.utterance.text)
    if not utterance.attachments:
        async for reply in _words(turn, command):
            yield reply
        return
    for attachment in utterance.attachments:
        dataset = await data.take(turn, attachment)
        if command.intent == "tune":
            yield data.report_card(turn, dataset, goes_on=True)
        else:
            async for reply in _with_data(turn, dataset):
                yield reply
    if command.intent == "tune":
        # The file's own name in the sentence means the file that came with it.
        async for reply in tuning.tune(turn, replace(command, dataset=None)):
            yield reply


async def _words(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """Words alone: an answer to the open question, a change of the pending plan, or a command."""
    text = turn.utterance.text
    mapping = columns.said(text)
    if not mapping and command.intent in ("unknown", "data"):
        mapping = columns.chosen(turn, text)
    dataset = await data.take_with_columns(turn, mapping) if mapping else None
    if dataset is not None:
        async for reply in _with_data(turn, dataset):
            yield reply
        return
    wish = None if asking.is_about_figures(turn, command) else judging.listens(turn, command)
    if wish is not None and wish.kind in judging.ALWAYS:
        async for reply in judging.answer(turn, wish):
            yield reply
        return
    if "question" in turn.state:
        question = Question.from_json(turn.state["question"])
        answered = tuning.understood_answer(text, question, turn.language)
        if answered is not None:
            async for reply in tuning.answer(turn, question, *answered):
                yield reply
            return
    pending = await drafts.load(turn, turn.state.get("draft"))
    if pending is not None and pending.id == turn.state.get("shown"):
        said = parse_answer(text, Expecting(kind="yes_no"))
        if said is not None and said.yes:
            async for reply in plans.start(turn, pending.id):
                yield reply
            return
        if said is not None and said.yes is False:
            async for reply in plans.cancel(turn, pending.id):
                yield reply
            return
    if wish is not None and (wish.kind == "vote" or wish.verdict is not None):
        async for reply in judging.answer(turn, wish):
            yield reply
        return
    change = parse_followup(text) if pending is not None or turn.state.get("job") else None
    if change is not None and _turns_elsewhere(turn, pending, command):
        change = None
    if change is not None and not is_new(text, command, change, pending=pending is not None):
        async for reply in tuning.follow_up(turn, change):
            yield reply
        return
    handler = _HANDLERS.get(command.intent)
    if handler is None:
        if turn.utterance.addressed:
            yield words.lost(turn)
        return
    async for reply in handler(turn, command):
        yield reply


def _turns_elsewhere(turn: Turn, pending: drafts.Saved | None, command: Command) -> bool:
    """True when the plan that waits cannot run, and the new wish names none of its settings: a plan of its own."""
    if pending is None or turn.state.get("complete", True) or "question" in turn.state:
        return False
    named = set(command.space or ())
    return command.intent == "tune" and bool(named) and named.isdisjoint(pending.request.space)


async def _press(turn: Turn, action: str) -> AsyncIterator[Reply]:
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
            replies = _with_data(turn, await data.take_sample(turn))
        case "columns" if int(argument) < len(turn.state.get("columns") or ()):
            replies = _with_data(turn, await data.take_with_columns(turn, turn.state["columns"][int(argument)]))
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
            number, trials, seconds = (int(part) for part in argument.split(":"))
            replies = jobs.extend_now(turn, number, trials, seconds)
        case "chat":
            replies = talk.open_with(turn, int(argument))
        case "compare":
            replies = blind.command(turn, Command(intent="compare", job=int(argument)))
        case "export":
            replies = words.export(turn, Command(intent="export", job=int(argument)))
        case "details":
            replies = words.details(turn, int(argument))
        case "try":
            replies = _try_next(turn, argument)
        case verb if verb in judging.VERBS:
            replies = judging.press(turn, verb, argument)
        case _:
            yield Text(text=turn.say("replies.desk.button_too_old"))
            return
    async for reply in replies:
        yield reply


async def _data(turn: Turn, command: Command) -> AsyncIterator[Reply]:
    """`data` without a file: one by name becomes the current one; else what there is."""
    replies = data.listing(turn)
    if command.dataset is not None:
        replies = _with_data(turn, await data.choose(turn, command.dataset))
    async for reply in replies:
        yield reply


async def _with_data(turn: Turn, dataset: DataSet | None) -> AsyncIterator[Reply]:
    """The report card of a data set that just arrived, and the plan that waited for it."""
    if dataset is None:
        yield Text(text=turn.say("replies.desk.button_too_old"))
        return
    yield data.report_card(turn, dataset, goes_on=await tuning.waits_for(turn, dataset))
    async for reply in tuning.with_data(turn, dataset):
        yield reply


async def _try_next(turn: Turn, argument: str) -> AsyncIterator[Reply]:
    """A suggestion of a report is a sentence of the command language: it is read like any other."""
    from bot import explain, results

    number, _, index = argument.partition(":")
    job = await turn.store.job(turn.team, int(number))
    report = await results.stored_report(turn.store, job) if job is not None else None
    suggestions = explain.explain(report, turn.language).next if report is not None else ()
    if job is None or not int(index) < len(suggestions):
        yield Text(text=turn.say("replies.desk.button_too_old"))
        return
    turn.state["job"] = job.number
    async for reply in _words(turn, parse(suggestions[int(index)].command_text)):
        yield reply
