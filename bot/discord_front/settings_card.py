"""What holds for a team and a person, as a card that only the person sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import discord

from bot.discord_front import rights
from bot.discord_front.buttons import front_button
from bot.discord_front.outlet import parts_of
from bot.discord_front.places import guild_of
from bot.discord_front.render import posts_of
from bot.manage import team_model, tidying
from bot.phrases import Language, say
from bot.replies import Card
from tuner.store import Store

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

Interaction: TypeAlias = "discord.Interaction[OnsaClient]"


def may_change_team(interaction: Interaction) -> bool:
    """True for those who may manage the server, and for everybody alone with Onsa."""
    permissions = interaction.permissions
    return interaction.guild_id is None or permissions.manage_guild or permissions.administrator


def stored(language: str) -> Literal["en", "ja"] | None:
    """A choice of a language as it is kept; None: that of each message."""
    return "ja" if language == "ja" else "en" if language == "en" else None


async def settings_card(interaction: Interaction, store: Store, team: str, language: Language) -> Card:
    """Promises what holds here now, and how to change it."""
    own = await store.preference(team, str(interaction.user.id), "language") or "auto"
    fields = [(say("discord.settings.own_language", language), say(f"discord.commands.language_{own}", language))]
    if guild_of(team) is None:
        return Card(title=say("discord.settings.title", language), fields=tuple(fields))
    ours = await store.preference(team, None, "language") or "auto"
    fields.append((say("discord.settings.team_language", language), say(f"discord.commands.language_{ours}", language)))
    for privilege in rights.KEPT:
        names = [_role_name(interaction, role) for role in await rights.roles_for(store, team, privilege)]
        said = say("discord.settings.roles", language, {"roles": sorted(names)})
        fields.append((say(f"discord.settings.who_{privilege}", language), said))
    fields.append((say("discord.settings.team_model", language), await team_model.line(store, team, language)))
    fields.append((say("discord.settings.checkpoints", language), await tidying.line(store, team, language)))
    fields += await _minutes(interaction, store, team, language)
    may = may_change_team(interaction)
    return Card(
        title=say("discord.settings.title", language),
        fields=tuple(fields),
        lines=(say("discord.settings.how_admin" if may else "discord.settings.how_member", language),),
        buttons=(front_button("setup:begin", say("discord.setup.again_label", language)),) if may else (),
    )


async def _minutes(interaction: Interaction, store: Store, team: str, language: Language) -> list[tuple[str, str]]:
    """The limits, and what of them is used; where costs are kept for some, the others see the limits only."""
    now = interaction.client.front.services.clock()
    member = rights.member_of(interaction.user, interaction.permissions)
    held = await rights.rights_of(store, team, member, now, is_private=True)
    since = rights.month_start(now)
    whole = await store.spent(team, None, since)
    own = await store.spent(team, str(member.id), since)
    used = {"person": own.used_s, "team": whole.used_s}
    limits = {"person": await rights.minutes_for(store, team, "person"),
              "team": await rights.minutes_for(store, team, "team")}
    fields = []
    for whose in ("person", "team"):
        shown = None if "costs" in held.denied else round(used[whose] / 60)
        said = say("discord.settings.minutes", language, {"minutes": limits[whose], "whose": whose, "used": shown})
        fields.append((say(f"discord.settings.minutes_{whose}", language), said))
    by_role = await rights.minutes_of_roles(store, team)
    if by_role:
        lines = [
            say("discord.settings.minutes_of_role", language, {"role": _role_name(interaction, role), "minutes": most})
            for role, most in by_role.items()
        ]
        fields.append((say("discord.settings.minutes_role", language), "\n".join(sorted(lines))))
    return fields


def _role_name(interaction: Interaction, role: int) -> str:
    found = interaction.guild.get_role(role) if interaction.guild is not None else None
    return found.name if found is not None else "?"


async def answer(interaction: Interaction, card: Card) -> None:
    """Shows a card to this person alone, in place of "thinking"."""
    for at, post in enumerate(posts_of(card)):
        parts = parts_of(post)
        parts.pop("suppress_embeds", None)
        if at == 0:
            await interaction.edit_original_response(**parts)
        else:
            await interaction.followup.send(**parts, ephemeral=True)
