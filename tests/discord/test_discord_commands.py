"""What Discord is told of the commands: every one of them, its options and its choices, in English and in Japanese."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.discord_front import check
from bot.discord_front.commands import register
from bot.discord_front.translate import Words
from bot.phrases import LANGUAGES, say
from bot.settings import BotSettings

COMMANDS = {"tune", "data", "jobs", "job", "stop", "explain", "chat", "compare", "best", "export", "settings", "help",
            "history", "name", "team-model"}
MENUS = {"Tune on this file", "Ask the tuned model"}
AUTOCOMPLETE = {"tune": {"setting", "data", "model"}, "data": {"data"}, "job": {"job"}, "stop": {"job"},
                "explain": {"word", "job"}, "chat": {"job"}, "compare": {"job"}, "best": {"job"}, "export": {"job"},
                "name": {"job"}, "team-model": {"job"}}
TOTAL = 8000
"""Characters of names, descriptions and choices of one command, in its longest language."""


@cache
def payload() -> list[dict[str, Any]]:
    async def made() -> list[dict[str, Any]]:
        client = discord.Client(intents=discord.Intents.none())
        tree = app_commands.CommandTree(client)
        register(tree)  # type: ignore[arg-type]
        words = Words()
        kinds = (discord.AppCommandType.chat_input, discord.AppCommandType.message, discord.AppCommandType.user)
        return [await command.get_translated_payload(tree, words)
                for kind in kinds for command in tree.get_commands(type=kind)]

    return asyncio.run(made())


def slash() -> list[dict[str, Any]]:
    return [each for each in payload() if each.get("type", 1) == 1]


def named(one: Mapping[str, Any], locale: str) -> str:
    return str((one.get("name_localizations") or {}).get(locale, one["name"]))


def described(one: Mapping[str, Any], locale: str) -> str:
    return str((one.get("description_localizations") or {}).get(locale, one["description"]))


def texts(one: Mapping[str, Any], locale: str) -> Iterator[str]:
    yield named(one, locale)
    yield described(one, locale)
    for option in one.get("options", ()):
        yield named(option, locale)
        yield described(option, locale)
        for choice in option.get("choices", ()):
            yield named(choice, locale)


def test_every_command_and_menu_of_the_design_is_there_and_no_other_kind() -> None:
    assert {each["name"] for each in slash()} >= COMMANDS
    assert {each["name"] for each in payload() if each.get("type", 1) != 1} == MENUS
    assert len(slash()) <= 100


def test_what_can_be_looked_up_is_offered_while_it_is_typed() -> None:
    found = {each["name"]: {option["name"] for option in each["options"] if option.get("autocomplete")}
             for each in slash()}
    for name, options in AUTOCOMPLETE.items():
        assert options <= found[name], name


@pytest.mark.parametrize("one", payload(), ids=lambda one: one["name"])
def test_everything_that_is_read_has_japanese_words_of_its_own(one: Mapping[str, Any]) -> None:
    assert is_japanese(named(one, "ja")), "a menu shows its Japanese name in a Japanese Discord"
    if one.get("type", 1) != 1:
        return
    assert is_japanese(described(one, "ja"))
    for option in one["options"]:
        assert is_japanese(named(option, "ja")), option["name"]
        assert is_japanese(described(option, "ja")), option["name"]
        for choice in option.get("choices", ()):
            assert is_japanese(named(choice, "ja")), choice["name"]


@pytest.mark.parametrize("locale", ["en-US", "ja"])
@pytest.mark.parametrize("one", slash(), ids=lambda one: one["name"])
def test_names_descriptions_and_choices_are_as_discord_takes_them(one: Mapping[str, Any], locale: str) -> None:
    for each in (one, *one["options"]):
        name = named(each, locale)
        assert 1 <= len(name) <= 32
        assert name == name.lower()
        assert all(sign in "-_'" or unicodedata.category(sign)[0] in "LN" for sign in name), name
        assert 1 <= len(described(each, locale)) <= 100
    names = [named(option, locale) for option in one["options"]]
    assert len(set(names)) == len(names) <= 25
    for option in one["options"]:
        offered = [named(choice, locale) for choice in option.get("choices", ())]
        assert len(set(offered)) == len(offered) <= 25
        assert all(1 <= len(text) <= 100 for text in offered)
    assert sum(len(text) for text in texts(one, locale)) <= TOTAL


@pytest.mark.parametrize("locale", ["en-US", "ja"])
def test_no_two_commands_have_the_same_name(locale: str) -> None:
    for kind in (1, 3):
        names = [named(each, locale) for each in payload() if each.get("type", 1) == kind]
        assert len(set(names)) == len(names)


def test_commands_work_in_servers_and_alone_with_onsa_and_are_installed_by_servers() -> None:
    for each in payload():
        assert each["contexts"] == [0, 1], each["name"]
        assert each["integration_types"] == [0], each["name"]
        assert each["default_member_permissions"] is None, "who may do what is Onsa's own setting, told kindly"


def is_japanese(text: str) -> bool:
    return bool(re.search(r"[\u3040-\u30ff\u3400-\u9fff]", text))


def test_the_readme_names_only_commands_buttons_and_settings_that_there_are() -> None:
    text = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    section = text.split("## In Discord")[1].split("\n## ")[0]
    names = {named(each, locale) for each in slash() for locale in ("en-US", "ja")}
    said = {match for match in re.findall(r"`/([^`\s]+)`", section) if not match.isspace()}
    assert said
    assert said <= names
    settings = {alias for field in BotSettings.model_fields.values()
                for alias in getattr(field.validation_alias, "choices", ())}
    settings |= {f"ONSA_{name}".upper() for name in BotSettings.model_fields}
    assert set(re.findall(r"\b(?:ONSA|DISCORD)_[A-Z_]+", section)) <= settings
    for language, words in (("en", ("sample", "costs")), ("ja", ("sample",))):
        for word in words:
            assert f"**{say(f'buttons.{word}_label', language)}**" in section  # type: ignore[arg-type]


@pytest.mark.parametrize("name", check.NEEDED)
def test_every_permission_that_is_asked_for_has_words_in_both_languages(name: str) -> None:
    assert all(say(f"discord.check.permission_{name}", language) for language in LANGUAGES)
