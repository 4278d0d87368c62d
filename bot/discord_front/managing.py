"""Menu commands for keeping house: old jobs found again, names, the team's model, data deleted, disk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import discord
from discord import app_commands

from bot.discord_front import choosing, running
from bot.discord_front.translate import word
from bot.language.commands import Command
from bot.manage.history import LONGEST
from bot.manage.names import MOST
from bot.manage.tidying import MOST_KEPT
from bot.manage.wish import Thing, Wish

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient, Tree

Interaction: TypeAlias = "discord.Interaction[OnsaClient]"


def add_managing(tree: Tree) -> None:
    """Adds the commands to the tree."""
    for add in (_add_history, _add_name, _add_team_model, _add_delete, _add_checkpoints):
        add(tree)


def _add_history(tree: Tree) -> None:
    @tree.command(name=word("history"), description=word("history_about"))
    @app_commands.rename(query=word("option_query"), person=word("option_person"))
    @app_commands.describe(query=word("option_query_about"), person=word("option_person_about"))
    async def history(
        interaction: Interaction,
        query: app_commands.Range[str, 1, LONGEST] | None = None,
        person: discord.User | None = None,
    ) -> None:
        whose = "" if person is None else str(person.id)
        wish = Wish(kind="search", query=query or "", person=whose)
        await running.command(interaction, Command(intent="history"), hidden=True, managed=wish)


def _add_name(tree: Tree) -> None:
    @tree.command(name=word("name"), description=word("name_about"))
    @app_commands.rename(name=word("option_name"), job=word("option_job"), trial=word("option_named_trial"))
    @app_commands.describe(
        name=word("option_name_about"), job=word("option_job_about"), trial=word("option_named_trial_about")
    )
    @app_commands.autocomplete(job=choosing.jobs)
    async def name_(
        interaction: Interaction,
        name: app_commands.Range[str, 1, MOST],
        job: int | None = None,
        trial: app_commands.Range[int, 0, 100_000] | None = None,
    ) -> None:
        wish = Wish(kind="call", thing=Thing(job=job, trial=trial), name=name)
        await running.command(interaction, Command(intent="status", job=job), managed=wish)


def _add_team_model(tree: Tree) -> None:
    @tree.command(name=word("team_model"), description=word("team_model_about"))
    @app_commands.rename(job=word("option_promoted"), trial=word("option_trial"))
    @app_commands.describe(job=word("option_promoted_about"), trial=word("option_trial_about"))
    @app_commands.autocomplete(job=choosing.jobs)
    async def team_model(
        interaction: Interaction,
        job: int | None = None,
        trial: app_commands.Range[int, 0, 100_000] | None = None,
    ) -> None:
        is_shown = job is None and trial is None
        wish = Wish(kind="model") if is_shown else Wish(kind="promote", thing=Thing(job=job, trial=trial))
        await running.command(interaction, Command(intent="status", job=job), hidden=is_shown, managed=wish)


def _add_delete(tree: Tree) -> None:
    @tree.command(name=word("delete"), description=word("delete_about"))
    @app_commands.rename(data=word("option_data"))
    @app_commands.describe(data=word("option_data_about"))
    @app_commands.autocomplete(data=choosing.datasets)
    async def delete(interaction: Interaction, data: str) -> None:
        await running.command(interaction, Command(intent="data"), managed=Wish(kind="delete", name=data))


def _add_checkpoints(tree: Tree) -> None:
    @tree.command(name=word("checkpoints"), description=word("checkpoints_about"))
    @app_commands.rename(keep=word("option_keep"), budget=word("option_budget"), automatic=word("option_automatic"))
    @app_commands.describe(
        keep=word("option_keep_about"),
        budget=word("option_budget_about"),
        automatic=word("option_automatic_about"),
    )
    async def checkpoints(
        interaction: Interaction,
        keep: app_commands.Range[int, 0, MOST_KEPT] | None = None,
        budget: app_commands.Range[float, 0.0, 1_000_000.0] | None = None,
        automatic: bool | None = None,
    ) -> None:
        await running.command(interaction, Command(intent="settings"), managed=_rules(keep, budget, automatic))


def _rules(keep: int | None, budget_gb: float | None, automatic: bool | None) -> Wish:
    """Everything that was chosen, as one wish; nothing: what would go now. A number of 0 lifts the rule."""
    chosen = []
    if keep is not None:
        chosen.append(Wish(kind="keep", number=keep or None))
    if budget_gb is not None:
        chosen.append(Wish(kind="budget", number=max(1, int(budget_gb * 1e9)) if budget_gb else None))
    if automatic is not None:
        chosen.append(Wish(kind="mode", is_automatic=automatic))
    return replace(chosen[0], also=tuple(chosen[1:])) if chosen else Wish(kind="tidy")
