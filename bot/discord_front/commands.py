"""Slash commands and context menus: each is one command of the desk, said from a menu. Answers hide where they list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import discord
from discord import app_commands

from bot.discord_front import choosing, running
from bot.discord_front.judging import add_judging
from bot.discord_front.managing import add_managing
from bot.discord_front.settings_command import add_settings
from bot.discord_front.translate import word
from bot.language.commands import Command, Method
from bot.language.parser import parse
from bot.language.taking import Taking
from tuner.plan.knobs import KNOBS
from tuner.plan.space import Range

if TYPE_CHECKING:
    from bot.discord_front.client import OnsaClient, Tree

Interaction: TypeAlias = "discord.Interaction[OnsaClient]"

_METHODS = ("bayes", "random", "grid")


def register(tree: Tree) -> None:
    """Adds everything to the tree; the names and descriptions stand in prompts/<language>/discord/commands.toml."""
    ours = (_add_tune, _add_data, _add_jobs, _add_talk, _add_words, _add_menus)
    for add in (*ours, add_judging, add_managing, add_settings):
        add(tree)
    for command in tree.walk_commands():
        _for_teams_and_alone(command)
    for menu in (discord.AppCommandType.message, discord.AppCommandType.user):
        for entry in tree.get_commands(type=menu):
            _for_teams_and_alone(entry)


def _for_teams_and_alone(command: Any) -> None:
    """In servers and in direct conversations with Onsa; installed by servers."""
    command.allowed_contexts = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
    command.allowed_installs = app_commands.AppInstallationType(guild=True, user=False)


def _named(*names: str) -> dict[str, app_commands.locale_str]:
    """Parameter -> its name in each language."""
    return {name: word(f"option_{name}") for name in names}


def _described(*names: str) -> dict[str, app_commands.locale_str]:
    return {name: word(f"option_{name}_about") for name in names}


def _add_tune(tree: Tree) -> None:
    names = ("request", "setting", "low", "high", "data", "trials", "method", "model", "file")

    @tree.command(name=word("tune"), description=word("tune_about"))
    @app_commands.rename(**_named(*names))
    @app_commands.describe(**_described(*names))
    @app_commands.choices(
        method=[app_commands.Choice(name=word(f"method_{name}"), value=name) for name in _METHODS]
    )
    @app_commands.autocomplete(setting=choosing.settings, data=choosing.datasets, model=choosing.models_)
    async def tune(
        interaction: Interaction,
        request: app_commands.Range[str, 1, 1000] | None = None,
        setting: str | None = None,
        low: float | None = None,
        high: float | None = None,
        data: str | None = None,
        trials: app_commands.Range[int, 1, 1000] | None = None,
        method: str | None = None,
        model: str | None = None,
        file: discord.Attachment | None = None,
    ) -> None:
        command = parse(request or "")
        space = dict(command.space or {})
        if setting is not None and setting in KNOBS:
            space[setting] = Range(low=low, high=high) if low is not None or high is not None else Range()
        problems = ("missing_range",) if setting in KNOBS and low is None and high is None else ()
        chosen: Method | None = "random" if method == "random" else "grid" if method == "grid" else None
        made = Command(
            intent="tune",
            space=space,
            method=chosen or ("bayes" if method == "bayes" else command.method),
            pruner=command.pruner,
            metric=command.metric,
            trials=trials or command.trials,
            parallel=command.parallel,
            time_budget_s=command.time_budget_s,
            model=model or command.model,
            dataset=data or command.dataset,
            job=command.job,
            problems=(*command.problems, *problems),
        )
        await running.command(interaction, made, files=[file] if file else [], in_thread="job")


def _add_data(tree: Tree) -> None:
    @tree.command(name=word("data"), description=word("data_about"))
    @app_commands.rename(**_named("file", "data"))
    @app_commands.describe(**_described("file", "data"))
    @app_commands.autocomplete(data=choosing.datasets)
    async def data_(
        interaction: Interaction, file: discord.Attachment | None = None, data: str | None = None
    ) -> None:
        command = Command(intent="data", dataset=data)
        if file is not None:
            await running.command(interaction, command, files=[file])
        else:
            await running.command(interaction, command, hidden=True)


def _add_jobs(tree: Tree) -> None:
    @tree.command(name=word("jobs"), description=word("jobs_about"))
    async def jobs(interaction: Interaction) -> None:
        await running.command(interaction, Command(intent="history"), hidden=True)

    @tree.command(name=word("job"), description=word("job_about"))
    @app_commands.rename(**_named("job"))
    @app_commands.describe(**_described("job"))
    @app_commands.autocomplete(job=choosing.jobs)
    async def job_(interaction: Interaction, job: int | None = None) -> None:
        await running.command(interaction, Command(intent="status", job=job), hidden=True)

    @tree.command(name=word("stop"), description=word("stop_about"))
    @app_commands.rename(**_named("job"))
    @app_commands.describe(**_described("job"))
    @app_commands.autocomplete(job=choosing.active_jobs)
    async def stop(interaction: Interaction, job: int | None = None) -> None:
        await running.command(interaction, Command(intent="stop", job=job))

    @tree.command(name=word("best"), description=word("best_about"))
    @app_commands.rename(**_named("job"))
    @app_commands.describe(**_described("job"))
    @app_commands.autocomplete(job=choosing.jobs)
    async def best(interaction: Interaction, job: int | None = None) -> None:
        await running.command(interaction, Command(intent="best", job=job), hidden=True)

    @tree.command(name=word("export"), description=word("export_about"))
    @app_commands.rename(**_named("job", "trial", "merged"))
    @app_commands.describe(**_described("job", "trial", "merged"))
    @app_commands.autocomplete(job=choosing.jobs)
    async def export(
        interaction: Interaction,
        job: int | None = None,
        trial: app_commands.Range[int, 0, 100_000] | None = None,
        merged: bool = False,
    ) -> None:
        command = Command(intent="export", job=job, trial=trial)
        await running.command(interaction, command, hidden=True, taking=Taking(merged=merged))


def _add_talk(tree: Tree) -> None:
    @tree.command(name=word("chat"), description=word("chat_about"))
    @app_commands.rename(**_named("prompt", "job", "trial"))
    @app_commands.describe(**_described("prompt", "job", "trial"))
    @app_commands.autocomplete(job=choosing.jobs)
    async def chat(
        interaction: Interaction,
        prompt: app_commands.Range[str, 1, 2000] | None = None,
        job: int | None = None,
        trial: app_commands.Range[int, 0, 100_000] | None = None,
    ) -> None:
        command = Command(intent="chat", prompt=prompt, job=job, trial=trial)
        await running.command(interaction, command, in_thread=None if prompt else "chat")


def _add_words(tree: Tree) -> None:
    @tree.command(name=word("explain"), description=word("explain_about"))
    @app_commands.rename(**_named("term", "job", "trial"))
    @app_commands.describe(**_described("term", "job", "trial"))
    @app_commands.autocomplete(term=choosing.terms)
    @app_commands.autocomplete(job=choosing.jobs)
    async def explain(
        interaction: Interaction,
        term: str | None = None,
        job: int | None = None,
        trial: app_commands.Range[int, 0, 100_000] | None = None,
    ) -> None:
        if term is not None and job is None and trial is None:
            await running.command(interaction, Command(intent="explain_term", term=term), hidden=True)
        else:
            command = Command(intent="explain_result", term=term, job=job, trial=trial)
            await running.command(interaction, command, hidden=True)

    @tree.command(name=word("help"), description=word("help_about"))
    async def help_(interaction: Interaction) -> None:
        await running.command(interaction, Command(intent="help"), hidden=True)


def _add_menus(tree: Tree) -> None:
    @tree.context_menu(name=word("menu_tune"))
    async def tune_on(interaction: Interaction, message: discord.Message) -> None:
        await running.tune_on(interaction, message)

    @tree.context_menu(name=word("menu_ask"))
    async def ask(interaction: Interaction, message: discord.Message) -> None:
        await running.ask_about(interaction, message)
