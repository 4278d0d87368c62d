"""Keeps the live cards of jobs and delivers what is over. Reads only the store: it goes on where a lost process was."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import discord

from bot.discord_front import outlet, rooms
from bot.discord_front.cards import OVER, Card, Cards
from bot.discord_front.delivery import deliver_all
from bot.discord_front.live import post_of
from bot.discord_front.places import FOREVER_S, SHELF, is_about, is_ours, room_of
from bot.manage.names import names_of
from bot.phrases import say
from bot.planning import name_of_data
from bot.tally import tally_of
from tuner.store import Store, StoreUnavailable
from tuner.store.records import Job, StoredEvent

_LOG = logging.getLogger("onsa.discord")

POLL_S = 1.0
LONGEST_S = 60.0
"""One card or report holds up the others no longer."""
EDIT_S = 5.0
"""Between two edits of one card: Discord allows about one a second a channel."""
RENEW_S = 3000.0
"""Edits of messages older than an hour are capped (error 30046): before that the card is posted anew."""
LOOKS_AGAIN = 5
"""For the last word on a card, in a thread that people closed."""
_INDEX = "live"


@dataclass(slots=True, kw_only=True)
class Watch:
    """One for the process."""

    client: discord.Client
    store: Store
    clock: Callable[[], float]
    cards: dict[int, Card] = field(default_factory=dict)
    """Job.id -> its card."""
    _after: int = 0
    _mark: int = 0
    """Of the newest card; every card that is posted gets its own."""
    _hints: set[tuple[str, str]] = field(default_factory=set)
    _saved: str = ""

    def hint(self, team: str, channel: str) -> None:
        """A job may have been queued there."""
        self._hints.add((team, channel))

    async def run(self) -> None:
        """Until cancelled. A failing round is logged and the next one goes on."""
        is_resumed = False
        wait_s = POLL_S
        while True:
            try:
                if not is_resumed:
                    await self._resume()
                    is_resumed = True
                await self.round()
                wait_s = POLL_S
            except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError, StoreUnavailable) as error:
                wait_s = min(60.0, wait_s * 2)
                _LOG.warning("the watch waits %.0f s: %r", wait_s, error)
            except Exception:
                wait_s = min(60.0, wait_s * 2)
                _LOG.exception("the watch failed, reference %s", uuid.uuid4().hex[:8])
            await asyncio.sleep(wait_s)

    async def round(self) -> None:
        """One look at the store: new jobs, new events, cards, deliveries."""
        hints, self._hints = self._hints, set()
        for team, channel in hints:
            for job in await self.store.jobs(team, limit=5):
                if job.channel == channel and job.state in ("queued", "running") and job.id not in self.cards:
                    await self._begin(job, until=self._after)
        while events := await self.store.events(self._after):
            for stored in events:
                await self._take(stored)
                self._after = stored.seq
        troubles: list[Exception] = []
        for card in list(self.cards.values()):
            try:
                async with asyncio.timeout(LONGEST_S):
                    await self._show(card)
            except outlet.TROUBLE as error:
                troubles.append(error)  # one channel in trouble holds up no other
        troubles += await deliver_all(self.client, self.store)
        await self._save()
        if troubles:
            raise troubles[0]

    async def _resume(self) -> None:
        """Takes up the cards of the process before this one."""
        known = await self.store.dialogue(SHELF, _INDEX)
        self._after = int(known["after"]) if known else await self.store.last_seq()
        self._mark = int((known or {}).get("mark", 0))
        for job_id, kept in (known or {}).get("cards", {}).items():
            with suppress(KeyError):
                card = await self._add(await self.store.job_by_id(int(job_id)), until=self._after)
                self.cards[int(job_id)] = Card.again(card.tally, kept)

    async def _save(self) -> None:
        cards = {str(key): card.kept() for key, card in self.cards.items()}
        value = {"after": self._after, "mark": self._mark, "cards": cards}
        if repr(value) != self._saved:
            await self.store.keep_dialogue(SHELF, _INDEX, value, FOREVER_S)
            self._saved = repr(value)

    def _hands(self) -> Cards:
        return Cards(client=self.client, store=self.store, save=self._save, next_mark=self._next_mark)

    def _next_mark(self) -> int:
        self._mark += 1
        return self._mark

    async def _add(self, job: Job, until: int) -> Card:
        """A card that knows the job's events up to `until`; later ones come with the next look."""
        card = self.cards[job.id] = Card(tally=await tally_of(self.store, job, until))
        return card

    async def _begin(self, job: Job, until: int) -> None:
        if job.state not in OVER:
            await self._add(job, until=until)
        room = await room_of(self.store, int(job.channel))
        if room is not None and room.kind == "job":
            await is_about(self.store, room, job.number)
            facts = {"job": job.number, "dataset": await name_of_data(self.store, job)}
            await rooms.rename(self.client, room, say("discord.front.thread_job", job.language, facts))

    async def _take(self, stored: StoredEvent) -> None:
        if stored.job not in self.cards:
            job = await self.store.job_by_id(stored.job)
            if stored.body["kind"] == "JobStarted" and is_ours(job.team):
                await self._begin(job, until=stored.seq - 1)  # resumed, extended, or queued while nobody looked
        if stored.job in self.cards:
            self.cards[stored.job].tally.take_stored(stored)

    async def _show(self, card: Card) -> None:
        try:
            job = card.tally.job = await self.store.job_by_id(card.tally.job.id)
        except KeyError:  # deleted with its data
            self.cards.pop(card.tally.job.id, None)
            return
        ahead = await self.store.ahead(job.id) if job.state == "queued" else 0
        is_over = job.state in OVER
        now = self.clock()
        post = post_of(card.tally, ahead, await names_of(self.store, job.team, job.number))
        looks = repr([embed.to_dict() for embed in post.embeds]) + repr(post.buttons)
        is_old = card.message is not None and not 0 <= now - card.posted_at < RENEW_S and not is_over
        if looks != card.shown:
            if not is_over and 0 <= now - card.edited_at < EDIT_S:
                return
            if not card.is_refused:
                await self._hands().put(card, post, now, anew=is_old)
            card.shown, card.edited_at = looks, now
        if is_over and card.closed in range(1, LOOKS_AGAIN):
            card.shown = ""  # the report is about to open the thread
        elif is_over:
            self.cards.pop(job.id, None)
