"""Names and descriptions of commands in Discord's languages, from prompts/."""

from __future__ import annotations

import discord
from discord import app_commands

from bot.phrases import has, say


def word(key: str) -> app_commands.locale_str:
    """Promises the English text of `discord.commands.<key>`, which the translator finds again in Japanese."""
    full = f"discord.commands.{key}"
    return app_commands.locale_str(say(full, "en"), key=full)


class Words(app_commands.Translator):
    """English is what every other locale sees."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        key = string.extras.get("key")
        if locale is not discord.Locale.japanese or key is None or not has(key, "ja"):
            return None
        return say(key, "ja")
