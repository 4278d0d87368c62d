"""Reports and failures reach their people once: in the job's thread, with one line in the channel it hangs on.

What was sent is noted after each part, so that a crash between two parts goes on with the next. A message that was
sent but not noted is found again by its footer, and by its nonce within a few minutes.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import discord

from bot.desk.buttons import button
from bot.discord_front import outlet, pictures
from bot.discord_front.found import has_footer, own_message
from bot.discord_front.markup import escape
from bot.discord_front.places import FOREVER_S, SHELF, guild_of, is_ours, room_of
from bot.discord_front.render import COLOUR, Post, posts_of
from bot.discord_front.rights import hides_costs
from bot.explain import explain
from bot.judging import told as opinions
from bot.manage import tidying
from bot.manage.names import names_of
from bot.phrases import say
from bot.replies import Button, Card, Text
from bot.results import report_card, without_costs
from bot.watch import votes_reply, wants_votes
from tuner.events import JobFailed, StudyFinished, VotesWanted, event_from_json
from tuner.store import Store, StoreUnavailable
from tuner.store.records import Job, StoredEvent

_LOG = logging.getLogger("onsa.discord")

LONGEST_S = 120.0
"""One report holds up the others no longer; the next round goes on with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one event has to say: posts for the thread, and one line for the channel."""

    posts: tuple[Post, ...]
    line: str


async def deliver_all(client: discord.Client, store: Store) -> list[Exception]:
    """Delivers what was delivered nowhere. Promises what could not be sent for now: the next call goes on with it."""
    troubles: list[Exception] = []
    for stored in await store.undelivered():
        job = await store.job_by_id(stored.job)
        if not is_ours(job.team) or not await _is_due(store, stored, job):
            await store.delivered(stored.seq, job.channel, "-")  # another front's, which shows it itself; or too late
            continue
        try:
            async with asyncio.timeout(LONGEST_S):
                await _deliver(client, store, stored, job)
        except outlet.TROUBLE as error:
            troubles.append(error)
        except Exception as error:  # what one team's server answers holds up no other team's report
            _LOG.exception("report %s could not be sent, reference %s", stored.seq, uuid.uuid4().hex[:8])
            troubles.append(error)
    return troubles


async def _is_due(store: Store, stored: StoredEvent, job: Job) -> bool:
    """False for a request for votes that are there by now."""
    event = event_from_json(stored.body)
    return not isinstance(event, VotesWanted) or await wants_votes(store, job, event)


async def _deliver(client: discord.Client, store: Store, stored: StoredEvent, job: Job) -> None:
    shelf = f"sending:{stored.seq}"
    known = await store.dialogue(SHELF, shelf)
    sending: dict[str, Any] = known or {"at": stored.at, "parts": [], "place": None, "line": None}
    told = await _told(store, stored, job)
    await store.keep_dialogue(SHELF, shelf, sending, FOREVER_S)
    async for place in _places(client, store, job):
        if sending["place"] not in (None, str(_id(place))):
            continue  # its first part stands elsewhere already
        try:
            await _send_parts(client, store, place, told, stored, sending, is_again=known is not None)
        except discord.HTTPException as error:
            if not outlet.is_refusal(error):
                raise
            _LOG.warning("report %s of job %s not sent there: %s", stored.seq, job.id, error.code)
            sending |= {"place": None, "parts": []}
            continue
        await _send_line(client, store, job, told, stored, sending, is_again=known is not None)
        await store.delivered(stored.seq, str(_id(place)), str(sending["parts"][-1]))
        await store.drop_dialogue(SHELF, shelf)
        if stored.body["kind"] == "StudyFinished":
            await _tidy(store, place, job)
        return
    _LOG.warning("report %s of job %s has no place left to go to; it stays in the store", stored.seq, job.id)
    await store.delivered(stored.seq, job.channel, "nowhere")
    await store.drop_dialogue(SHELF, shelf)


async def _tidy(store: Store, place: discord.abc.Messageable, job: Job) -> None:
    """What the team's rule about checkpoints does, or proposes, now that a job is over. Trouble waits for the night."""
    try:
        said = await tidying.check(store, job.team, job.language)
        for post in posts_of(said) if said is not None else ():
            await outlet.send(place, post)
    except (discord.HTTPException, OSError, StoreUnavailable):
        _LOG.warning("tidying after job %s could not be done or told", job.id, exc_info=True)


async def _send_parts(
    client: discord.Client,
    store: Store,
    place: discord.abc.Messageable,
    told: Told,
    stored: StoredEvent,
    sending: dict[str, Any],
    *,
    is_again: bool,
) -> None:
    for index in range(len(sending["parts"]), len(told.posts)):
        post = told.posts[index]
        footer = post.embeds[-1].footer.text if post.embeds else None
        found = await own_message(client, place, has_footer(footer)) if is_again else None
        if found is None:
            found = await outlet.send(place, post, nonce=f"onsa-{stored.seq}-{index}")
        sending |= {"place": str(_id(place)), "parts": [*sending["parts"], found.id]}
        await store.keep_dialogue(SHELF, f"sending:{stored.seq}", sending, FOREVER_S)


async def _send_line(
    client: discord.Client,
    store: Store,
    job: Job,
    told: Told,
    stored: StoredEvent,
    sending: dict[str, Any],
    *,
    is_again: bool,
) -> None:
    """One line with a link in the channel; a line that cannot be sent holds nothing up."""
    room = await room_of(store, int(job.channel))
    if room is None or sending["line"] is not None or sending["place"] != str(room.thread):
        return
    parent = client.get_partial_messageable(room.parent, guild_id=room.guild)
    try:
        line = f"{told.line} → <#{room.thread}>"
        sent = await own_message(client, parent, lambda message: message.content == line) if is_again else None
        if sent is None:
            sent = await outlet.send(parent, Post(content=line), nonce=f"onsa-{stored.seq}-line")
    except (discord.NotFound, discord.Forbidden):
        return
    sending["line"] = sent.id
    await store.keep_dialogue(SHELF, f"sending:{stored.seq}", sending, FOREVER_S)
    await store.delivered(stored.seq, str(room.parent), str(sent.id))


async def _places(client: discord.Client, store: Store, job: Job) -> AsyncIterator[discord.abc.Messageable]:
    """Where a job's report belongs: its thread, else the channel that the thread hung on, else its person alone."""
    room = await room_of(store, int(job.channel))
    guild = room.guild if room is not None else guild_of(job.team)
    yield client.get_partial_messageable(int(job.channel), guild_id=guild)
    if room is not None:
        yield client.get_partial_messageable(room.parent, guild_id=room.guild)
    if guild is None or not job.person.isdigit():
        return
    try:
        yield await client.create_dm(discord.Object(int(job.person)))
    except discord.HTTPException as error:
        if not outlet.is_refusal(error):
            raise
        _LOG.info("no direct conversation with the person of job %s: %s", job.id, error.code)


def _id(place: discord.abc.Messageable) -> int:
    return int(getattr(place, "id"))  # noqa: B009 - every place here is a channel or a partial one


async def _told(store: Store, stored: StoredEvent, job: Job) -> Told:
    """What to send. A report that cannot be put into words says so, and holds up no other."""
    try:
        posts, line = await _posts(store, stored, job)
    except Exception:
        reference = uuid.uuid4().hex[:8]
        _LOG.exception("report %s could not be told, reference %s", stored.seq, reference)
        line = say("discord.front.report_broken", job.language, {"job": job.number, "reference": reference})
        title = say("replies.report.title", job.language, {"job": job.number, "name": None})
        posts = posts_of(Card(title=title, lines=(line,)))
    for index, post in enumerate(posts):
        facts = {"job": job.number, "seq": stored.seq, "part": index + 1, "parts": len(posts)}
        post.embeds[-1].set_footer(text=say("discord.front.report_footer", job.language, facts))
    return Told(posts=tuple(posts), line=escape(line))


async def _posts(store: Store, stored: StoredEvent, job: Job) -> tuple[list[Post], str]:
    event = event_from_json(stored.body)
    if isinstance(event, StudyFinished):
        is_hidden = await hides_costs(store, job.team)
        report = without_costs(event.report) if is_hidden else event.report
        card = report_card(report, job, job.language, await names_of(store, job.team, job.number))
        folder = store.home / "charts" / job.team / f"job-{job.number}"
        drawn = await pictures.drawn(event.report, job.language, folder)
        posts = posts_of(card)
        take_home = Button(
            name="export", label=say("discord.front.export_label", job.language), action=f"export:{job.number}"
        )
        asked = (button("costs", f"job:{job.number}", job.language),) if is_hidden else ()
        posts[-1] = replace(posts[-1], pictures=drawn, buttons=(*posts[-1].buttons, take_home, *asked))
        said = await opinions.told(store, job, job.language)
        posts += [_framed(post) for post in posts_of(said)] if said is not None else []
        headline = explain(event.report, job.language).headline
        line = say("discord.front.done_line", job.language, {"job": job.number, "headline": headline})
    elif isinstance(event, VotesWanted):
        request = votes_reply(event, job, job.language)
        posts, line = posts_of(request), request.text
        posts = [_framed(post) for post in posts]
    else:
        assert isinstance(event, JobFailed)
        failed = say("replies.watch.failed", job.language, {"job": job.number, "reference": event.reference})
        why = say(f"problems.{event.key}", job.language, {"reference": event.reference, **event.facts})
        posts, line = posts_of(Text(text=f"{failed}\n{why}")), failed
        posts = [_framed(post) for post in posts]
    return posts, line


def _framed(post: Post) -> Post:
    """Plain words as a card: a footer marks what was sent."""
    return replace(post, content="", embeds=(_embed(post.content),))


def _embed(text: str) -> discord.Embed:
    return discord.Embed(description=text, colour=COLOUR)
