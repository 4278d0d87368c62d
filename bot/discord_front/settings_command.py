"""/settings: the person's language, and what an admin decides for the team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import discord
from discord import app_commands

from bot.discord_front import rights
from bot.discord_front.outlet import parts_of
from bot.discord_front.places import guild_of, team_of
from bot.discord_front.presses import language_for
from bot.discord_front.render import posts_of
from bot.discord_front.translate import word
from bot.phrases import Language, say
from bot.replies import Card
from tuner.store import Store

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient, Tree

Interaction: TypeAlias = "discord.Interaction[OnsaClient]"

_ADMINS_ONLY = ("team_language", "start", "stop", "export", "everybody", "person_minutes", "team_minutes", "listen")
_LANGUAGES = ("en", "ja", "auto")


def add_settings(tree: Tree) -> None:
    names = ("language", *_ADMINS_ONLY)
    languages = [app_commands.Choice(name=word(f"language_{name}"), value=name) for name in _LANGUAGES]
    kept = [app_commands.Choice(name=word(f"kept_{name}"), value=name) for name in rights.KEPT]

    @tree.command(name=word("settings"), description=word("settings_about"))
    @app_commands.rename(**{name: word(f"option_{name}") for name in names})
    @app_commands.describe(**{name: word(f"option_{name}_about") for name in names})
    @app_commands.choices(language=languages, team_language=languages, everybody=kept)
    async def settings(
        interaction: Interaction,
        language: str | None = None,
        team_language: str | None = None,
        start: discord.Role | None = None,
        stop: discord.Role | None = None,
        export: discord.Role | None = None,
        everybody: str | None = None,
        person_minutes: app_commands.Range[int, 0, 10_000_000] | None = None,
        team_minutes: app_commands.Range[int, 0, 10_000_000] | None = None,
        listen: discord.TextChannel | None = None,
    ) -> None:
        roles = {"start": start, "stop": stop, "export": export}
        wishes = Wishes(
            language=language,
            team_language=team_language,
            roles={name: role for name, role in roles.items() if role is not None},
            everybody=everybody,
            minutes={"person": person_minutes, "team": team_minutes},
            listen=None if listen is None else listen.id,
        )
        await change(interaction, wishes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What /settings was called with; None and empty: stays as it is."""

    language: str | None
    team_language: str | None
    roles: Mapping[str, discord.Role]
    """Privilege -> one more role that has it."""
    everybody: str | None
    """A privilege that everybody has again."""
    minutes: Mapping[str, int | None]
    """`person` or `team` -> GPU minutes a month; 0 lifts the limit."""
    listen: int | None
    """The channel of free talk."""

    @property
    def are_for_team(self) -> bool:
        said = (self.team_language, self.everybody, self.listen, *self.minutes.values())
        return bool(self.roles) or any(one is not None for one in said)


async def change(interaction: Interaction, wishes: Wishes) -> None:
    """Changes what was asked, where this person may, and shows what holds now to this person alone."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    store = interaction.client.front.store
    team = team_of(interaction.guild_id, interaction.user.id)
    if wishes.language is not None:
        await store.prefer(team, str(interaction.user.id), "language", _stored(wishes.language))
    if wishes.are_for_team:
        if not may_change_team(interaction):
            await _answer(interaction, Card(title=say("discord.settings.admins_only", await language_for(interaction))))
            return
        await _change_team(store, team, wishes)
    await _answer(interaction, await settings_card(interaction, store, team, await language_for(interaction)))


async def _change_team(store: Store, team: str, wishes: Wishes) -> None:
    if wishes.team_language is not None:
        await store.prefer(team, None, "language", _stored(wishes.team_language))
    for privilege in rights.KEPT:
        if wishes.everybody == privilege:
            await rights.keep_for(store, team, privilege, ())
        if privilege in wishes.roles:
            before = await rights.roles_for(store, team, privilege)
            await rights.keep_for(store, team, privilege, before | {wishes.roles[privilege].id})
    for whose, minutes in wishes.minutes.items():
        if minutes is not None:
            await rights.keep_minutes(store, team, whose, minutes or None)
    if wishes.listen is not None:
        await store.prefer(team, None, "listens", str(wishes.listen))


def may_change_team(interaction: Interaction) -> bool:
    """True for those who may manage the server, and for everybody alone with Onsa."""
    permissions = interaction.permissions
    return interaction.guild_id is None or permissions.manage_guild or permissions.administrator


def _stored(language: str) -> Literal["en", "ja"] | None:
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
        roles = await rights.roles_for(store, team, privilege)
        guild = interaction.guild
        found = [guild.get_role(role) for role in roles] if guild is not None else []
        names = [role.name if role is not None else "?" for role in found]
        said = say("discord.settings.roles", language, {"roles": names})
        fields.append((say(f"discord.settings.who_{privilege}", language), said))
    for whose in ("person", "team"):
        limit = await rights.minutes_for(store, team, whose)
        said = say("discord.settings.minutes", language, {"minutes": limit})
        fields.append((say(f"discord.settings.minutes_{whose}", language), said))
    line = "discord.settings.how_admin" if may_change_team(interaction) else "discord.settings.how_member"
    return Card(title=say("discord.settings.title", language), fields=tuple(fields), lines=(say(line, language),))


async def _answer(interaction: Interaction, card: Card) -> None:
    for at, post in enumerate(posts_of(card)):
        parts = parts_of(post)
        parts.pop("suppress_embeds", None)
        if at == 0:
            await interaction.edit_original_response(**parts)
        else:
            await interaction.followup.send(**parts, ephemeral=True)
