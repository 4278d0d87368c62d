"""Desk.answer: finds out what an utterance means in this dialogue and hands it to the part that answers it."""

from __future__ import annotations

import errno
import logging
import re
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from bot.desk import asides, columns, data, drafts, taking, tuning, wishes
from bot.desk.context import Services, Turn
from bot.desk.hearing import arrived, hear
from bot.desk.pressing import press
from bot.judging import door as judging
from bot.language.parser import parse
from bot.manage import names
from bot.phrases import Language, problem_sentences
from bot.replies import Reply, Text
from bot.utterance import Utterance
from tuner.chat.client import ChatUnavailable
from tuner.problems import ProblemError
from tuner.store import StoreUnavailable
from tuner.store.faults import problem_of_os

_LOG = logging.getLogger("onsa.desk")
_NUMBERS = re.compile(r"\d[\d.,]*(?:[eE][-+]?\d+)?")  # 1e-5 is no word of any language
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})

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
        async for reply in press(turn, utterance.pressed):
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
        async for reply in asides.continued(turn, _said):
            yield reply
        return
    async for reply in _said(turn):
        yield reply


async def _said(turn: Turn) -> AsyncGenerator[Reply, None]:
    """What was said to Onsa, or chosen from a menu, with the files that came along."""
    utterance = turn.utterance
    if utterance.text and utterance.command is None and not utterance.attachments:
        spelled = await names.spelled_out(turn.store, turn.team, utterance.text)
        turn = replace(turn, said=utterance.text, utterance=replace(utterance, text=spelled))
    turn = await wishes.heard(turn)
    optional = wishes.only(turn)
    if optional is not None:
        async for reply in tuning.follow_up(turn, optional):
            yield reply
        return
    command = utterance.command or taking.understood(turn.utterance.text)
    if not utterance.attachments:
        async for reply in hear(turn, command):
            yield reply
        return
    for attachment in utterance.attachments:
        dataset = await data.take(turn, attachment)
        if command.intent == "tune":
            yield data.report_card(turn, dataset, goes_on=True)
        else:
            async for reply in arrived(turn, dataset):
                yield reply
    if command.intent == "tune":
        # The file's own name in the sentence means the file that came with it.
        async for reply in tuning.tune(turn, replace(command, dataset=None)):
            yield reply
