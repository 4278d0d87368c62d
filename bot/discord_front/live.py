"""One job's live card: what its events say so far, as one message. Sends nothing."""

from __future__ import annotations

import discord

from bot.desk.buttons import button
from bot.discord_front.markup import escape
from bot.discord_front.render import COLOUR, Post, bar
from bot.phrases import say
from bot.replies import Button
from bot.results import NO_NAMES, Names, named_tries
from bot.tally import Tally
from tuner.plan.plan import MAXIMISED

_STEPS = "▁▂▃▄▅▆▇█"
_SHOWN = 40


def chart_of(tally: Tally) -> str:
    """Promises the scores of the tries as little columns, better ones higher; empty below two."""
    shown = tally.values[-_SHOWN:]
    if len(shown) < 2:
        return ""
    low, high = min(shown), max(shown)
    sign = 1 if tally.job.plan.metric in MAXIMISED else -1
    parts = [(value - low) / (high - low) if high > low else 0.5 for value in shown]
    return "".join(_STEPS[round((part if sign > 0 else 1 - part) * (len(_STEPS) - 1))] for part in parts)


def post_of(tally: Tally, ahead: int = 0, names: Names = NO_NAMES) -> Post:
    """Promises the card as it is now, in the job's language. `ahead`: jobs that run first, while it waits."""
    job = tally.job
    language = job.language
    is_active = job.state in ("queued", "running")
    lines = [f"{bar(tally.share)} {escape(say('replies.watch.progress', language, tally.facts()))}"]
    if job.state == "queued":
        lines = [escape(say("discord.live.waits", language, {"ahead": ahead}))]
    elif tally.is_testing and is_active:
        lines.append(escape(say("discord.live.tests", language)))
    if is_active and tally.is_alone:
        lines.append(escape(say("discord.live.alone", language)))
    elif is_active and tally.narrowed is not None:
        facts = {"together": tally.narrowed.together, "now": tally.narrowed.now}
        lines.append(escape(say("replies.watch.narrowed", language, facts)))
    lines += [escape(line) for line in named_tries(names, language)]
    chart = chart_of(tally)
    if chart:
        lines.append(f"`{chart}`")
    state = say(f"replies.jobs.state_{job.shown}", language)
    embed = discord.Embed(
        title=escape(say("discord.live.title", language, {"job": job.number, "state": state, "name": names.get(None)})),
        description="\n".join(lines),
        colour=COLOUR,
    )
    return Post(embeds=(embed,), buttons=_buttons(tally))


def _buttons(tally: Tally) -> tuple[Button, ...]:
    """What may be asked of the job now. Who may is decided when a button is pressed, whatever process sent it."""
    job = tally.job
    if job.state != "paused" and (tally.is_over or job.state not in ("queued", "running")):
        return ()
    hold = "resume" if job.state == "paused" or job.wish == "pause" else "pause"
    hold = "judge" if job.votes_wanted else hold
    stop = button("stop", str(job.number), job.language, "danger")
    return (stop,) if job.wish == "stop" else (button(hold, str(job.number), job.language), stop)
