"""Shows a job's live card in Discord: one message, edited, posted anew when it grows old, and never twice.

Before a card is posted, its mark is noted. The mark stands in the card's footer and in the nonce: a process that was
killed between the sending and the noting finds its card again, or sends what Discord knows to be the same message.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import discord

from bot.discord_front import outlet
from bot.discord_front.buttons import view_of
from bot.discord_front.found import has_footer, own_message
from bot.discord_front.places import guild_of, room_of
from bot.discord_front.render import Post
from bot.phrases import say
from bot.tally import Tally
from tuner.store import Store

_LOG = logging.getLogger("onsa.discord")

TOO_OLD = 30046
ARCHIVED = 50083
OVER = ("finished", "stopped", "failed", "paused")


@dataclass(slots=True, kw_only=True)
class Card:
    """A live card in Discord. The first five fields survive the process."""

    tally: Tally
    message: int | None = None
    mark: int = 0
    """The number in the footer of `message`."""
    posted_at: float = 0.0
    sending: int | None = None
    """The mark of a card that is being posted, or was when the process ended."""
    replaced: int | None = None
    """An older message of this card that still has to go."""
    edited_at: float = 0.0
    shown: str = ""
    closed: int = 0
    """How often the thread was found closed; it may be opened again."""
    is_refused: bool = False
    """Nobody can see it: no right, or the thread is gone. The report finds its own way."""

    def kept(self) -> dict[str, Any]:
        """Promises what another process needs to go on with this card."""
        names = ("message", "mark", "posted_at", "sending", "replaced")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def again(cls, tally: Tally, kept: dict[str, Any]) -> Self:
        """The reverse of `kept`."""
        known = {name: kept[name] for name in ("message", "mark", "posted_at", "sending", "replaced") if name in kept}
        return cls(tally=tally, **known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cards:
    """Posts, edits and replaces. `save` notes all cards before and after what must not happen twice."""

    client: discord.Client
    store: Store
    save: Callable[[], Awaitable[None]]
    next_mark: Callable[[], int]

    async def put(self, card: Card, post: Post, now: float, *, anew: bool) -> None:
        """Edits the card's message, or posts one; the old one goes when a new one stands.

        Raises one of outlet.TROUBLE when Discord is busy or away: then the same call goes on with it later.
        """
        job = card.tally.job
        room = await room_of(self.store, int(job.channel))
        guild = room.guild if room is not None else guild_of(job.team)
        place = self.client.get_partial_messageable(int(job.channel), guild_id=guild)
        try:
            if card.sending is not None:
                anew = not await self._find(card, place) and job.state not in OVER
            if not await self._is_edited(card, place, post, anew=anew):
                await self._send(card, place, post, now)
            await self._take_away(card, place)
            card.closed = 0
        except discord.HTTPException as error:
            if not outlet.is_refusal(error):
                raise
            if error.code == ARCHIVED:
                card.closed += 1
                return  # people closed the thread: nothing opens it again but the report
            card.is_refused, card.sending = True, None
            _LOG.warning("the live card of job %s cannot be shown: %s (%s)", job.id, error.status, error.code)

    async def _find(self, card: Card, place: discord.PartialMessageable) -> bool:
        """Promises True when the card that was being posted stands: it is this card's message from now on."""
        assert card.sending is not None
        found = await own_message(self.client, place, has_footer(_footer(card, card.sending)))
        if found is None:
            return False
        await self._stands(card, found.id)
        return True

    async def _stands(self, card: Card, message: int) -> None:
        assert card.sending is not None
        card.replaced, card.message = card.message, message
        card.mark, card.sending = card.sending, None
        await self.save()

    async def _is_edited(self, card: Card, place: discord.PartialMessageable, post: Post, *, anew: bool) -> bool:
        """False when the card has to be posted: there is none, it is too old, or somebody took it away."""
        if card.message is None:
            return False
        if not anew:
            shown = _marked(card, post, card.mark)
            try:
                await place.get_partial_message(card.message).edit(
                    embeds=list(shown.embeds), view=view_of(shown.buttons), allowed_mentions=outlet.NOBODY
                )
                return True
            except discord.HTTPException as error:
                if not isinstance(error, discord.NotFound) and error.code != TOO_OLD:
                    raise
        return card.tally.job.state in OVER  # then there is nothing left to follow

    async def _send(self, card: Card, place: discord.PartialMessageable, post: Post, now: float) -> None:
        if card.sending is None:
            card.sending = self.next_mark()
        card.posted_at = now
        await self.save()
        shown = _marked(card, post, card.sending)
        sent = await outlet.send(place, shown, nonce=f"live-{card.tally.job.id}-{card.sending}")
        await self._stands(card, sent.id)

    async def _take_away(self, card: Card, place: discord.PartialMessageable) -> None:
        if card.replaced is None:
            return
        with suppress(discord.NotFound, discord.Forbidden):
            await place.get_partial_message(card.replaced).delete()
        card.replaced = None
        await self.save()


def _footer(card: Card, mark: int) -> str:
    return say("discord.live.footer", card.tally.job.language, {"job": card.tally.job.number, "card": mark})


def _marked(card: Card, post: Post, mark: int) -> Post:
    for embed in post.embeds:
        embed.set_footer(text=_footer(card, mark))
    return post
