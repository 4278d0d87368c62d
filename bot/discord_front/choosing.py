"""What commands offer while they are typed: only the team's own jobs and data, at most Discord's 25 choices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

import discord
from discord import app_commands

from bot import glossary
from bot.discord_front.markup import clip
from bot.discord_front.places import language_of, team_of
from bot.manage.names import name_of
from bot.phrases import say
from bot.planning import name_of_data
from tuner.plan import models
from tuner.plan.knobs import KNOBS
from tuner.store.records import Job

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient

Interaction: TypeAlias = "discord.Interaction[OnsaClient]"

MOST, _LENGTH = 25, 100


def _matching(offers: Iterable[tuple[str, str]], typed: str) -> list[app_commands.Choice[str]]:
    """Those whose name or value holds what was typed; values must fit as well."""
    wanted = typed.casefold().strip()
    found = [
        app_commands.Choice(name=clip(name, _LENGTH), value=value)
        for name, value in offers
        if len(value) <= _LENGTH and (wanted in name.casefold() or wanted in value.casefold())
    ]
    return found[:MOST]


async def _jobs(interaction: Interaction, typed: object, *, only_active: bool) -> list[app_commands.Choice[int]]:
    front = interaction.client.front
    team = team_of(interaction.guild_id, interaction.user.id)
    found: list[app_commands.Choice[int]] = []
    for job in await front.store.jobs(team, limit=200):
        if only_active and job.is_over:
            continue
        name = await _job_name(interaction, job)
        if str(typed or "").casefold().strip() in name.casefold():
            found.append(app_commands.Choice(name=clip(name, _LENGTH), value=job.number))
        if len(found) == MOST:
            break
    return found


async def _job_name(interaction: Interaction, job: Job) -> str:
    language = language_of(interaction.locale)
    state = say(f"replies.jobs.state_{job.shown}", language)
    name = await name_of_data(interaction.client.front.store, job)
    called = await name_of(interaction.client.front.store, job.team, job.number)
    facts = {"job": job.number, "state": state, "dataset": name, "name": called}
    return say("discord.front.choice_job", language, facts)


async def jobs(interaction: Interaction, current: str) -> list[app_commands.Choice[int]]:
    """The team's jobs, newest first."""
    return await _jobs(interaction, current, only_active=False)


async def active_jobs(interaction: Interaction, current: str) -> list[app_commands.Choice[int]]:
    """Those that run, wait or rest."""
    return await _jobs(interaction, current, only_active=True)


async def datasets(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
    """The team's data sets, newest first."""
    team = team_of(interaction.guild_id, interaction.user.id)
    known = await interaction.client.front.store.datasets(team)
    return _matching(((dataset.name, dataset.name) for dataset in known), current)


async def settings(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
    """What can be searched, by its name in the person's language."""
    language = language_of(interaction.locale)
    return _matching(((say(f"knobs.{name}", language), name) for name in KNOBS), current)


async def models_(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
    """The models of the catalogue."""
    return _matching(((card.name, card.name) for card in models.catalogue()), current)


async def terms(interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
    """The words of the glossary, by their title in the person's language."""
    language = language_of(interaction.locale)
    offers = ((glossary.define(term, language).title, term) for term in glossary.terms(language))
    return _matching(offers, current)
