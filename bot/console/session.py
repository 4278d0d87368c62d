"""One person at a terminal: lines in, replies out. Presses buttons by their name, waits for jobs, ends its children."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from bot import watch
from bot.console.files import NoFile, attachment_of, missing_file, named_file
from bot.console.screen import Screen
from bot.desk.context import Services
from bot.desk.door import Desk, Dialogue
from bot.language.dialogue.answers import Expecting, parse_answer
from bot.language.parser import parse
from bot.manage import tidying
from bot.phrases import LANGUAGES, Language, say
from bot.replies import Button, Card, Reply, Text
from bot.utterance import Attachment, Utterance
from tuner.store.records import Job

TEAM = "local"
PERSON = "you"
CHANNEL = "console"
_SURE = ("delete:", "tidy:", "spare:")
"""Buttons of a question whether something shall be deleted: the one that does it, and the one that does not."""


@dataclass(slots=True, kw_only=True)
class Session:
    """The dialogue of one console. Its buttons are those of the newest replies that had any."""

    desk: Desk
    services: Services
    screen: Screen
    folder: Path
    """Where relative file names start."""
    language: Language | None
    """Chosen with --language; None: that of each message."""
    confirms: bool
    """--yes: offered plans are started without asking."""
    need_worker: Callable[[], Awaitable[None]]
    """Called before a wait, so that somebody does the work."""
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _buttons: tuple[Button, ...] = ()
    _asked: tuple[Button, ...] = ()
    """Those of a question that deletes something, while nothing else was said; a yes or a no answers it."""
    _started: str = ""
    """The plan that was started last."""
    _seen: dict[int, int] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def hear(self, line: str) -> bool:
        """Answers one line. Promises False when the person said to leave."""
        text = line.strip()
        if not text:
            return True
        button = self._agreed(text) or self._pressed(text)
        self._buttons = tuple(each for each in self._buttons if each not in self._asked)
        self._asked = ()
        if button is not None:
            await self._press(button)
        elif _is(text, "buttons.start_name") and (now := await self._dialogue()).shown is None:
            await self._show(Text(text=say("console.no_plan_waits", self.language or now.language)))
        elif _is(text, "console.leave_words") and not (await self._dialogue()).is_chatting:
            return False  # in a conversation the same word leaves that first
        elif _is(text, "console.wait_words"):
            await self.wait()
        else:
            await self._answer(text=text)
        return True

    async def wait(self) -> None:
        """Shows the newest job until it is over; then its report, with the buttons that come with it."""
        jobs = await self.services.store.jobs(TEAM)
        job = next((job for job in jobs if job.state in ("running", "queued")), None) or next(
            (job for job in jobs if job.id not in self._seen), None
        )
        language = self._language(job)
        if job is None:
            await self._show(Text(text=say("console.nothing_to_wait_for", language)))
            return
        await self.need_worker()
        events = watch.follow(self.services.store, job, language, self.services.home, clock=self.services.clock)
        async with aclosing(events) as replies:
            async for reply in replies:
                await self._show(reply)
        self._seen[job.id] = 1
        tidied = await tidying.check(self.services.store, TEAM, language)
        if tidied is not None:
            await self._show(tidied)

    async def unfinished(self) -> list[Job]:
        """Promises the jobs that wait or run; they go on when Onsa runs again."""
        return [job for job in await self.services.store.jobs(TEAM) if job.state in ("queued", "running")]

    def _language(self, job: Job | None) -> Language:
        return self.language or (job.language if job is not None else "en")

    def _agreed(self, text: str) -> Button | None:
        """The button that a yes or a no means."""
        said = parse_answer(text, Expecting(kind="yes_no")) if self._asked else None
        if said is None or said.yes is None:
            return None
        return next(each for each in self._asked if (each.style == "danger") == said.yes)

    def _pressed(self, text: str) -> Button | None:
        wanted = text.strip("[] 　").casefold()
        for button in self._buttons:
            verb = button.action.partition(":")[0]
            names = {button.name.casefold(), button.label.casefold()} | (set() if button.name.isdigit() else {verb})
            if wanted in names:
                return button
        return None

    async def _press(self, button: Button) -> None:
        """A typed word stands on no card: it means the plan that was spoken of last, and starts no older one."""
        verb, _, argument = button.action.partition(":")
        if verb in ("start", "change", "cancel"):
            now = await self._dialogue()
            if verb == "start" and argument not in (now.shown, self._started):
                await self._show(Text(text=say("console.no_plan_waits", self.language or now.language)))
                return
            argument = now.draft or argument
        await self._answer(pressed=f"{verb}:{argument}")

    async def _dialogue(self) -> Dialogue:
        return await self.desk.dialogue(TEAM, PERSON, CHANNEL)

    async def _file(self, text: str) -> Attachment | None:
        """The file that a typed line names. Raises NoFile for a name that leads to none."""
        path = await asyncio.to_thread(named_file, text, self.folder)
        if path is not None:
            return await asyncio.to_thread(attachment_of, path)
        command = parse(text)
        if command.dataset and command.intent in ("data", "tune"):
            now = await self._dialogue()
            if not now.is_chatting and await self.services.store.dataset(TEAM, command.dataset) is None:
                await asyncio.to_thread(missing_file, command.dataset, self.folder)
        return None

    async def _answer(self, text: str = "", pressed: str | None = None) -> None:
        try:
            file = await self._file(text) if text else None
        except NoFile as error:
            language = self.language or parse(text).utterance_language
            await self._show(Text(text=say(f"console.{error.key}", language, error.facts)))
            return
        attachments = (file,) if file is not None else ()
        utterance = Utterance(
            team=TEAM,
            person=PERSON,
            channel=CHANNEL,
            message_id=f"{self.name}-{next(self._numbers)}",
            text=text,
            pressed=pressed,
            attachments=attachments,
            language=self.language,
            kind="press" if pressed else "message",
        )
        start: Button | None = None
        async with aclosing(self.desk.answer(utterance)) as replies:
            async for reply in replies:
                await self._show(reply)
                start = _start_button(reply) or start
        if pressed is not None and pressed.startswith("start:") and await self.unfinished():
            self._started = pressed.partition(":")[2]
            now = await self._dialogue()
            await self._show(Text(text=say("console.how_to_wait", self.language or now.language)))
        if start is not None and self.confirms:
            await self._answer(pressed=start.action)

    async def _show(self, reply: Reply) -> None:
        await self.screen.show(reply)
        if isinstance(reply, Text | Card) and reply.buttons:
            fresh = {button.name for button in reply.buttons}
            kept = tuple(button for button in self._buttons if button.name not in fresh and not button.name.isdigit())
            self._buttons = (*reply.buttons, *kept)
            if {button.style for button in reply.buttons if button.action.startswith(_SURE)} >= {"danger"}:
                self._asked = tuple(button for button in reply.buttons if button.action.startswith(_SURE))


def _start_button(reply: Reply) -> Button | None:
    if not isinstance(reply, Text | Card):
        return None
    return next((button for button in reply.buttons if button.action.startswith("start:")), None)


def _is(text: str, key: str) -> bool:
    """True when `text` is one of the console's own words, in either language."""
    words = {word.strip().casefold() for language in LANGUAGES for word in say(key, language).split("|")}
    return text.casefold() in words
