"""/settings: the person's language, and what an admin decides for the team."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import discord
from discord import app_commands

from bot.discord_front import rights, setting_up
from bot.discord_front.intake import language_for
from bot.discord_front.places import team_of
from bot.discord_front.settings_card import answer, may_change_team, settings_card, stored
from bot.discord_front.translate import word
from bot.phrases import say
from bot.replies import Card
from tuner.store import Store

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient, Tree

Interaction: TypeAlias = "discord.Interaction[OnsaClient]"

_ADMINS_ONLY = (
    "team_language", "start", "stop", "export", "costs", "promote", "everybody", "person_minutes", "role",
    "role_minutes", "team_minutes", "listen",
)
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
        costs: discord.Role | None = None,
        promote: discord.Role | None = None,
        everybody: str | None = None,
        person_minutes: app_commands.Range[int, 0, 10_000_000] | None = None,
        role: discord.Role | None = None,
        role_minutes: app_commands.Range[int, 0, 10_000_000] | None = None,
        team_minutes: app_commands.Range[int, 0, 10_000_000] | None = None,
        listen: discord.TextChannel | None = None,
    ) -> None:
        roles = {"start": start, "stop": stop, "export": export, "costs": costs, "promote": promote}
        wishes = Wishes(
            language=language,
            team_language=team_language,
            roles={name: found for name, found in roles.items() if found is not None},
            everybody=everybody,
            person_minutes=person_minutes,
            role=role,
            role_minutes=role_minutes,
            team_minutes=team_minutes,
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
    person_minutes: int | None
    """GPU minutes a month; 0 lifts the limit."""
    role: discord.Role | None
    """Whose minutes `role_minutes` are: neither without the other."""
    role_minutes: int | None
    team_minutes: int | None
    listen: int | None
    """The channel of free talk."""

    @property
    def are_for_team(self) -> bool:
        minutes = (self.person_minutes, self.role, self.role_minutes, self.team_minutes)
        said = (self.team_language, self.everybody, self.listen, *minutes)
        return bool(self.roles) or any(one is not None for one in said)

    @property
    def is_half(self) -> bool:
        """True where a role has no minutes, or minutes no role."""
        return (self.role is None) != (self.role_minutes is None)


async def change(interaction: Interaction, wishes: Wishes) -> None:
    """Changes what was asked, where this person may, and shows what holds now to this person alone."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    store = interaction.client.front.store
    team = team_of(interaction.guild_id, interaction.user.id)
    if wishes.language is not None:
        await store.prefer(team, str(interaction.user.id), "language", stored(wishes.language))
    if wishes.are_for_team:
        if not may_change_team(interaction):
            await answer(interaction, Card(title=say("discord.settings.admins_only", await language_for(interaction))))
            return
        if wishes.is_half:
            await answer(interaction, Card(title=say("discord.settings.role_half", await language_for(interaction))))
            return
        await _change_team(store, team, wishes)
    elif wishes.language is None and await setting_up.is_due(interaction):
        await setting_up.begin(interaction)
        return
    await answer(interaction, await settings_card(interaction, store, team, await language_for(interaction)))


async def _change_team(store: Store, team: str, wishes: Wishes) -> None:
    if wishes.team_language is not None:
        await store.prefer(team, None, "language", stored(wishes.team_language))
    for privilege in rights.KEPT:
        if wishes.everybody == privilege:
            await rights.keep_for(store, team, privilege, ())
        if privilege in wishes.roles:
            before = await rights.roles_for(store, team, privilege)
            await rights.keep_for(store, team, privilege, before | {wishes.roles[privilege].id})
    if wishes.person_minutes is not None:
        await rights.keep_minutes(store, team, "person", wishes.person_minutes or None)
    if wishes.team_minutes is not None:
        await rights.keep_minutes(store, team, "team", wishes.team_minutes or None)
    if wishes.role is not None and wishes.role_minutes is not None:
        await rights.keep_minutes_of_role(store, team, wishes.role.id, wishes.role_minutes or None)
    if wishes.listen is not None:
        await store.prefer(team, None, "listens", str(wishes.listen))
