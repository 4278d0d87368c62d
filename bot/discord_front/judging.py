"""Judging in Discord: votes answered to the voter alone, forms for a reason and for a right answer, the menu commands.

Only the person who voted reads the names, so that all others still judge blind; the next pair is for everybody.
"""

from __future__ import annotations

import logging
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

import discord
from discord import app_commands

from bot.desk.context import Turn
from bot.discord_front import choosing, running
from bot.discord_front.forms import Sent
from bot.discord_front.outlet import NOBODY, TROUBLE, ChannelOutlet, channel_of, parts_of
from bot.discord_front.presses import acknowledge, spoken
from bot.discord_front.render import posts_of
from bot.discord_front.translate import word
from bot.judging import corrections
from bot.judging.door import VERBS
from bot.judging.voting import CHOICES
from bot.judging.wish import DEFAULT_TRIAL, MOST_QUESTIONS, Side, Wish
from bot.language.commands import Command
from bot.phrases import Language, say
from bot.replies import Card, Reply, Stream, Text
from bot.utterance import Utterance

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient, Tree
    from bot.discord_front.render import Post

Interaction: TypeAlias = "discord.Interaction[OnsaClient]"

_LOG = logging.getLogger("onsa.discord")

OURS = VERBS - {"make"}
"""Buttons that are answered here. A new data set is everybody's news: the desk's ordinary way."""
FORMS = ("reason", "right")
"""Verbs of the forms that come back here."""
_FIELD, _TITLE, _LONG = 45, 45, 4000


class _Aside:
    """Messages that only the person sees who pressed."""

    def __init__(self, interaction: Interaction) -> None:
        self._interaction = interaction

    async def send(self, post: Post) -> None:
        try:
            await self._interaction.followup.send(**parts_of(post), ephemeral=True, wait=True)
        except TROUBLE as error:
            _LOG.warning("a voter could not be answered: %r", error)


async def pressed(interaction: Interaction, verb: str, action: str) -> None:
    """One press of a button of OURS."""
    argument = action.partition(":")[2]
    if verb == "write":
        await _open_right(interaction, argument)
    elif verb == "poor":
        language = (await spoken(interaction)).language or "en"
        await interaction.response.send_modal(_reason_form(argument, language))
        # Kept at once: a person who closes the form has still pressed the thumb.
        await interaction.client.front.quietly(await spoken(interaction, pressed=action))
    elif await acknowledge(interaction):
        await _answer(interaction, await spoken(interaction, pressed=action), is_vote=verb in (*CHOICES, "judge"))


async def sent(interaction: Interaction, verb: str, argument: str, form: Sent) -> None:
    """A form of FORMS that came back."""
    if not await acknowledge(interaction):
        return
    action = f"poor:{argument}" if verb == "reason" else f"write:{argument}"
    text = form.texts.get("words", "").strip()
    await _answer(interaction, await spoken(interaction, text=text, pressed=action), is_vote=False)


async def _answer(interaction: Interaction, utterance: Utterance, *, is_vote: bool) -> None:
    """Everything aside, but for a pair that a vote brought."""
    front = interaction.client.front
    aside, hall = _Aside(interaction), ChannelOutlet(channel_of(interaction))
    async with front.turn_of(utterance), aclosing(front.desk.answer(utterance)) as replies:
        async for reply in replies:
            assert not isinstance(reply, Stream)
            for post in posts_of(reply):
                await (hall if is_vote and _is_for_all(reply) else aside).send(post)


def _is_for_all(reply: Reply) -> bool:
    """True for a pair to vote on: it names no model."""
    buttons = reply.buttons if isinstance(reply, Text | Card) else ()
    return isinstance(reply, Card) and any(button.action.startswith("left:") for button in buttons)


def _form(title: str, custom_id: str, field: str, default: str = "", *, required: bool) -> discord.ui.Modal:
    form = discord.ui.Modal(title=title[:_TITLE], custom_id=custom_id, timeout=None)
    form.add_item(
        discord.ui.TextInput[Any](
            label=field[:_FIELD],
            style=discord.TextStyle.paragraph,
            default=default[:_LONG] or None,
            required=required,
            max_length=_LONG if required else 1000,
            custom_id="words",
        )
    )
    form.stop()  # its id carries everything
    return form


def _reason_form(answer_id: str, language: Language) -> discord.ui.Modal:
    title, field = (say(f"judging.rate.why_{name}", language) for name in ("title", "field"))
    return _form(title, f"f:reason:{answer_id}", field, required=False)


async def _open_right(interaction: Interaction, argument: str) -> None:
    """The form for the right answer, with the model's own in it to be changed."""
    utterance = await spoken(interaction)
    language = utterance.language or "en"
    turn = Turn(utterance=utterance, language=language, services=interaction.client.front.services, state={})
    rating = await corrections.find(turn, int(argument)) if argument.isdigit() else None
    if rating is None:
        text = say("replies.desk.button_too_old", language)
        await interaction.response.send_message(text, ephemeral=True, allowed_mentions=NOBODY)
        return
    title, field = (say(f"judging.correct.form_{name}", language) for name in ("title", "field"))
    await interaction.response.send_modal(
        _form(title, f"f:right:{rating.id}", field, rating.correction or rating.answer.strip(), required=True)
    )


def add_judging(tree: Tree) -> None:
    """/compare with its sides and number of questions, and /leaderboard."""
    names = ("prompt", "job", "trial", "against", "other_job", "other_trial", "questions")

    @tree.command(name=word("compare"), description=word("compare_about"))
    @app_commands.rename(**{name: word(f"option_{name}") for name in names})
    @app_commands.describe(**{name: word(f"option_{name}_about") for name in names})
    @app_commands.choices(
        against=[app_commands.Choice(name=word(f"against_{name}"), value=name) for name in ("base", "default", "best")]
    )
    @app_commands.autocomplete(job=choosing.jobs, other_job=choosing.jobs)
    async def compare(
        interaction: Interaction,
        prompt: app_commands.Range[str, 1, 2000] | None = None,
        job: int | None = None,
        trial: app_commands.Range[int, 0, 100_000] | None = None,
        against: str | None = None,
        other_job: int | None = None,
        other_trial: app_commands.Range[int, 0, 100_000] | None = None,
        questions: app_commands.Range[int, 1, MOST_QUESTIONS] | None = None,
    ) -> None:
        first = Side(job=job, what="best" if trial is None else trial)
        there = job if other_job is None else other_job
        second = _other_side(against, there, other_trial, is_job=other_job is not None)
        wish = Wish(kind="compare", sides=(first, second), prompt=prompt, count=1 if prompt else questions or 1)
        await running.command(interaction, Command(intent="compare"), compared=wish)

    @tree.command(name=word("leaderboard"), description=word("leaderboard_about"))
    async def leaderboard(interaction: Interaction) -> None:
        await running.command(interaction, Command(intent="best"), hidden=True, compared=Wish(kind="board"))


def _other_side(against: str | None, job: int | None, trial: int | None, *, is_job: bool) -> Side:
    """What the first side is set against: a try that was named, else what was chosen, else the other job's best, else
    the untouched model."""
    if trial is not None:
        return Side(job=job, what=trial)
    if against == "default":
        return Side(job=job, what=DEFAULT_TRIAL)
    return Side(job=job, what="best" if against == "best" or (is_job and against is None) else "base")
