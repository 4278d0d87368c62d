"""Leads somebody who manages the server through the settings: a few short steps that only this person sees.

Every step may be skipped. Which step comes next is kept with the team, and the ids of the menus carry their step, so
that it goes on after a restart, from the old message or with the next /settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import discord

from bot.discord_front import rights
from bot.discord_front.buttons import custom_id, front_button, view_of
from bot.discord_front.intake import language_for
from bot.discord_front.outlet import NOBODY
from bot.discord_front.places import team_of
from bot.discord_front.render import posts_of
from bot.discord_front.settings_card import may_change_team, settings_card, stored
from bot.language.vocabulary.examples import examples
from bot.phrases import Language, say
from bot.replies import Button, Card

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

Interaction: TypeAlias = "discord.Interaction[OnsaClient]"
Step = Literal["language", "starters", "minutes", "channel"]
STEPS: tuple[Step, ...] = get_args(Step)
_KEY, _DONE = "setup", "done"
_MINUTES = (30, 60, 120, 300, 600, 1200)
_MOST_ROLES = 10


async def is_due(interaction: Interaction) -> bool:
    """True for somebody who manages a server that nobody was led through the settings of yet."""
    if interaction.guild_id is None or not may_change_team(interaction):
        return False
    team = team_of(interaction.guild_id, interaction.user.id)
    return await interaction.client.front.store.preference(team, None, _KEY) != _DONE


async def begin(interaction: Interaction) -> None:
    """Goes on where it was left, in the interaction's own answer, which was deferred and only this person sees."""
    store = interaction.client.front.store
    kept = await store.preference(team_of(interaction.guild_id, interaction.user.id), None, _KEY)
    step = next((step for step in STEPS if step == kept), STEPS[0])
    await interaction.edit_original_response(**_parts(*await _step(interaction, step)))


async def pressed(interaction: Interaction, argument: str) -> None:
    """A menu or button of a step, `<step>[:skip|all]`, or `begin`. Others than admins are told so, alone."""
    if interaction.guild_id is None or not may_change_team(interaction):
        text = say("discord.settings.admins_only", await language_for(interaction))
        await interaction.response.send_message(text, ephemeral=True, allowed_mentions=NOBODY)
        return
    name, _, how = argument.partition(":")
    if name not in STEPS:
        parts = _parts(*await _step(interaction, STEPS[0]))
        await interaction.response.send_message(**parts, ephemeral=True)
        return
    step = name
    if how != "skip":
        await _take(interaction, step, [] if how == "all" else _values(interaction))
    team = team_of(interaction.guild_id, interaction.user.id)
    following = STEPS[STEPS.index(step) + 1] if step != STEPS[-1] else None
    await interaction.client.front.store.prefer(team, None, _KEY, following or _DONE)
    shown = await (_step(interaction, following) if following is not None else _end(interaction))
    await interaction.response.edit_message(**_parts(*shown))


def _values(interaction: Interaction) -> list[str]:
    data: Any = interaction.data or {}
    return [str(value) for value in data.get("values", ())]


async def _take(interaction: Interaction, step: Step, values: list[str]) -> None:
    """Keeps what was chosen. What no menu offered (typed by hand) changes nothing."""
    store, guild = interaction.client.front.store, interaction.guild
    team = team_of(interaction.guild_id, interaction.user.id)
    match step:
        case "language" if values:
            await store.prefer(team, None, "language", stored(values[0]))
        case "starters":
            known = {role.id for role in guild.roles} if guild is not None else set()
            roles = {int(value) for value in values if value.isdigit()} & known
            if roles or not values:
                await rights.keep_for(store, team, "start", roles)
        case "minutes" if values and values[0].isdigit() and int(values[0]) in (0, *_MINUTES):
            await rights.keep_minutes(store, team, "person", int(values[0]) or None)
        case "channel":
            found = guild.get_channel(int(values[0])) if guild is not None and values and values[0].isdigit() else None
            if isinstance(found, discord.TextChannel) or not values:
                await store.prefer(team, None, "listens", str(found.id) if found is not None else None)


async def _step(interaction: Interaction, step: Step) -> tuple[Card, discord.ui.Item[Any] | None]:
    """Promises the card of a step with its buttons, and its menu."""
    language = await language_for(interaction)
    can_read = interaction.client.front.settings.discord_message_content
    facts = {"step": STEPS.index(step) + 1, "steps": len(STEPS)}
    line = f"discord.setup.{step}" if step != "channel" or can_read else "discord.setup.channel_unread"
    buttons: list[Button] = []
    if step in ("starters", "channel") and (step != "channel" or can_read):
        label = say(f"discord.setup.{step}_all_label", language)
        buttons.append(front_button(f"setup:{step}:all", label, "primary"))
    buttons.append(front_button(f"setup:{step}:skip", say("discord.setup.skip_label", language)))
    title = say(f"discord.setup.{step}_title", language)
    card = Card(
        title=say("discord.setup.title", language, {**facts, "title": title}),
        lines=(say(line, language), "", say("discord.setup.note", language)),
        buttons=tuple(buttons),
    )
    return card, None if step == "channel" and not can_read else _menu(step, language)


def _menu(step: Step, language: Language) -> discord.ui.Item[Any]:
    known: dict[str, Any] = {
        "custom_id": custom_id(f"front:setup:{step}"),
        "placeholder": say(f"discord.setup.{step}_menu", language),
    }
    match step:
        case "starters":
            return discord.ui.RoleSelect[Any](**known, max_values=_MOST_ROLES)
        case "channel":
            return discord.ui.ChannelSelect[Any](**known, channel_types=[discord.ChannelType.text])
        case "language":
            offers = [(say(f"discord.commands.language_{name}", language), name) for name in ("auto", "en", "ja")]
        case "minutes":
            offers = [(say("discord.setup.minutes_choice", language, {"minutes": most or None}), str(most))
                      for most in (0, *_MINUTES)]
    options = [discord.SelectOption(label=label, value=value) for label, value in offers]
    return discord.ui.Select[Any](**known, options=options)


async def _end(interaction: Interaction) -> tuple[Card, None]:
    """What holds now, and what can be typed first."""
    language = await language_for(interaction)
    team = team_of(interaction.guild_id, interaction.user.id)
    held = await settings_card(interaction, interaction.client.front.store, team, language)
    by_intent: dict[str, str] = {}
    for intent, sentence in examples(language):
        by_intent.setdefault(intent, sentence)
    said = {"tune": by_intent["tune"], "help": by_intent["help"]}
    card = Card(
        title=say("discord.setup.end_title", language),
        fields=held.fields,
        lines=(say("discord.setup.end", language, said),),
    )
    return card, None


def _parts(card: Card, menu: discord.ui.Item[Any] | None) -> dict[str, Any]:
    """The message of a step. It replaces the one before it, so every part is named."""
    post = posts_of(card)[-1]
    view = view_of(post.buttons)
    if menu is not None:
        rows = discord.ui.View(timeout=None)
        rows.add_item(menu)
        for item in view.children if view is not None else ():
            rows.add_item(item)
        rows.stop()
        view = rows
    return {"embeds": list(post.embeds), "view": view, "allowed_mentions": NOBODY}
